// Gateways: on the port of the application, by paths, and on a port of their own.
'use strict';

const { assert, freePort, inbox, load, once, run, until, within } = require('./program');

load('reflect-metadata');
const { Module } = load('@nestjs/common');
const { NestFactory } = load('@nestjs/core');
const { WsAdapter } = load('@nestjs/platform-ws');
const websockets = load('@nestjs/websockets');
const { from } = load('rxjs');
const WebSocket = load('ws');

const { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } = websockets;

/** Decorates a gateway, as the compiler of TypeScript would have done. */
function gateway(port, options) {
  class Gateway {
    constructor() {
      this.calls = [];
    }
    afterInit(server) {
      this.calls.push(`init ${typeof server.handleUpgrade}`);
    }
    handleConnection(client, request) {
      this.calls.push(`connection ${request.url}`);
      client.on('pong', () => this.calls.push('pong'));
      client.ping();
    }
    handleDisconnect() {
      this.calls.push('disconnect');
    }
    echo(data) {
      return { data, event: 'echo' };
    }
    count(data) {
      return from(Array.from({ length: data }, (_, i) => ({ data: i, event: 'count' })));
    }
    shout(data) {
      const message = JSON.stringify({ data, event: 'heard' });
      for (const client of this.server.clients) client.send(message);
    }
  }

  for (const name of ['echo', 'count', 'shout']) {
    const descriptor = Object.getOwnPropertyDescriptor(Gateway.prototype, name);
    SubscribeMessage(name)(Gateway.prototype, name, descriptor);
    MessageBody()(Gateway.prototype, name, 0);
  }
  WebSocketServer()(Gateway.prototype, 'server');
  WebSocketGateway(port, options)(Gateway);
  return Gateway;
}

async function connect(url) {
  const ws = new WebSocket(url);
  const { next } = inbox(ws);
  await within(`a connection to ${url}`, once(ws, 'open'));
  const call = (event, data) => ws.send(JSON.stringify({ data, event }));
  return { call, next: async (what) => JSON.parse(await next(what)), ws };
}

async function use(url, instance) {
  const [one, two] = [await connect(url), await connect(url)];
  one.call('echo', { text: 'ü'.repeat(300_000) });
  assert.strictEqual((await one.next('an echo')).data.text.length, 300_000);
  one.call('count', 100);
  for (let i = 0; i < 100; i++) {
    assert.deepStrictEqual(await one.next(`number ${i}`), { data: i, event: 'count' });
  }
  one.ws.send('nonsense');
  one.call('nothing');
  one.call('shout', 'all');
  for (const client of [one, two]) {
    assert.deepStrictEqual(await client.next('a broadcast'), { data: 'all', event: 'heard' });
  }
  two.ws.close(4000, 'bye');
  assert.strictEqual((await within('an end', once(two.ws, 'close')))[0], 4000);
  await until('a disconnect', () => instance.calls.includes('disconnect'));
  await until('a pong', () => instance.calls.includes('pong'));
  assert.strictEqual(instance.calls[0], 'init function');
  return one.ws;
}

async function main() {
  const port = await freePort();
  const gateways = [
    gateway(0, { path: '/one' }),
    gateway(0, { path: '/two', perMessageDeflate: true }),
    gateway(port, { path: '/own' })
  ];
  class Application {}
  Module({ providers: gateways })(Application);
  const app = await NestFactory.create(Application, { logger: false });
  app.useWebSocketAdapter(new WsAdapter(app));
  await within('an application', app.listen(0, '127.0.0.1'));
  const base = `ws://127.0.0.1:${app.getHttpServer().address().port}`;
  const open = [
    await use(`${base}/one`, app.get(gateways[0])),
    await use(`${base}/two`, app.get(gateways[1])),
    await use(`ws://127.0.0.1:${port}/own`, app.get(gateways[2]))
  ];
  assert.strictEqual(open[1].extensions, 'permessage-deflate');
  const [err] = await within('a refusal', once(new WebSocket(`${base}/three`), 'error'));
  assert.match(err.message, /socket hang up/);
  const ends = open.map((ws) => once(ws, 'close'));
  await within('the end of the application', app.close());
  for (const [code] of await within('the end of all', Promise.all(ends))) {
    assert.strictEqual(code, 1006);
  }
}

run(main);
