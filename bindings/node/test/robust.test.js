// Ends at every step, and what a peer may do to a server's memory.
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');

const { WebSocket, WebSocketServer } = require('..');
const native = require('../lib/native');
const { frame } = require('./helpers/frames');
const { request } = require('./helpers/raw');
const { connect } = require('./helpers/trace');
const { settle } = require('./helpers/pipe');

/** What a connection goes through; it may end after any of these. */
const STEPS = [
  ({ ws }) => ws.send('text'),
  ({ pipe }) => pipe.push(frame(0x81, 'text').subarray(0, 3)),
  ({ pipe }) => pipe.push(frame(0x81, 'text').subarray(3)),
  ({ ws }) => ws.send('fragment', { fin: false }),
  ({ pipe }) => pipe.push(frame(0x02, Buffer.alloc(30_000))),
  ({ ws }) => ws.send(Buffer.alloc(40_000)),
  ({ ws }) => ws.send(new Blob(['blob'])),
  ({ ws }) => ws.ping('ping'),
  ({ pipe }) => pipe.push(frame(0x89, 'ping')),
  ({ ws }) => ws.pause(),
  ({ pipe }) => pipe.push(frame(0x80, 'end')),
  ({ ws }) => ws.resume(),
  ({ ws }) => ws.close(1000),
  ({ pipe }) => pipe.push(frame(0x88))
];

const ENDS = {
  destroy: ({ pipe }) => pipe.destroy(),
  'destroy with an error': ({ pipe }) => pipe.destroy(new Error('reset')),
  end: ({ pipe }) => pipe.push(null),
  terminate: ({ ws }) => ws.terminate(),
  violate: ({ pipe }) => pipe.push(Buffer.from([0xff, 0xff]))
};

test('a connection may end at every step, in every way', async () => {
  const before = native.openCount();

  for (const [name, end] of Object.entries(ENDS)) {
    for (const offer of [undefined, 'permessage-deflate']) {
      for (let steps = 0; steps <= STEPS.length; steps++) {
        for (const pauses of [false, true]) {
          const connection = connect(WebSocket, { offer });
          for (const step of STEPS.slice(0, steps)) {
            step(connection);
            if (pauses) await settle(1);
          }
          if (!connection.pipe.destroyed) end(connection);
          await settle(4);
          if (!connection.pipe.destroyed) connection.pipe.destroy();
          await settle(6);
          const closes = connection.trace.filter(([event]) => event === 'close');
          const errors = connection.trace.filter(([event]) => event === 'error');
          assert.strictEqual(closes.length, 1, `${name} after ${steps} steps`);
          assert.ok(errors.length <= 1);
          assert.deepStrictEqual(connection.trace.at(-1), closes[0]);
          assert.strictEqual(connection.ws.readyState, WebSocket.CLOSED);
        }
      }
    }
  }

  // What is compressed on the thread pool ends later.
  while (native.openCount() !== before) await settle();
});

test('one-byte chunks and tiny fragments of a long message are held in little memory', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', maxFragments: 0, port: 0 });
  await once(server, 'listening');
  const socket = net.connect(server.address().port, '127.0.0.1');
  socket.setNoDelay();
  socket.write(request());
  const [ws] = await once(server, 'connection');
  const before = process.memoryUsage();
  const begin = frame(0x82, Buffer.alloc(200_000));
  socket.write(begin.subarray(0, 100_000));
  for (let i = 100_000; i < 102_000; i++) {
    socket.write(begin.subarray(i, i + 1));
    if (i % 10 === 0) await settle(1);
  }
  for (let i = 0; i < 50; i++) await settle(4);
  const after = process.memoryUsage();
  const grown = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed;
  assert.ok(grown < 8_000_000, `${grown} bytes more`);
  const received = once(ws, 'message');
  socket.write(begin.subarray(102_000));
  assert.strictEqual((await received)[0].length, 200_000);
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('a compressed message does not become longer than the limit', async () => {
  const { deflateRawSync } = require('node:zlib');
  const bomb = deflateRawSync(Buffer.alloc(50_000_000));
  const { pipe, trace } = connect(WebSocket, { maxPayload: 1_000_000, offer: 'permessage-deflate' });
  const before = process.memoryUsage().rss;
  pipe.push(frame(0xc2, bomb));
  // It is decompressed on the thread pool.
  while (trace.length === 0) await settle();
  assert.strictEqual(trace[0][3], 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
  assert.ok(process.memoryUsage().rss - before < 40_000_000);
  pipe.destroy();
});

test('connections that were opened and closed leave nothing behind', () => {
  const script = path.join(__dirname, '../scripts/churn.js');
  // 100,000 also show what resident memory does.
  const count = process.env.CHURN ?? '3000';
  execFileSync(process.execPath, [script, count], { stdio: ['ignore', 'ignore', 'inherit'] });
});
