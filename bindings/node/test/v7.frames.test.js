// The same bytes, however cut, and the same calls, for `v7` and for `ws` 7.5.
'use strict';

const assert = require('node:assert');
const { test } = require('node:test');
const zlib = require('node:zlib');

const { LIBRARIES, compare, connect } = require('./helpers/v7');
const { closePayload, cut, frame, parseFrames } = require('./helpers/frames');
const { CALLS, STREAMS, long, receive, text } = require('./helpers/scripts');
const { settle } = require('./helpers/pipe');
const { random } = require('./helpers/random');

for (const [name, frames] of Object.entries(STREAMS)) {
  test(`a v7 server receives ${name} as ws 7 does`, async () => {
    const bytes = Buffer.concat(frames.map((bytes) => Buffer.from(bytes)));
    await compare(receive([bytes]));
    await compare(receive(frames));
    if (bytes.length < 400) await compare(receive([...bytes].map((byte) => Buffer.from([byte]))));
    await compare(receive(cut(bytes, [Math.floor(bytes.length / 2)])));
  });
}

const OPTIONS = {
  'array buffers': { binaryType: 'arraybuffer' },
  fragments: { binaryType: 'fragments' },
  blobs: { binaryType: 'blob' },
  compression: { offer: 'permessage-deflate' },
  'short messages': { maxPayload: 4 },
  'few fragments': { maxFragments: 2 },
  'three automatic pongs': { maxPendingAutoPongs: 3 },
  'no limits': { maxFragments: 0, maxPayload: 0, maxBufferedChunks: 0 },
  'options of 8': { allowSynchronousEvents: false, autoPong: false, skipUTF8Validation: true }
};

for (const [name, options] of Object.entries(OPTIONS)) {
  test(`with ${name} a v7 server receives as ws 7 does`, async () => {
    for (const key of [
      'text',
      'binary',
      'fragments',
      'empty fragments',
      'control frames between fragments',
      'pings',
      'lengths of 16 bits',
      'messages before a close',
      'text that is not UTF-8',
      'a reason that is not UTF-8',
      'text that ends inside a character',
      'a message before what is wrong'
    ]) {
      const bytes = Buffer.concat(STREAMS[key]);
      await compare(receive([bytes]), options);
      await compare(receive(cut(bytes, [3, Math.floor(bytes.length / 2)])), options);
    }
  });
}

test('a v7 client receives as ws 7 does', async () => {
  const frames = [
    [0x81, text],
    [0x82, long],
    [0x89, 'a'],
    [0x88, closePayload(4000, 'x')],
    [0x88, '']
  ];
  for (const [first, payload] of frames) {
    const bytes = frame(first, payload, { mask: false });
    await compare(receive([bytes]), { isServer: false });
    await compare(receive(cut(bytes, [1, 2])), { isServer: false });
  }
  await compare(receive([frame(0x81, 'a')]), { isServer: false });
});

test('v7: a frame may come in so many chunks', async () => {
  const bytes = frame(0x81, 'a'.repeat(20));
  const pieces = [...bytes].map((byte) => Buffer.from([byte]));
  const { trace } = await compare(receive(pieces), { maxBufferedChunks: 5 });
  assert.strictEqual(trace[1][2][2], 'WS_ERR_TOO_MANY_BUFFERED_PARTS');
  await compare(receive(pieces), { maxBufferedChunks: 40 });
});

test('v7 cuts a flood of pings as ws 7 does', async () => {
  const pings = Buffer.concat(Array.from({ length: 100 }, () => frame(0x89)));
  const { trace } = await compare(receive([pings]));
  assert.strictEqual(
    trace.filter(([name, event]) => name === 'ws' && event === 'ping').length,
    100
  );
});

/** Waits until what is on a thread pool has come back. */
async function calmed({ trace, pipe, ws }) {
  const INFLATING = 5;
  const isBusy = () =>
    (ws._receiver._state === INFLATING && !ws._receiver.errored && ws.readyState !== 3) ||
    (!pipe.destroyed && (ws._sender._deflating || ws._sender._busy));

  for (let seen = -1; isBusy() || seen !== trace.length + pipe.bytes.length;) {
    seen = trace.length + pipe.bytes.length;
    await settle(4);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('v7 receives compressed messages as ws 7 does', async () => {
  const flush = { finishFlush: zlib.constants.Z_SYNC_FLUSH, flush: zlib.constants.Z_SYNC_FLUSH };
  const compress = (data) => zlib.deflateRawSync(data, flush).subarray(0, -4);
  const hello = compress('hello '.repeat(50));
  const streams = [
    [frame(0xc1, hello), frame(0x81, 'plain'), frame(0xc2, compress('bytes')), frame(0x89, 'ping')],
    [frame(0x41, hello.subarray(0, 3)), frame(0x89, 'between'), frame(0x80, hello.subarray(3))],
    [frame(0xc1, [0]), frame(0xc1, compress(Buffer.alloc(100_000, 1)))],
    [frame(0xc1, [0xff, 0xff, 0xff])],
    [frame(0xc1, compress(Buffer.from([0xff])))],
    [frame(0xc1, hello), frame(0x88, closePayload(1000)), frame(0xc1, hello)]
  ];

  for (const frames of streams) {
    for (const options of [{}, { binaryType: 'arraybuffer' }, { maxPayload: 60 }]) {
      const script = async (connection) => {
        await receive(frames)(connection);
        await calmed(connection);
      };
      await compare(script, { ...options, offer: 'permessage-deflate' });
    }
  }
});

/** The first bytes of the frames for messages of several lengths, which all shrink. */
async function firstBytes(library, offer, deflate) {
  const connection = connect(library, { deflate, offer });
  const { pipe, ws } = connection;
  for (const length of [39, 40, 50, 1023, 1024, 20_000]) ws.send('a'.repeat(length));
  ws.ping('between');
  ws.send('not', { compress: false });
  ws.send('b'.repeat(2000), { fin: false });
  ws.send('c');
  ws.send('d', { fin: false });
  ws.send('e'.repeat(2000));
  ws.close(1000);
  await calmed(connection);
  pipe.destroy();
  return parseFrames(pipe.bytes).map(({ first }) => first);
}

test('v7 compresses what ws 7 compresses: what reaches the threshold', async () => {
  for (const offer of ['permessage-deflate', 'permessage-deflate; server_no_context_takeover']) {
    for (const deflate of [undefined, { threshold: 0 }, { threshold: 40 }]) {
      const [own, other] = LIBRARIES.map((library) => firstBytes(library, offer, deflate));
      assert.deepStrictEqual(await own, await other, `${offer} ${JSON.stringify(deflate)}`);
      assert.strictEqual((await own)[0], deflate?.threshold === 0 ? 0xc1 : 0x81);
    }
  }
});

const LACKING = ['sends a blob and more', 'closes with bytes as a reason'];
const CALLS_OF_7 = {
  ...Object.fromEntries(Object.entries(CALLS).filter(([name]) => !LACKING.includes(name))),
  'sends, pings and closes with callbacks': (ws, note) => {
    for (const name of ['send', 'ping', 'pong']) ws[name]('a', () => note(name));
    ws.close(1000, 'why');
    for (const name of ['send', 'ping', 'pong']) {
      ws[name]('late', (err) => note(name, err));
      note(name, 'returned');
    }
    note('buffered', ws.bufferedAmount);
  },
  'closes twice': (ws) => [1, 2].forEach(() => ws.close(4000)),
  'closes with an empty reason': (ws) => ws.close(1000, ''),
  'closes with a reason and no code': (ws) => ws.close(undefined, 'why')
};

for (const [name, call] of Object.entries(CALLS_OF_7)) {
  for (const isServer of [true, false]) {
    test(`a v7 ${isServer ? 'server' : 'client'} ${name} as ws 7 does`, async () => {
      await compare(
        async ({ trace, ws }) => {
          call(ws, (...args) =>
            trace.push(args.map((arg) => (arg instanceof Error ? arg.message : arg)))
          );
          await settle();
        },
        { isServer }
      );
    });
  }
}

test('v7 answers a close frame, and is answered, as ws 7', async () => {
  const close = frame(0x88, closePayload(4001, 'bye'), { mask: true });
  await compare(async (connection) => {
    connection.ws.close(1000, 'first');
    await receive([close])(connection);
  });
  await compare(async (connection) => {
    connection.ws.on('message', () => connection.ws.close(1001));
    await receive([frame(0x81, 'a'), close])(connection);
  });
  await compare(async (connection) => {
    await receive([close])(connection);
    connection.ws.send('late', () => {});
    connection.ws.close();
    connection.ws.terminate();
  });
  await compare(async ({ pipe }) => pipe.destroy());
  await compare(async ({ pipe }) => pipe.destroy(new Error('broken')));
});

test('random scripts have the same results with v7 and ws 7', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const rounds = Number(process.env.ROUNDS ?? 100);

  for (let round = 0; round < rounds; round++) {
    try {
      await randomRound(seed + round);
    } catch (err) {
      throw new Error(`SEED=${seed + round} ROUNDS=1 ${err.message}`, { cause: err });
    }
  }
});

async function randomRound(seed) {
  const dice = random(seed);
  const options = { binaryType: dice.pick(['nodebuffer', 'arraybuffer', 'fragments']) };
  const names = Object.keys(STREAMS);
  const frames = Array.from({ length: 1 + dice.below(5) }, () => STREAMS[dice.pick(names)]).flat();
  const bytes = Buffer.concat(frames.map((part) => Buffer.from(part)));
  // What is wrong is told with a header here, and with the whole frame there: there are calls
  // between frames only.
  const withCalls = dice.below(2) === 0;
  const cuts = Array.from({ length: dice.below(8) }, () => dice.below(bytes.length + 1));
  const pieces = withCalls ? frames : cut(bytes, cuts);
  const calls = pieces.map(() =>
    withCalls ? dice.pick([null, ...Object.values(CALLS_OF_7)]) : null
  );

  await compare(async ({ pipe, trace, ws }) => {
    for (const [i, piece] of pieces.entries()) {
      if (pipe.destroyed || ws.readyState === 3) return;
      pipe.push(Buffer.from(piece));
      await settle(4);
      const note = (name) => trace.push([name]);
      if (calls[i] !== null && ws.readyState !== 3) calls[i](ws, note);
      await settle(4);
    }
  }, options);
}
