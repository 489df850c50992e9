// `wsEngine`: upgrade from polling, and frames that are sent as they are.
'use strict';

const assert = require('assert');
const { createServer } = require('http');
const { once } = require('events');
const load = require('module').createRequire(`${process.cwd()}/`);

const { Server } = load('engine.io');
const { Socket } = load('engine.io-client');
const { WebSocketServer } = load('ws');

async function main() {
  for (const transports of [['websocket'], ['polling', 'websocket']]) {
    const http = createServer();
    const server = new Server({
      maxHttpBufferSize: 1e6,
      perMessageDeflate: true,
      wsEngine: WebSocketServer
    });
    server.attach(http);
    http.listen(0);
    await once(http, 'listening');
    server.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(data));
      assert.ok(socket.request.connection.remoteAddress);
    });
    const client = new Socket(`ws://localhost:${http.address().port}`, { transports });
    await new Promise((resolve) => client.on('open', resolve));
    if (transports.length > 1) await new Promise((resolve) => client.on('upgrade', resolve));
    const sent = ['text', 'x'.repeat(100_000), Buffer.from('bytes'), Buffer.alloc(50_000, 1)];
    const received = [];
    const all = new Promise((resolve) => {
      client.on('message', (data) => {
        received.push(data);
        if (received.length === sent.length) resolve();
      });
    });
    sent.forEach((data) => client.send(data));
    await all;
    received.forEach((data, i) => assert.ok(Buffer.from(data).equals(Buffer.from(sent[i]))));
    client.close();
    server.close();
    http.close();
  }
}

main().then(() => process.exit(0));
