'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');
const { pipeline } = require('node:stream/promises');
const { Readable, Writable } = require('node:stream');

const ours = require('..');
const theirs = require('ws');
const { Pipe, settle } = require('./helpers/pipe');
const { closePayload, frame, parseFrames } = require('./helpers/frames');
const { connect, describeError } = require('./helpers/trace');

/** A stream of a library on a pipe, and what happens to it. */
function open(library, options) {
  const { pipe, ws } = connect(library.WebSocket);
  const stream = library.createWebSocketStream(ws, options);
  const events = [];
  stream.on('data', (data) => events.push(['data', data.toString(), typeof data]));
  for (const name of ['end', 'finish', 'close']) stream.on(name, () => events.push(name));
  stream.on('error', (err) => events.push(['error', ...describeError(err)]));
  ws.on('close', (code) => events.push(['closed', code]));
  return { events, pipe, stream, ws };
}

async function compare(script, options) {
  const results = [];
  for (const library of [ours, theirs]) {
    const opened = open(library, options);
    await script(opened);
    await settle();
    if (!opened.pipe.destroyed) opened.pipe.destroy();
    await settle();
    results.push([opened.events, opened.pipe.bytes.toString('hex')]);
  }
  assert.deepStrictEqual(results[0], results[1]);
  return results[0];
}

test('X1: each write is a message, each message a chunk', async () => {
  const [events] = await compare(async ({ pipe, stream }) => {
    stream.write('text');
    stream.write(Buffer.from('bytes'));
    pipe.push(Buffer.concat([frame(0x81, 'a'), frame(0x82, 'b')]));
    await settle();
  });
  assert.deepStrictEqual(events.slice(0, 2), [['data', 'a', 'object'], ['data', 'b', 'object']]);
});

test('X1: decodeStrings and readableObjectMode', async () => {
  await compare(async ({ pipe, stream }) => {
    stream.write('text');
    pipe.push(Buffer.concat([frame(0x81, 'a'), frame(0x82, 'b')]));
    await settle();
  }, { decodeStrings: false, encoding: undefined, readableObjectMode: true });
});

test('X1: the ways to end', async () => {
  const endings = {
    end: async ({ pipe, stream }) => {
      stream.end('last');
      await settle();
      pipe.push(frame(0x88, closePayload(1005)));
      pipe.push(null);
    },
    'end, answered': async ({ pipe, stream }) => {
      stream.end();
      await settle();
      pipe.push(frame(0x88));
      await settle();
      pipe.push(null);
    },
    'the peer closes': async ({ pipe }) => {
      pipe.push(frame(0x88, closePayload(1000)));
      await settle();
      pipe.push(null);
    },
    'the socket ends': async ({ pipe }) => pipe.push(null),
    destroy: async ({ stream }) => stream.destroy(),
    'destroy with an error': async ({ stream }) => stream.destroy(new Error('own')),
    'a violation': async ({ pipe }) => pipe.push(frame(0x83)),
    terminate: async ({ ws }) => ws.terminate()
  };
  for (const script of Object.values(endings)) {
    await compare(async (opened) => {
      await script(opened);
      await settle();
    });
  }
});

test('X1: a reader that does not read pauses the connection', async () => {
  const { pipe, ws } = connect(ours.WebSocket);
  const stream = ours.createWebSocketStream(ws, { readableHighWaterMark: 10 });
  pipe.push(Buffer.concat([frame(0x82, Buffer.alloc(20)), frame(0x82, Buffer.alloc(5))]));
  await settle();
  assert.strictEqual(ws.isPaused, true);
  stream.resume();
  await settle();
  assert.strictEqual(ws.isPaused, false);
  pipe.destroy();
});

test('X1: writes before the connection is open wait', async () => {
  const ws = new ours.WebSocket(null, undefined, { autoPong: true });
  const stream = ours.createWebSocketStream(ws);
  stream.write('early');
  const pipe = new Pipe();
  ws.setSocket(pipe, Buffer.alloc(0), {});
  await settle();
  assert.strictEqual(parseFrames(pipe.bytes)[0].payload.toString(), 'early');
  pipe.destroy();
});

test('X1: a pipeline over a socket', async () => {
  const server = new ours.WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  server.on('connection', (ws) => {
    const stream = ours.createWebSocketStream(ws);
    stream.pipe(stream);
  });
  const ws = new ours.WebSocket(`ws://127.0.0.1:${server.address().port}`);
  const stream = ours.createWebSocketStream(ws);
  const data = Buffer.alloc(1 << 20, 'abc');
  const received = [];
  let length = 0;
  await pipeline(
    Readable.from([data.subarray(0, 400_000), data.subarray(400_000)]),
    async function* (source) {
      for await (const chunk of source) yield chunk;
      while (length < data.length) await settle(1);
    },
    stream,
    new Writable({
      write(chunk, encoding, callback) {
        received.push(chunk);
        length += chunk.length;
        callback();
      }
    })
  );
  assert.ok(Buffer.concat(received).equals(data));
  await new Promise((resolve) => server.close(resolve));
});
