// Connections between this package and `ws`, in both roles, with and without compression.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');

const ours = require('..');
const theirs = require('ws');
const { random } = require('./helpers/random');

const GRID = [
  false,
  true,
  { threshold: 0 },
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true, serverNoContextTakeover: true, threshold: 0 },
  { clientMaxWindowBits: 9, serverMaxWindowBits: 9 },
  { clientMaxWindowBits: 8, serverMaxWindowBits: 8, threshold: 100 },
  { zlibDeflateOptions: { level: 1, memLevel: 1 } },
  { zlibDeflateOptions: { level: 9, strategy: 2 }, concurrencyLimit: 2 }
];

/** Messages of all kinds and lengths. */
function messages(seed) {
  const dice = random(seed);
  const words = 'one two three four five six seven eight nine ten'.split(' ');
  const text = (length) => {
    let result = '';
    while (result.length < length) result += `${dice.pick(words)} `;
    return result.slice(0, length);
  };
  const noise = (length) => Buffer.from(Array.from({ length }, () => dice.below(256)));
  const list = [];
  for (const length of [0, 1, 10, 100, 1000, 1024, 5000, 16_384, 16_385, 70_000, 300_000]) {
    list.push(text(length), Buffer.from(text(length)), noise(Math.min(length, 20_000)));
  }
  return list;
}

async function echo(server, client, perMessageDeflate, seed) {
  const wss = new server.WebSocketServer({ host: '127.0.0.1', perMessageDeflate, port: 0 });
  await once(wss, 'listening');
  wss.on('connection', (ws) => {
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    ws.on('error', (err) => assert.fail(err));
  });
  const ws = new client.WebSocket(`ws://127.0.0.1:${wss.address().port}`, { perMessageDeflate });
  await once(ws, 'open');
  assert.strictEqual(ws.extensions, perMessageDeflate ? 'permessage-deflate' : '');

  const list = messages(seed);
  const received = [];
  const all = new Promise((resolve) => {
    ws.on('message', (data, isBinary) => {
      received.push(isBinary ? data : data.toString());
      if (received.length === list.length + 2) resolve();
    });
  });
  let written = 0;
  for (const [i, message] of list.entries()) {
    ws.send(message, { compress: i % 5 !== 4 }, (err) => {
      assert.ifError(err);
      written++;
    });
    if (i % 7 === 0) ws.ping(`${i}`);
  }
  ws.send('a fragment, ', { fin: false });
  ws.send('x'.repeat(40_000), { fin: false });
  ws.send(' and the end');
  ws.send('last');
  await all;
  assert.strictEqual(written, list.length);
  assert.ok(received.slice(0, -2).every((data, i) => Buffer.from(data).equals(Buffer.from(list[i]))));
  assert.strictEqual(received.at(-2), `a fragment, ${'x'.repeat(40_000)} and the end`);
  assert.strictEqual(received.at(-1), 'last');
  ws.close(1000, 'done');
  const [code, reason] = await once(ws, 'close');
  assert.deepStrictEqual([code, reason.toString()], [1000, 'done']);
  await new Promise((resolve) => wss.close(resolve));
}

for (const [i, perMessageDeflate] of GRID.entries()) {
  const name = JSON.stringify(perMessageDeflate);
  test(`a server of this package and a client of ws: ${name}`, () => echo(ours, theirs, perMessageDeflate, i));
  test(`a server of ws and a client of this package: ${name}`, () => echo(theirs, ours, perMessageDeflate, i));
  test(`both of this package: ${name}`, () => echo(ours, ours, perMessageDeflate, i));
}

test('closing while messages are compressed', async () => {
  const wss = new ours.WebSocketServer({ host: '127.0.0.1', perMessageDeflate: true, port: 0 });
  await once(wss, 'listening');
  for (const end of ['close', 'terminate']) {
    const ws = new ours.WebSocket(`ws://127.0.0.1:${wss.address().port}`);
    const [[peer]] = await Promise.all([once(wss, 'connection'), once(ws, 'open')]);
    const errors = [];
    const received = [];
    peer.on('message', (data) => received.push(data.length));
    ws.send('x'.repeat(500_000), (err) => errors.push(err?.message));
    ws.send('later', (err) => errors.push(err?.message));
    ws[end]();
    await once(peer, 'close');
    while (errors.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const message = 'The socket was closed while data was being compressed';
    assert.deepStrictEqual(errors, end === 'close' ? [undefined, undefined] : [message, message]);
    assert.deepStrictEqual(received, end === 'close' ? [500_000, 5] : []);
  }
  await new Promise((resolve) => wss.close(resolve));
});

test('small compressed messages are sent in the next turn, in order', async () => {
  const wss = new ours.WebSocketServer({ host: '127.0.0.1', perMessageDeflate: true, port: 0 });
  await once(wss, 'listening');
  const ws = new theirs.WebSocket(`ws://127.0.0.1:${wss.address().port}`);
  const order = [];
  wss.on('connection', (peer) => {
    peer.send('a'.repeat(50), () => order.push('a'));
    peer.send('b', { compress: false }, () => order.push('b'));
    process.nextTick(() => order.push('tick'));
    assert.ok(peer.bufferedAmount > 0);
    peer.close(1000);
  });
  const received = [];
  ws.on('message', (data) => received.push(data.toString()));
  await once(ws, 'close');
  assert.deepStrictEqual(received, ['a'.repeat(50), 'b']);
  assert.deepStrictEqual(order, ['tick', 'a', 'b']);
  await new Promise((resolve) => wss.close(resolve));
});
