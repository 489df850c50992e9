// Compression and decompression on the thread pool: order, ends while they are under way, and whose
// memory it is.
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const { promisify } = require('node:util');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const zlib = require('node:zlib');

const ours = require('..');
const theirs = require('ws');
const native = require('../lib/native');
const { connect, finish, hex } = require('./helpers/trace');
const { cut, frame } = require('./helpers/frames');
const { noise, prose, random } = require('./helpers/random');
const { settle } = require('./helpers/pipe');

const { PerMessageDeflate } = ours;

function accepted(options, offer = {}) {
  const deflate = new PerMessageDeflate(options);
  deflate.accept([offer]);
  const methods = ['compress', 'decompress'];
  const [compress, decompress] = methods.map((name) => promisify(deflate[name]).bind(deflate));
  return { cleanup: () => deflate.cleanup(), compress, decompress };
}

test('what is closed while it compresses leaves nothing to what is opened next', async () => {
  const before = native.openCount();
  const closed = accepted({ isServer: true });
  const failed = assert.rejects(closed.compress(prose(20_000), true), /closed/);
  closed.cleanup();
  const [next, peer] = [accepted({ isServer: true }), accepted({ isServer: false })];

  for (const text of ['a', prose(300), prose(300)]) {
    const compressed = await next.compress(Buffer.from(text), true);
    assert.strictEqual((await peer.decompress(compressed, true)).toString(), text);
    await failed;
  }

  next.cleanup();
  peer.cleanup();
  assert.strictEqual(native.openCount(), before);
});

test('calls of compress and decompress are worked off in order', async () => {
  const [end, peer] = [accepted({ isServer: true }), accepted({ isServer: false })];
  const messages = [prose(30_000), 'short', prose(20_000), ''].map((text) => Buffer.from(text));
  const compressed = await Promise.all(messages.map((message) => end.compress(message, true)));
  assert.ok(compressed[2].length < compressed[0].length / 5, 'it refers to the first');
  const received = await Promise.all(compressed.map((bytes) => peer.decompress(bytes, true)));
  assert.deepStrictEqual(received, messages);
  end.cleanup();
  peer.cleanup();
});

test('memory may be written to, or given away, while it is on the pool', async () => {
  const peer = accepted({ isServer: false });
  const end = accepted({ isServer: true });
  const data = noise(100_000);
  const fill = (bytes) => bytes.fill(0);
  const transfer = ({ buffer }) => structuredClone(buffer, { transfer: [buffer] });

  const memories = [[ArrayBuffer, fill], [ArrayBuffer, transfer], [SharedArrayBuffer, fill]];

  for (const [Memory, change] of memories) {
    const later = (call, content) => {
      const bytes = new Uint8Array(new Memory(content.length));
      bytes.set(content);
      const result = call(bytes, true);
      change(bytes);
      return result;
    };
    const compressed = await later(end.compress, data);
    assert.ok((await later(peer.decompress, compressed)).equals(data));
  }

  end.cleanup();
  peer.cleanup();
});

/** Counts the calls of a function of the addon, until the test ends. */
function count(t, name) {
  const original = native[name];
  const calls = { count: 0 };
  t.after(() => (native[name] = original));
  native[name] = (...args) => {
    calls.count++;
    return original(...args);
  };
  return calls;
}

/** The payloads of messages that are compressed one after the other. */
async function compressAll(messages) {
  const end = new theirs.PerMessageDeflate({ isServer: false, threshold: 0 });
  end.accept([{}]);
  const compress = promisify(end.compress).bind(end);
  const compressed = [];
  for (const message of messages) compressed.push(await compress(Buffer.from(message), true));
  end.cleanup();
  return compressed;
}

/** Receives the same bytes with both libraries, and compares what there was to see. */
async function compare(pieces, options = {}) {
  const results = [];
  for (const { WebSocket } of [ours, theirs]) {
    const connection = connect(WebSocket, { offer: 'permessage-deflate', ...options });
    for (const piece of pieces) connection.pipe.push(Buffer.from(piece));
    await done(connection);
    results.push(await finish(connection));
  }
  assert.deepStrictEqual(results[0], results[1]);
  return results[0].trace;
}

/** Waits until a connection has seen the end of the bytes: a pong, or its own failure. */
async function done({ trace }) {
  while (!trace.some(([name]) => name === 'pong' || name === 'error')) await settle(1);
}

const END = frame(0x8a, 'end');

test('long messages are received in order, and refer to each other', async (t) => {
  const calls = count(t, 'receiveLater');
  const messages = [prose(400_000), 'short', prose(100_000), '', noise(50_000), prose(60_000)];
  const compressed = await compressAll(messages);
  const frames = compressed.map((payload, i) => frame(i === 4 ? 0xc2 : 0xc1, payload));
  const bytes = Buffer.concat([...frames, frame(0x81, 'plain'), frame(0x89, 'ping'), END]);

  for (const seed of [1, 2, 3, 4]) {
    const { below } = random(seed);
    const cuts = Array.from({ length: seed * 4 }, () => below(bytes.length));
    const trace = await compare(cut(bytes, seed === 1 ? [] : cuts));
    assert.strictEqual(trace.length, messages.length + 4);
  }

  assert.ok(calls.count > 8, `${calls.count} calls`);
});

test('long messages come in fragments, with control frames between them', async (t) => {
  const calls = count(t, 'receiveLater');
  const [payload, next] = await compressAll([prose(300_000), prose(30_000)]);
  const parts = cut(payload, [9000, 20_000, 20_000, payload.length]);
  const frames = parts.flatMap((part, i) => [
    frame((i === 0 ? 0x42 : 0) | (i === parts.length - 1 ? 0x80 : 0), part),
    frame(0x89, `ping ${i}`)
  ]);
  const bytes = Buffer.concat([...frames, frame(0xc1, next), END]);

  for (const binaryType of ['nodebuffer', 'arraybuffer', 'fragments']) {
    for (const pieces of [[bytes], cut(bytes, [10_000, 10_001, 25_000, 25_003])]) {
      const trace = await compare(pieces, { binaryType });
      assert.strictEqual(trace.filter(([name]) => name === 'ping').length, parts.length);
    }
  }

  assert.ok(calls.count >= 12, `${calls.count} calls`);
});

test('a violation in a long message is found on the pool, with the same error', async (t) => {
  const calls = count(t, 'receiveLater');
  const [good] = await compressAll([prose(200_000)]);
  // A stored block, and one of a type that is none.
  const stored = Buffer.concat([Buffer.from([0, 0x10, 0x27, 0xef, 0xd8]), noise(10_000)]);
  const bad = Buffer.concat([stored, Buffer.alloc(9, 7)]);
  const text = Buffer.from(prose(200_000));
  text[150_000] = 0xff;
  const [invalid] = await compressAll([text]);

  const codes = {
    WS_ERR_INVALID_UTF8: [[frame(0xc1, invalid)], {}],
    WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: [[frame(0xc2, good)], { maxPayload: 199_999 }],
    Z_DATA_ERROR: [[frame(0xc2, bad)], {}]
  };

  for (const [code, [frames, options]] of Object.entries(codes)) {
    const bytes = Buffer.concat([frame(0x81, 'before'), ...frames, frame(0x81, 'after'), END]);
    const trace = await compare([bytes], options);
    assert.deepStrictEqual(trace.map(([name]) => name), ['message', 'error', 'close']);
    assert.strictEqual(trace[1][3], code);
  }

  assert.ok(calls.count >= 3);
});

test('a short message that becomes longer than the limit is stopped on the pool', async (t) => {
  const calls = count(t, 'receiveLater');
  const bomb = zlib.deflateRawSync(Buffer.alloc(6_000_000));
  assert.ok(bomb.length < 8000);
  await compare([Buffer.concat([frame(0xc2, bomb), END])], { maxPayload: 5_000_000 });
  assert.ok(calls.count > 0, 'though it is short');
});

/** A connection of which a long message is on the pool. */
async function withMessageOnPool(options) {
  const [payload] = await compressAll([prose(3_000_000)]);
  const connection = connect(ours.WebSocket, { offer: 'permessage-deflate', ...options });
  connection.pipe.push(frame(0x81, 'before'));
  connection.pipe.push(Buffer.concat([frame(0xc1, payload), frame(0x81, 'after')]));
  while (connection.ws._receiver._rest === null) await settle(1);
  return connection;
}

const ENDS = {
  close: ({ ws }) => ws.close(),
  destroy: ({ pipe }) => pipe.destroy(),
  'destroy with an error': ({ pipe }) => pipe.destroy(new Error('reset')),
  end: ({ pipe }) => pipe.push(null),
  terminate: ({ ws }) => ws.terminate()
};

test('a connection may end while a long message is on the pool', async (t) => {
  const calls = count(t, 'receiveLater');
  const before = native.openCount();

  for (const [name, end] of Object.entries(ENDS)) {
    const connection = await withMessageOnPool();
    end(connection);
    if (name === 'close') connection.pipe.push(frame(0x88));
    while (native.openCount() !== before) {
      await settle(1);
      if (connection.ws.readyState === 2) connection.pipe.push(null);
    }
    await settle();
    const { trace, ws } = connection;
    assert.strictEqual(ws.readyState, 3, name);
    assert.strictEqual(trace.at(-1)[0], 'close', name);
    assert.strictEqual(trace.filter(([event]) => event === 'close').length, 1, name);
    assert.deepStrictEqual(trace[0], ['message', hex(Buffer.from('before')), false], name);
  }

  assert.ok(calls.count >= Object.keys(ENDS).length);
});

test('what waits for the pool is given up with its connection', async () => {
  const before = native.openCount();
  const release = [];
  // As many as may be done at a time.
  for (let i = 0; i < 10; i++) PerMessageDeflate._limit((done) => release.push(done));
  assert.strictEqual(release.length, 10, 'nothing else is on the pool');
  const [ended, waiting] = [await withMessageOnPool(), await withMessageOnPool()];
  await settle();
  assert.deepStrictEqual([ended, waiting].map(({ trace }) => trace.length), [1, 1]);
  ended.ws._receiver.destroy();
  ended.pipe.destroy();
  release.forEach((done) => done());
  while (waiting.trace.length < 3) await settle(1);
  assert.strictEqual(ended.trace.filter(([name]) => name === 'message').length, 1);
  waiting.pipe.destroy();
  while (native.openCount() !== before) await settle(1);
});

test('a chunk may be written to, or given away, while its message is on the pool', async () => {
  const text = prose(300_000);
  const [payload] = await compressAll([text]);
  const bytes = frame(0xc1, payload);
  const changes = {
    written: (chunk) => chunk.fill(0xff),
    transferred: (chunk) => structuredClone(chunk.buffer, { transfer: [chunk.buffer] }),
    shared: (chunk) => chunk.fill(0xff)
  };

  for (const [name, change] of Object.entries(changes)) {
    const deflate = new PerMessageDeflate({ isServer: true });
    deflate.accept([{}]);
    const extensions = { 'permessage-deflate': deflate };
    const receiver = new ours.Receiver({ extensions, isServer: true });
    const received = once(receiver, 'message');
    const Memory = name === 'shared' ? SharedArrayBuffer : ArrayBuffer;
    const chunk = new Uint8Array(new Memory(bytes.length));
    chunk.set(bytes);
    receiver.write(chunk);
    change(chunk);
    assert.ok((await received)[0].equals(Buffer.from(text)), name);
    receiver.destroy();
    deflate.cleanup();
  }
});

test('binaryType may change while a message is on the pool', async () => {
  const [payload] = await compressAll([noise(100_000)]);
  const { pipe, trace, ws } = connect(ours.WebSocket, { offer: 'permessage-deflate' });
  pipe.push(Buffer.concat([frame(0xc2, payload), frame(0x02, 'a'), frame(0x80, 'b'), END]));
  while (ws._receiver._rest === null) await settle(1);
  ws.binaryType = 'fragments';
  while (trace.length < 3) await settle(1);
  assert.deepStrictEqual(trace[1], ['message', ['61', '62'], true]);
  pipe.destroy();
});

test('a listener that throws does not lose what comes after a long message', () => {
  const script = `
    const { deflateRawSync } = require('node:zlib');
    const { WebSocket } = require(${JSON.stringify(require.resolve('..'))});
    const { connect } = require(${JSON.stringify(require.resolve('./helpers/trace'))});
    const { frame } = require(${JSON.stringify(require.resolve('./helpers/frames'))});
    const { noise } = require(${JSON.stringify(require.resolve('./helpers/random'))});
    const { pipe, ws } = connect(WebSocket, { offer: 'permessage-deflate' });
    process.on('uncaughtException', (err) => console.log('thrown', err.message));
    ws.once('message', ({ length }) => {
      ws.on('message', (data) => console.log(data.toString()));
      throw new Error(length);
    });
    pipe.push(Buffer.concat([
      frame(0xc2, deflateRawSync(noise(100_000))), frame(0x81, 'after'), frame(0x81, 'that')
    ]));`;
  const output = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  assert.strictEqual(output, 'thrown 100000\nafter\nthat\n');
});

test('a worker may end while its messages are on the pool', async () => {
  const script = `
    const { parentPort } = require('node:worker_threads');
    const { PerMessageDeflate, Receiver } = require(${JSON.stringify(require.resolve('..'))});
    const { deflateRawSync } = require('node:zlib');
    const { frame } = require(${JSON.stringify(require.resolve('./helpers/frames'))});
    const { noise } = require(${JSON.stringify(require.resolve('./helpers/random'))});
    const data = noise(2_000_000);
    const bytes = frame(0xc2, deflateRawSync(data));
    for (let i = 0; i < 5; i++) {
      const deflate = new PerMessageDeflate({ isServer: true });
      deflate.accept([{}]);
      new Receiver({ extensions: { 'permessage-deflate': deflate }, isServer: true }).write(bytes);
      deflate.compress(data, true, () => {});
    }
    parentPort.postMessage('busy');`;
  const worker = new Worker(script, { eval: true });
  await once(worker, 'message');
  await worker.terminate();
});
