// `createWebSocketStream` on both sides, a long payload, and coming back after `terminate`.
'use strict';

const assert = require('assert');
const { once } = require('events');
const { createServer } = require('http');
const load = require('module').createRequire(`${process.cwd()}/`);

const { Aedes } = load('aedes');
const mqtt = load('mqtt');
const { WebSocketServer, createWebSocketStream } = load('ws');

async function main() {
  const broker = await Aedes.createBroker();
  const http = createServer();
  const server = new WebSocketServer({ server: http });
  server.on('connection', (ws, req) => broker.handle(createWebSocketStream(ws), req));
  http.listen(0);
  await once(http, 'listening');

  const client = mqtt.connect(`ws://localhost:${http.address().port}`, { reconnectPeriod: 50 });
  await once(client, 'connect');
  await client.subscribeAsync('topic/#');

  const received = once(client, 'message');
  const payload = Buffer.alloc(1 << 20, 'payload');
  await client.publishAsync('topic/long', payload, { qos: 1 });
  const [topic, message] = await received;
  assert.strictEqual(topic, 'topic/long');
  assert.ok(payload.equals(message));

  const again = once(client, 'connect');
  for (const ws of server.clients) ws.terminate();
  await again;
  const after = once(client, 'message');
  await client.publishAsync('topic/after', 'back');
  assert.strictEqual((await after)[1].toString(), 'back');
  await client.endAsync();
}

main().then(() => process.exit(0));
