// Compression on the thread pool: order, ends while it is under way, and whose memory it is.
'use strict';

const assert = require('node:assert');
const { promisify } = require('node:util');
const { test } = require('node:test');

const { PerMessageDeflate } = require('..');
const native = require('../lib/native');
const { noise, prose } = require('./helpers/random');
const { settle } = require('./helpers/pipe');

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

test('memory may be written to, or given away, while it is compressed', async () => {
  const peer = accepted({ isServer: false });
  const end = accepted({ isServer: true });
  const text = noise(100_000);
  const views = {
    written: (bytes) => bytes.fill(0),
    transferred: (bytes) => structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  };

  for (const change of Object.values(views)) {
    const bytes = new Uint8Array(text);
    const compressed = end.compress(bytes, true);
    change(bytes);
    assert.ok((await peer.decompress(await compressed, true)).equals(text));
  }

  const shared = new Uint8Array(new SharedArrayBuffer(text.length));
  shared.set(text);
  const compressed = end.compress(shared, true);
  shared.fill(0);
  assert.ok((await peer.decompress(await compressed, true)).equals(text));
  end.cleanup();
  peer.cleanup();
  await settle();
});
