// 'drain', maxBufferedAmount and overflowPolicy.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');

const theirs = require('ws');
const { WebSocket, WebSocketServer } = require('..');
const { Pipe, settle } = require('./helpers/pipe');
const { parseFrames } = require('./helpers/frames');
const { record } = require('./helpers/trace');

/** A socket that takes what is written only when it is told to. */
class SlowPipe extends Pipe {
  constructor(options) {
    super(options);
    this.waiting = [];
  }

  _write(chunk, encoding, callback) {
    this.waiting.push(() => super._write(chunk, encoding, callback));
  }

  /** Takes the writes that wait, one by one. */
  async take(count = Infinity) {
    while (count-- > 0 && this.waiting.length > 0) {
      this.waiting.shift()();
      await settle(2);
    }
  }
}

/** A server's connection on such a socket. */
function slow(options = {}, pipe = new SlowPipe()) {
  const ws = new WebSocket(null, undefined, { closeTimeout: 30_000 });
  const trace = [];
  record(ws, trace);
  ws.on('drain', () => trace.push(['drain', ws.bufferedAmount]));
  ws.setSocket(pipe, Buffer.alloc(0), options);
  return { pipe, trace, ws };
}

/** A server, and a client of `ws` that does not read for now. */
async function paused(options) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await once(server, 'listening');
  const client = new theirs.WebSocket(`ws://127.0.0.1:${server.address().port}`);
  const [[ws]] = await Promise.all([once(server, 'connection'), once(client, 'open')]);
  client.pause();
  client.received = [];
  client.on('message', (data) => client.received.push(data.toString('latin1', 0, 8)));
  return { client, server, ws };
}

async function close({ client, server }) {
  client.terminate();
  for (const ws of server.clients) ws.terminate();
  await new Promise((resolve) => server.close(resolve));
}

const numbered = (number, length) => Buffer.alloc(length, String(number).padStart(8, '0'));

test("without a limit, 'drain' follows what the socket had no room for", async () => {
  const { pipe, trace, ws } = slow({}, new SlowPipe({ writableHighWaterMark: 1000 }));
  ws.send(Buffer.alloc(500));
  await settle();
  await pipe.take();
  assert.deepStrictEqual(trace, []);
  for (let i = 0; i < 3; i++) {
    ws.send(Buffer.alloc(400));
    await settle();
  }
  await pipe.take(2);
  assert.deepStrictEqual(trace, []);
  await pipe.take();
  assert.deepStrictEqual(trace, [['drain', 0]]);
  ws.send(Buffer.alloc(2000));
  await settle();
  await pipe.take();
  assert.deepStrictEqual(trace, [['drain', 0], ['drain', 0]]);
});

test("a full buffer refuses messages until 'drain'", async () => {
  const { pipe, trace, ws } = slow({ maxBufferedAmount: 10, overflowPolicy: 'refuse' });
  const results = [];
  const note = (name) => (err) => results.push([name, err ? err.code : null]);
  ws.send('a', note('a'));
  // Longer than the limit, but little waits before it.
  ws.send(Buffer.alloc(20), note('b'));
  ws.send('c', note('c'));
  ws.send('without a callback');
  await settle();
  assert.deepStrictEqual(results, [['c', 'WS_ERR_BUFFER_FULL']]);
  await assert.rejects(ws.sendAsync('d'), {
    code: 'WS_ERR_BUFFER_FULL',
    message: 'More than 10 bytes wait to be sent'
  });
  assert.strictEqual(ws.readyState, WebSocket.OPEN);
  assert.strictEqual(ws.closeCause, null);
  // Control frames always have room.
  ws.ping('p', undefined, note('p'));
  await settle();

  await pipe.take();
  assert.deepStrictEqual(trace, [['drain', 0]]);
  ws.send('e', note('e'));
  await settle();
  await pipe.take();
  assert.deepStrictEqual(results.slice(1), [['a', null], ['b', null], ['p', null], ['e', null]]);
  assert.deepStrictEqual(trace, [['drain', 0]]);
  assert.deepStrictEqual(
    parseFrames(pipe.bytes).map(({ first, payload }) => [first, payload.length]),
    [[0x81, 1], [0x82, 20], [0x89, 1], [0x81, 1]]
  );
});

test('by default, a connection whose buffer is full is closed with 1013', async () => {
  const { pipe, trace, ws } = slow({ maxBufferedAmount: 10 });
  let error;
  ws.send(Buffer.alloc(20));
  ws.send('lost', (err) => (error = err));
  assert.strictEqual(ws.readyState, WebSocket.CLOSING);
  await settle();
  assert.strictEqual(error.code, 'WS_ERR_BUFFER_FULL');
  assert.strictEqual(ws.closeCause, error);
  await pipe.take();
  const [message, end] = parseFrames(pipe.bytes);
  assert.deepStrictEqual([message.payload.length, end.first], [20, 0x88]);
  assert.deepStrictEqual([...end.payload], [1013 >> 8, 1013 & 0xff]);
  // Nobody can send any more.
  assert.deepStrictEqual(trace, []);
  pipe.destroy();
});

test('what is sent in one turn is handed to the kernel before it counts', async () => {
  const ws = new WebSocket(null, undefined, {});
  const pipe = new Pipe();
  ws.setSocket(pipe, Buffer.alloc(0), { maxBufferedAmount: 1000, overflowPolicy: 'refuse' });
  await Promise.all(Array.from({ length: 100 }, () => ws.sendAsync(Buffer.alloc(100))));
  assert.strictEqual(parseFrames(pipe.bytes).length, 100);
});

test('a client of ws that does not read gets all that was accepted, and then 1013', async () => {
  const connection = await paused({ maxBufferedAmount: 100_000 });
  const { client, ws } = connection;
  let accepted = 0;
  let most = 0;
  while (ws.readyState === WebSocket.OPEN) {
    ws.send(numbered(accepted, 50_000), (err) => err && accepted--);
    accepted++;
    most = Math.max(most, ws.bufferedAmount);
    await settle(1);
  }
  await settle(1);
  assert.ok(most <= 100_000 + 50_100, `${most} bytes`);
  client.resume();
  const [[code], [clientCode]] = await Promise.all([once(ws, 'close'), once(client, 'close')]);
  assert.deepStrictEqual([code, clientCode], [1013, 1013]);
  assert.strictEqual(ws.closeCause.code, 'WS_ERR_BUFFER_FULL');
  assert.deepStrictEqual(
    client.received,
    Array.from({ length: accepted }, (_, i) => String(i).padStart(8, '0'))
  );
  await close(connection);
});

test("a sender that waits for 'drain' loses nothing", async () => {
  const connection = await paused({ maxBufferedAmount: 100_000, overflowPolicy: 'refuse' });
  const { client, ws } = connection;
  let drains = 0;
  ws.on('drain', () => drains++);
  const sendAll = async () => {
    for (let i = 0; i < 400; i++) {
      if (ws.bufferedAmount > 100_000) await once(ws, 'drain');
      ws.send(numbered(i, 50_000), (err) => assert.ok(!err));
    }
  };
  const sent = sendAll();
  await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 100))]);
  assert.ok(client.received.length < 400);
  client.resume();
  await sent;
  while (client.received.length < 400) await settle(1);
  assert.deepStrictEqual(client.received, client.received.slice().sort());
  assert.ok(drains > 0);
  await close(connection);
});

test('long messages that wait to be compressed count', async () => {
  const connection = await paused({
    maxBufferedAmount: 150_000,
    overflowPolicy: 'refuse',
    perMessageDeflate: true
  });
  const { client, ws } = connection;
  const refused = [];
  client.resume();
  for (let i = 0; i < 4; i++) ws.send(numbered(i, 100_000), (err) => err && refused.push(i));
  await once(ws, 'drain');
  assert.deepStrictEqual(refused, [2, 3]);
  while (client.received.length < 2) await settle(1);
  assert.strictEqual(client.received[1], '00000001');
  await close(connection);
});

test("'drain' also follows what was to be compressed or read", async () => {
  for (const maxBufferedAmount of [0, 10_000_000]) {
    const connection = await paused({ maxBufferedAmount, perMessageDeflate: true });
    const { client, ws } = connection;
    client.resume();
    for (const data of [Buffer.alloc(500_000), new Blob([Buffer.alloc(500_000)])]) {
      ws.send(data);
      assert.strictEqual(ws.bufferedAmount, 500_000);
      await once(ws, 'drain');
      assert.ok(ws.bufferedAmount < 16_384);
    }
    await close(connection);
  }
});

test('a sender may wait for less than the limit', async () => {
  const connection = await paused({ maxBufferedAmount: 1e9 });
  const { client, ws } = connection;
  while (ws.bufferedAmount <= 1_000_000) {
    ws.send(Buffer.alloc(100_000));
    await settle(1);
  }
  client.resume();
  await once(ws, 'drain');
  assert.strictEqual(ws.bufferedAmount, 0);
  await close(connection);
});

test('broadcast() goes on without a member that is too slow', async () => {
  for (const overflowPolicy of ['close', 'refuse']) {
    const connection = await paused({ maxBufferedAmount: 100_000, overflowPolicy });
    const { client: slowOne, server, ws: slowWs } = connection;
    const fast = new theirs.WebSocket(`ws://127.0.0.1:${server.address().port}`);
    const received = [];
    fast.on('message', (data) => received.push(data.toString('latin1', 0, 8)));
    await once(fast, 'open');
    let sent = 0;
    let count = 2;
    while (count === 2) {
      count = server.broadcast(numbered(sent++, 50_000));
      while (received.length < sent) await settle(1);
    }
    assert.strictEqual(count, 1);
    assert.deepStrictEqual(received, received.slice().sort());
    slowOne.resume();
    if (overflowPolicy === 'close') {
      const [code] = await once(slowOne, 'close');
      assert.strictEqual(code, 1013);
    } else {
      await once(slowWs, 'drain');
      assert.strictEqual(server.broadcast('again'), 2);
    }
    fast.terminate();
    await close(connection);
  }
});

test('the options are checked', () => {
  const make = (options) => [
    () => new WebSocketServer({ noServer: true, ...options }),
    () => new WebSocket('ws://127.0.0.1:1', options)
  ];
  for (const maxBufferedAmount of [-1, NaN, '5', true]) {
    for (const attempt of make({ maxBufferedAmount })) {
      assert.throws(attempt, { message: /"maxBufferedAmount" option/, name: 'RangeError' });
    }
  }
  for (const attempt of make({ overflowPolicy: 'drop' })) {
    assert.throws(attempt, { message: /must be one of "close", "refuse"/, name: 'TypeError' });
  }
  const { options } = new WebSocketServer({ noServer: true });
  assert.deepStrictEqual([options.maxBufferedAmount, options.overflowPolicy], [0, 'close']);
});
