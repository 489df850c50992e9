// Rooms, binary data, acknowledgements and compression, over WebSocket only and after polling.
'use strict';

const assert = require('assert');
const { createServer } = require('http');
const { once } = require('events');
const load = require('module').createRequire(`${process.cwd()}/`);

const { Server } = load('socket.io');
const { io } = load('socket.io-client');

async function run(options, transports) {
  const http = createServer();
  const server = new Server(http, options);
  http.listen(0);
  await once(http, 'listening');
  const url = `http://localhost:${http.address().port}`;

  server.on('connection', (socket) => {
    socket.join('room');
    socket.on('echo', (data, done) => done(data));
    socket.on('shout', (...args) => server.to('room').emit('heard', ...args));
  });

  const clients = Array.from({ length: 5 }, () => io(url, { forceNew: true, transports }));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  const isUpgraded = (client) => client.io.engine.transport.name === 'websocket';
  while (!clients.every(isUpgraded)) await new Promise((resolve) => setTimeout(resolve, 5));

  const [first] = clients;
  const bytes = Buffer.alloc(100_000, 7);
  assert.deepStrictEqual(await first.emitWithAck('echo', { a: [1, 'zwei'] }), { a: [1, 'zwei'] });
  assert.ok((await first.emitWithAck('echo', bytes)).equals(bytes));

  const heard = Promise.all(clients.map((client) => once(client, 'heard')));
  first.emit('shout', 'text '.repeat(1000), Buffer.from('bytes'));
  for (const [text, binary] of await heard) {
    assert.strictEqual(text.length, 5000);
    assert.strictEqual(binary.toString(), 'bytes');
  }

  const left = Promise.all(clients.map((client) => once(client, 'disconnect')));
  server.disconnectSockets(true);
  await left;
  await server.close();
  clients.forEach((client) => client.close());
}

async function main() {
  await run({}, ['websocket']);
  await run({}, ['polling', 'websocket']);
  await run({ perMessageDeflate: { threshold: 100 } }, ['websocket']);
}

main().then(() => process.exit(0));
