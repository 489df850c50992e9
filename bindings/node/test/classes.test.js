'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');
const { Writable } = require('node:stream');
const zlib = require('node:zlib');

const ours = require('..');
const theirs = require('ws');
const { Pipe, settle } = require('./helpers/pipe');
const { closePayload, frame, parseFrames } = require('./helpers/frames');
const { describeError, hex } = require('./helpers/trace');

const LIBRARIES = [ours, theirs];

/** What a call returns or throws, for both libraries. */
function same(call) {
  const [own, other] = LIBRARIES.map((library) => {
    try {
      return call(library);
    } catch (err) {
      return describeError(err);
    }
  });
  assert.deepEqual(own, other);
  return own;
}

test('X2: a receiver is a stream to write to', async () => {
  const results = [];
  for (const { Receiver } of LIBRARIES) {
    const events = [];
    const receiver = new Receiver({ isServer: true });
    assert.ok(receiver instanceof Writable);
    for (const name of ['message', 'ping', 'pong', 'conclude', 'finish']) {
      receiver.on(name, (...args) =>
        events.push([name, ...args.map((arg) => (Buffer.isBuffer(arg) ? hex(arg) : arg))].slice(0, 3))
      );
    }
    receiver.write(frame(0x81, 'a'));
    receiver.write(frame(0x89, 'b'));
    receiver.write(frame(0x8a));
    receiver.write(frame(0x88, closePayload(1001, 'c')), () => events.push('written'));
    await settle();
    results.push(events.filter((event) => event !== 'written').map((event) => event.filter((part) => part !== undefined)));
  }
  assert.deepStrictEqual(results[0], results[1]);
});

test('X2: a receiver takes shared memory, and any typed array', async () => {
  const receiver = new ours.Receiver({ isServer: true });
  const received = [];
  receiver.on('message', (data) => received.push(data.toString()));
  const bytes = frame(0x81, 'abc');
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  receiver.write(shared);
  receiver.write(new Uint8Array(frame(0x81, 'def')));
  await settle();
  assert.deepStrictEqual(received, ['abc', 'def']);
  assert.deepStrictEqual(Buffer.from(shared), bytes);
});

test('X2: errors of a receiver', async () => {
  const results = [];
  for (const { Receiver } of LIBRARIES) {
    const receiver = new Receiver({ maxPayload: 3 });
    receiver.write(frame(0x82, 'abcd', { mask: false }));
    const [err] = await once(receiver, 'error');
    results.push([...describeError(err), receiver.destroyed]);
  }
  assert.deepStrictEqual(results[0], results[1]);
});

test('X3: Sender.frame makes frames', () => {
  const maskBuffer = Buffer.from([1, 2, 3, 4]);
  const payloads = ['', 'text', Buffer.from('bytes'), Buffer.alloc(126), Buffer.alloc(70_000)];
  for (const data of payloads) {
    for (const options of [
      { fin: true, mask: false, opcode: 1, readOnly: false, rsv1: false },
      { fin: false, mask: false, opcode: 2, readOnly: true, rsv1: true },
      { fin: true, generateMask: () => {}, mask: true, maskBuffer, opcode: 9, readOnly: true }
    ]) {
      const copy = Buffer.isBuffer(data) ? Buffer.from(data) : data;
      same(({ Sender }) => Buffer.concat(Sender.frame(copy, { ...options })).toString('hex'));
    }
  }
});

test('X3: a sender on a socket', async () => {
  const results = [];
  for (const { Sender } of LIBRARIES) {
    const pipe = new Pipe();
    const sender = new Sender(pipe);
    const order = [];
    const frames = Sender.frame(Buffer.from('shared'), { fin: true, mask: false, opcode: 1 });
    sender.send('a', { binary: false, compress: false, fin: true, mask: false }, () => order.push(1));
    sender.sendFrame(frames, () => order.push(2));
    sender.ping('b', false, () => order.push(3));
    sender.pong(Buffer.from('c'), false);
    sender.close(1000, 'd', false, () => order.push(4));
    await settle();
    results.push([pipe.bytes.toString('hex'), order]);
  }
  assert.deepStrictEqual(results[0], results[1]);
});

test('X4: offers', () => {
  for (const options of [
    undefined,
    {},
    { clientMaxWindowBits: 9, serverMaxWindowBits: 10 },
    { clientNoContextTakeover: true, serverNoContextTakeover: true },
    { clientMaxWindowBits: true },
    { clientMaxWindowBits: false }
  ]) {
    same(({ PerMessageDeflate }) => ({ ...new PerMessageDeflate(options).offer() }));
  }
  assert.strictEqual(ours.PerMessageDeflate.extensionName, 'permessage-deflate');
});

test('X4: what is accepted, and the texts of what is not', () => {
  const lists = [
    [{}],
    [{ unknown: [true] }],
    [{ server_no_context_takeover: [true, true] }],
    [{ server_no_context_takeover: ['1'] }],
    [{ client_no_context_takeover: [true] }],
    [{ server_max_window_bits: ['7'] }],
    [{ server_max_window_bits: [true] }],
    [{ server_max_window_bits: ['10'] }],
    [{ client_max_window_bits: ['16'] }],
    [{ client_max_window_bits: [true] }],
    [{ client_max_window_bits: ['12'] }]
  ];
  for (const isServer of [true, false]) {
    for (const options of [
      {},
      { clientNoContextTakeover: false },
      { clientMaxWindowBits: 10 },
      { clientMaxWindowBits: false }
    ]) {
      for (const list of lists) {
        same(({ PerMessageDeflate }) => ({
          ...new PerMessageDeflate({ ...options, isServer }).accept(structuredClone(list))
        }));
      }
    }
  }
});

test('deviation: window bits with leading zeros are refused', () => {
  const deflate = new ours.PerMessageDeflate({ isServer: true });
  assert.throws(() => deflate.accept([{ server_max_window_bits: ['08'] }]), {
    message: 'Invalid value for parameter "server_max_window_bits": 08'
  });
});

const compress = (deflate, data, fin) =>
  new Promise((resolve, reject) =>
    deflate.compress(data, fin, (err, result) => (err ? reject(err) : resolve(result)))
  );
const decompress = (deflate, data, fin) =>
  new Promise((resolve, reject) =>
    deflate.decompress(data, fin, (err, result) => (err ? reject(err) : resolve(result)))
  );

test('X4: compression and decompression', async () => {
  for (const params of [{}, { server_no_context_takeover: [true] }]) {
    const [own, other] = LIBRARIES.map(({ PerMessageDeflate }) => {
      const deflate = new PerMessageDeflate({ isServer: true, threshold: 0 });
      deflate.accept(structuredClone([params]));
      return deflate;
    });
    const peer = new theirs.PerMessageDeflate({ isServer: false });
    peer.accept(structuredClone([params]));
    for (const text of ['', 'a', 'hello hello hello', 'x'.repeat(100_000)]) {
      for (const deflate of [own, other]) {
        assert.ok((await compress(deflate, Buffer.from(text), true)).length <= Math.max(text.length, 30));
      }
    }
    const first = await compress(own, Buffer.from('fragment one, '), false);
    assert.deepStrictEqual(first.subarray(-4), Buffer.from([0, 0, 255, 255]));
    await compress(own, Buffer.from('fragment two'), true);
    for (const deflate of [own, other, peer]) deflate.cleanup();
  }

  const client = new ours.PerMessageDeflate({ maxPayload: 100 });
  client.accept([{}]);
  const compressed = zlib.deflateRawSync('a'.repeat(50), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  const data = await decompress(client, compressed.subarray(0, -4), true);
  assert.strictEqual(data.toString(), 'a'.repeat(50));
  const long = zlib.deflateRawSync('a'.repeat(500), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  await assert.rejects(decompress(client, long.subarray(0, -4), true), {
    code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    message: 'Max payload size exceeded'
  });
  await assert.rejects(decompress(client, Buffer.from([0xff, 0xff]), true), {
    code: 'Z_DATA_ERROR',
    errno: -3
  });
  client.cleanup();
});

test('X5: extension.parse and extension.format', () => {
  const headers = [
    'a', 'a, b', 'a;b', 'a; b=c; d="e"; b=f', 'a, a; b', ' a ;\tb = c', 'a;', 'a,', ',a', '', ' ',
    'a b', 'a; b c', 'a; b="c d"', 'a; b="c', 'a; b="\\c"', 'a; =', 'a; b=', 'a=b', 'a; b=c=d',
    '__proto__; constructor=1', 'hasOwnProperty', 'a;;b', 'a\u00e9', 'a; b="" '
  ];
  for (const header of headers) {
    same(({ extension }) => JSON.stringify(extension.parse(header)));
  }
  assert.strictEqual(Object.getPrototypeOf(ours.extension.parse('a')), null);
  assert.strictEqual(Object.getPrototypeOf(ours.extension.parse('a').a[0]), null);
  for (const extensions of [
    { a: {} },
    { a: [{ b: true, c: ['d', 1] }, {}], e: { f: 5 } },
    { 'permessage-deflate': [{ server_max_window_bits: 10 }] }
  ]) {
    same(({ extension }) => extension.format(extensions));
  }
});

test('X5: subprotocol.parse', () => {
  for (const header of ['a', 'a,b', ' a , b ', 'a, a', '', 'a,', ',a', 'a,,b', 'a b', 'a\u00e9', 'a;b']) {
    same(({ subprotocol }) => [...subprotocol.parse(header)]);
  }
});
