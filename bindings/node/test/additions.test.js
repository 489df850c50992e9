// What this package has and `ws` has not.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');

const { WebSocket, WebSocketServer } = require('..');
const { settle } = require('./helpers/pipe');
const { closePayload, frame } = require('./helpers/frames');
const { connect } = require('./helpers/trace');

test('sendAsync resolves when a message is written, and rejects when it cannot be', async () => {
  const { pipe, ws } = connect(WebSocket);
  await ws.sendAsync('a');
  await ws.sendAsync(Buffer.from('b'), { binary: false });
  assert.strictEqual(pipe.bytes.toString('latin1'), '\x81\x01a\x81\x01b');
  ws.terminate();
  await assert.rejects(ws.sendAsync('c'), /WebSocket is not open: readyState 2 \(CLOSING\)/);
});

test('closeCause tells why there was no close frame', async () => {
  const causes = {
    WS_ERR_CLOSE_TIMEOUT: ({ ws }) => ws.close(),
    WS_ERR_INVALID_OPCODE: ({ pipe }) => pipe.push(frame(0x83)),
    WS_ERR_NO_CLOSE_FRAME: ({ pipe }) => pipe.push(null),
    WS_ERR_TERMINATED: ({ ws }) => ws.terminate(),
    ECONNRESET: ({ pipe }) => pipe.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
  };
  for (const [code, end] of Object.entries(causes)) {
    const connection = connect(WebSocket, { closeTimeout: 10 });
    assert.strictEqual(connection.ws.closeCause, null);
    end(connection);
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (!connection.pipe.destroyed) connection.pipe.destroy();
    await settle();
    assert.strictEqual(connection.ws.closeCause.code, code);
    assert.deepStrictEqual(connection.trace.at(-1), ['close', 1006, '']);
  }

  const { pipe, ws } = connect(WebSocket);
  pipe.push(frame(0x88, closePayload(1000)));
  await settle();
  pipe.destroy();
  await settle();
  assert.strictEqual(ws.closeCause, null);
});

test('an error that nobody listens to goes to the server', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
  const [[ws]] = await Promise.all([once(server, 'connection'), once(client, 'open')]);
  client._socket.write(frame(0x83));
  const [err, connection] = await once(server, 'connectionError');
  assert.strictEqual(err.code, 'WS_ERR_INVALID_OPCODE');
  assert.strictEqual(connection, ws);
  client.terminate();
  await new Promise((resolve) => server.close(resolve));
});

test('a loop takes messages, and pauses the connection while it does not', async () => {
  const { pipe, ws } = connect(WebSocket);
  const received = [];
  const loop = (async () => {
    for await (const { data, isBinary } of ws) {
      received.push([data.toString(), isBinary]);
      if (received.length === 1) {
        pipe.push(Buffer.concat(Array.from({ length: 20 }, () => frame(0x82, 'b'))));
        await settle();
        assert.strictEqual(ws.isPaused, true);
      }
    }
  })();
  pipe.push(frame(0x81, 'a'));
  await settle();
  await settle();
  assert.strictEqual(received.length, 21);
  assert.deepStrictEqual(received.slice(0, 2), [['a', false], ['b', true]]);
  assert.strictEqual(ws.isPaused, false);
  pipe.push(frame(0x88));
  await settle();
  pipe.push(null);
  pipe.destroy();
  await loop;
  assert.strictEqual(ws.listenerCount('message'), 1);
});

test('a loop throws the error of its connection, and ends it when it is left', async () => {
  const failing = connect(WebSocket);
  const loop = (async () => {
    for await (const message of failing.ws) assert.fail(message);
  })();
  failing.pipe.push(frame(0x83));
  await settle();
  failing.pipe.destroy();
  await assert.rejects(loop, { code: 'WS_ERR_INVALID_OPCODE' });

  const left = connect(WebSocket);
  left.pipe.push(frame(0x81, 'a'));
  for await (const { data } of left.ws) {
    assert.strictEqual(data.toString(), 'a');
    break;
  }
  await settle();
  assert.strictEqual(left.ws.readyState, WebSocket.CLOSED);
});

test('a loop that is left does not care for what comes after it', async () => {
  const { pipe, ws } = connect(WebSocket);
  ws.removeAllListeners('error');
  pipe.push(Buffer.concat(Array.from({ length: 16 }, () => frame(0x81, 'a'))));
  for await (const { data } of ws) {
    assert.strictEqual(data.toString(), 'a');
    pipe.push(Buffer.from('ffff', 'hex'));
    await settle();
    break;
  }
  await settle();
  assert.strictEqual(ws.readyState, WebSocket.CLOSED);
});
