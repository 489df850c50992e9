// What differs from ws for a reason that the README gives.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { randomBytes } = require('node:crypto');
const { test } = require('node:test');
const { constants, deflateRawSync, inflateRawSync } = require('node:zlib');

const ours = require('..');
const theirs = require('ws');
const { connect } = require('./helpers/trace');
const { frame, parseFrames } = require('./helpers/frames');
const { settle } = require('./helpers/pipe');

const LIMITED = { timeout: 30_000 };
const NO_TAKEOVER = 'permessage-deflate; server_no_context_takeover';

/** The frames that a server has sent when all callbacks were called. */
async function sent(library, offer, send) {
  const { pipe, ws } = connect(library.WebSocket, { offer });
  await new Promise((resolve) => send(ws, resolve));
  const frames = parseFrames(pipe.bytes);
  pipe.destroy();
  return frames;
}

/** 20,000 bytes are compressed on the thread pool. */
const LENGTHS = [2000, 20_000];

test('deviation: without takeover, what would not shrink goes out as it is', LIMITED, async () => {
  for (const length of LENGTHS) {
    const random = randomBytes(length);
    const send = (ws, done) => {
      ws.send(random);
      ws.send('x'.repeat(length));
      ws.send(random.toString('latin1').slice(0, 10), done);
    };
    const [plain, compressed] = await sent(ours, NO_TAKEOVER, send);
    assert.deepStrictEqual([plain.first, plain.payload], [0x82, random]);
    assert.strictEqual(compressed.first, 0xc1);
    assert.ok(compressed.payload.length < 100);
    const [other] = await sent(theirs, NO_TAKEOVER, send);
    assert.strictEqual(other.first, 0xc2);
    assert.ok(other.payload.length > length);
  }
});

test('with takeover, and in fragments, what would not shrink is compressed', LIMITED, async () => {
  for (const length of LENGTHS) {
    const random = randomBytes(length);
    const whole = (ws, done) => ws.send(random, done);
    const [{ first, payload }] = await sent(ours, 'permessage-deflate', whole);
    assert.strictEqual(first, 0xc2);
    const tail = Buffer.from([0, 0, 255, 255]);
    const options = { finishFlush: constants.Z_SYNC_FLUSH };
    assert.deepStrictEqual(inflateRawSync(Buffer.concat([payload, tail]), options), random);

    const fragments = (ws, done) => {
      ws.send(random, { fin: false });
      ws.send(randomBytes(length), done);
    };
    const frames = await sent(ours, NO_TAKEOVER, fragments);
    assert.deepStrictEqual(frames.map(({ first }) => first), [0x42, 0x80]);
    assert.ok(frames.every(({ payload }) => payload.length > length));
  }
});

test('memory that is transferred while it is compressed is what was sent', LIMITED, async () => {
  const bytes = new Uint8Array(randomBytes(20_000));
  const copy = Buffer.from(bytes);
  const [{ first, payload }] = await sent(ours, NO_TAKEOVER, (ws, done) => {
    ws.send(bytes, done);
    structuredClone(bytes, { transfer: [bytes.buffer] });
  });
  assert.strictEqual(first, 0xc2);
  const tail = Buffer.from([0, 0, 255, 255]);
  const options = { finishFlush: constants.Z_SYNC_FLUSH };
  assert.deepStrictEqual(inflateRawSync(Buffer.concat([payload, tail]), options), copy);
});

test('messages that are not compressed are received among others', LIMITED, async () => {
  const perMessageDeflate = { clientNoContextTakeover: true, serverNoContextTakeover: true };
  for (const [one, two] of [[ours, theirs], [theirs, ours], [ours, ours]]) {
    const server = new one.WebSocketServer({ host: '127.0.0.1', perMessageDeflate, port: 0 });
    await once(server, 'listening');
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
    const ws = new two.WebSocket(`ws://127.0.0.1:${server.address().port}`, { perMessageDeflate });
    await once(ws, 'open');
    for (const payload of [randomBytes(2000), randomBytes(50_000), Buffer.alloc(50_000)]) {
      ws.send(payload);
      assert.ok((await once(ws, 'message'))[0].equals(payload));
    }
    ws.close();
    await once(ws, 'close');
    server.close();
  }
});

/** What a server makes of a frame of such a length, whose payload does not come. */
async function errorAfter(library, bytes, options) {
  const { pipe, trace } = connect(library.WebSocket, options);
  pipe.push(bytes);
  await settle();
  pipe.destroy();
  return trace[0]?.slice(1);
}

function headOf(length) {
  const bytes = frame(0x82, '', { form: 64 });
  bytes.writeBigUInt64BE(length, 2);
  return bytes;
}

test('deviation: a length beyond 2^53 exceeds the limit, if there is one', LIMITED, async () => {
  const head = headOf(2n ** 53n);
  assert.deepStrictEqual(await errorAfter(ours, head, {}), [
    'RangeError',
    'Max payload size exceeded',
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
  ]);
  assert.deepStrictEqual(await errorAfter(theirs, head, {}), [
    'RangeError',
    'Unsupported WebSocket frame: payload length > 2^53 - 1',
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'
  ]);
  const unlimited = { maxPayload: 0 };
  const own = await errorAfter(ours, head, unlimited);
  assert.deepStrictEqual(own, await errorAfter(theirs, head, unlimited));
});

test('deviation: a message that is too long is told after its whole header', LIMITED, async () => {
  const head = headOf(2n ** 40n);
  const [error, message] = ['RangeError', 'Max payload size exceeded'];
  assert.strictEqual(await errorAfter(ours, head.subarray(0, 10), {}), undefined);
  assert.deepStrictEqual((await errorAfter(ours, head, {})).slice(0, 2), [error, message]);
  const early = await errorAfter(theirs, head.subarray(0, 10), {});
  assert.deepStrictEqual(early.slice(0, 2), [error, message]);
});

test('deviation: a fragment too many is told by its header', LIMITED, async () => {
  const first = frame(0x02, 'x');
  const bytes = Buffer.concat([first, frame(0x00, 'yyyy').subarray(0, 6)]);
  const options = { maxFragments: 1 };
  assert.deepStrictEqual(await errorAfter(ours, bytes, options), [
    'RangeError',
    'Too many message fragments',
    'WS_ERR_TOO_MANY_BUFFERED_PARTS'
  ]);
  assert.strictEqual(await errorAfter(theirs, bytes, options), undefined);
});

/** What is received of compressed messages. */
async function received(library, messages) {
  const { pipe, trace } = connect(library.WebSocket, { offer: 'permessage-deflate' });
  for (const message of messages) pipe.push(frame(0xc1, message));
  // The thread pool of ws takes its time; each of these tests knows how much there will be.
  for (let i = 0; trace.length < messages.length && i < 1000; i++) await settle(5);
  pipe.destroy();
  return trace.map(([name, data]) => `${name} ${data}`);
}

test('deviation: data after a BFINAL block is decompressed', LIMITED, async () => {
  // RFC 7692 §7.2.3.4 has such a message; here are two of its blocks.
  const final = deflateRawSync('one');
  const next = deflateRawSync('two', { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  const messages = [Buffer.concat([final, next]), Buffer.concat([final, Buffer.from([0])])];
  const text = (string) => `message ${Buffer.from(string).toString('hex')}`;
  assert.deepStrictEqual(await received(ours, messages), [text('onetwo'), text('one')]);
  assert.notDeepStrictEqual(await received(theirs, messages), [text('onetwo'), text('one')]);
});

test('deviation: dictionary, flush, finishFlush, windowBits do nothing', LIMITED, async () => {
  const data = Buffer.from('a dictionary has this text '.repeat(10));
  const compressed = (perMessageDeflate) => {
    const options = { offer: 'permessage-deflate', perMessageDeflate };
    const { pipe, ws } = connect(ours.WebSocket, options);
    return new Promise((resolve) => ws.send(data, resolve)).then(() => {
      pipe.destroy();
      return pipe.bytes;
    });
  };
  const without = await compressed({});
  for (const option of [
    { dictionary: data },
    { finishFlush: constants.Z_FINISH },
    { flush: constants.Z_FULL_FLUSH },
    { windowBits: 9 }
  ]) {
    assert.deepStrictEqual(await compressed({ zlibDeflateOptions: option }), without);
  }
  const stored = await compressed({ zlibDeflateOptions: { level: 0 } });
  assert.ok(stored.length > without.length);
});

test('deviation: memory of a chunk that a listener transfers', LIMITED, async () => {
  const { pipe, trace, ws } = connect(ours.WebSocket);
  ws.once('message', ({ buffer }) => structuredClone(buffer, { transfer: [buffer] }));
  const bytes = Buffer.concat([frame(0x82, 'x'.repeat(200)), frame(0x82, 'y'.repeat(200))]);
  pipe.push(Buffer.from(new Uint8Array(bytes).buffer));
  await settle();
  assert.deepStrictEqual(trace.map(([name]) => name).slice(0, 2), ['message', 'error']);
  assert.strictEqual(trace[1][3], 'WS_ERR_TRANSFERRED_CHUNK');
  pipe.destroy();
});
