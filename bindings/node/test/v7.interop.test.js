// Connections between `v7` and `ws` 7.5, in both roles, with and without compression.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');

const { ours, theirs } = require('./helpers/v7');
const { random } = require('./helpers/random');

const GRID = [
  false,
  true,
  { threshold: 0 },
  { clientNoContextTakeover: true, serverNoContextTakeover: true, threshold: 0 },
  { clientMaxWindowBits: 9, serverMaxWindowBits: 9, threshold: 100 }
];

/** Text and bytes of many lengths. */
function messages(seed) {
  const dice = random(seed);
  const text = (length) => Array.from({ length }, () => dice.pick('ab \u00e9\u20ac')).join('');
  const lengths = [0, 1, 10, 125, 126, 1023, 1024, 5000, 16_385, 70_000];
  return lengths.flatMap((length) => [text(length), Buffer.from(text(length))]);
}

async function echo(Server, Client, perMessageDeflate, seed) {
  const server = new Server({ host: '127.0.0.1', perMessageDeflate, port: 0 });
  await once(server, 'listening');
  server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
  const ws = new Client(`ws://127.0.0.1:${server.address().port}`, { perMessageDeflate });
  await once(ws, 'open');
  assert.strictEqual(ws.extensions, perMessageDeflate ? 'permessage-deflate' : '');

  const list = messages(seed);
  const received = [];
  const all = new Promise((resolve) => {
    ws.on('message', (data) => {
      if (received.push(data) === list.length) resolve();
    });
  });
  for (const message of list) ws.send(message);
  await all;
  assert.deepStrictEqual(received, list);

  ws.close(4000, 'done');
  assert.deepStrictEqual(await once(ws, 'close'), [4000, 'done']);
  await new Promise((resolve) => server.close(resolve));
}

for (const perMessageDeflate of GRID) {
  test(`v7 and ws 7 understand each other with ${JSON.stringify(perMessageDeflate)}`, async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

    for (const [Server, Client] of [
      [ours.Server, theirs],
      [theirs.Server, ours],
      [ours.Server, ours]
    ]) {
      await echo(Server, Client, perMessageDeflate, seed).catch((cause) => {
        throw new Error(`SEED=${seed}: ${cause.message}`, { cause });
      });
    }
  });
}
