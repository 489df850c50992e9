// The same bytes, however cut, and the same calls, for this package and for `ws`.
'use strict';

const assert = require('node:assert');
const { test } = require('node:test');

const ours = require('..');
const theirs = require('ws');
const { closePayload, cut, frame } = require('./helpers/frames');
const { connect, finish } = require('./helpers/trace');
const { settle } = require('./helpers/pipe');
const { random } = require('./helpers/random');
const { CALLS, STREAMS, long, receive, text } = require('./helpers/scripts');

/** Runs a script with both, and compares all that there is to see. */
async function compare(script, options) {
  const results = [];

  for (const WebSocket of [ours, theirs]) {
    const connection = connect(WebSocket, options);
    await script(connection);
    results.push(await finish(connection));
  }

  assert.deepStrictEqual(results[0], results[1]);
  return results[0];
}

for (const [name, frames] of Object.entries(STREAMS)) {
  test(`a server receives ${name} as ws does`, async () => {
    const bytes = Buffer.concat(frames.map((bytes) => Buffer.from(bytes)));
    await compare(receive([bytes]));
    await compare(receive(frames));
    if (bytes.length < 400) await compare(receive([...bytes].map((byte) => Buffer.from([byte]))));
    await compare(receive(cut(bytes, [Math.floor(bytes.length / 2)])));
  });
}

const OPTIONS = {
  'no synchronous events': { allowSynchronousEvents: false },
  'no automatic pongs': { autoPong: false },
  'three automatic pongs': { maxPendingAutoPongs: 3 },
  'array buffers': { binaryType: 'arraybuffer' },
  fragments: { binaryType: 'fragments' },
  blobs: { binaryType: 'blob' },
  'no UTF-8 checks': { skipUTF8Validation: true },
  compression: { offer: 'permessage-deflate' },
  'short messages': { maxPayload: 4 },
  'few fragments': { maxFragments: 2 },
  'no limits': { maxFragments: 0, maxPayload: 0, maxBufferedChunks: 0 }
};

for (const [name, options] of Object.entries(OPTIONS)) {
  test(`with ${name} a server receives as ws does`, async () => {
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

test('without a limit, a length beyond 2^53 is told as by ws', async () => {
  const bytes = Buffer.from([0x82, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
  const { trace } = await compare(receive([bytes]), { maxPayload: 0 });
  assert.strictEqual(trace[0][3], 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH');
});

test('compressed messages are received as by ws', async () => {
  const zlib = require('node:zlib');
  const compress = (text) =>
    zlib
      .deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH, flush: zlib.constants.Z_SYNC_FLUSH })
      .subarray(0, -4);
  const hello = compress('hello '.repeat(50));
  const streams = [
    [frame(0xc1, hello), frame(0x81, 'plain'), frame(0xc2, compress('bytes')), frame(0x89, 'ping')],
    [frame(0x41, hello.subarray(0, 3)), frame(0x89, 'between'), frame(0x80, hello.subarray(3))],
    [frame(0xc1, [0]), frame(0xc1, compress(Buffer.alloc(100_000, 1)))],
    [frame(0xc1, [0xff, 0xff, 0xff])],
    [frame(0xc1, [0x06])],
    [frame(0xc1, compress(Buffer.from([0xff])))],
    [frame(0xc1, hello), frame(0x88, closePayload(1000)), frame(0xc1, hello)]
  ];
  for (const frames of streams) {
    frames.push(frame(0x8a, 'end'));
    const bytes = Buffer.concat(frames);
    for (const options of [{}, { binaryType: 'arraybuffer' }, { allowSynchronousEvents: false }, { maxPayload: 60 }]) {
      const ways = [[bytes], cut(bytes, [1, 5, 20].filter((at) => at < bytes.length))];
      for (const pieces of Object.keys(options).length === 0 ? ways : [frames]) {
        const script = async (connection) => {
          await receive(pieces)(connection);
          // The thread pool takes its time.
          const isSeen = ([name]) => name === 'pong' || name === 'error';
          const { trace, ws } = connection;
          while (!trace.some(isSeen) && !ws._closeFrameReceived) await settle(1);
        };
        await compare(script, { ...options, offer: 'permessage-deflate' });
      }
    }
  }
});

test('a flood of pings is cut as by ws', async () => {
  const pings = Buffer.concat(Array.from({ length: 100 }, () => frame(0x89)));
  const { trace } = await compare(receive([pings]));
  assert.strictEqual(trace.filter(([name]) => name === 'ping').length, 100);
  assert.deepStrictEqual(trace.at(-1), ['close', 1006, '']);
});

test('a client receives as ws does', async () => {
  for (const [first, payload] of [[0x81, text], [0x82, long], [0x89, 'a'], [0x88, closePayload(4000, 'x')]]) {
    const bytes = frame(first, payload, { mask: false });
    await compare(receive([bytes]), { isServer: false });
    await compare(receive(cut(bytes, [1, 2])), { isServer: false });
  }
  await compare(receive([frame(0x81, 'a')]), { isServer: false });
});

for (const [name, call] of Object.entries(CALLS)) {
  for (const isServer of [true, false]) {
    test(`a ${isServer ? 'server' : 'client'} ${name} as ws does`, async () => {
      await compare(async ({ ws }) => {
        call(ws);
        await settle();
      }, { isServer });
    });
  }
}

test('what is refused is refused as by ws', async () => {
  const thrown = (WebSocket) => {
    const { ws } = connect(WebSocket);
    const calls = [
      () => ws.send({}),
      () => ws.send(Symbol('a')),
      () => ws.send(true),
      () => ws.ping('a'.repeat(126)),
      () => ws.pong(Buffer.alloc(200)),
      () => ws.close('1000'),
      () => ws.close(1005),
      () => ws.close(999),
      () => ws.close(5000),
      () => ws.close(1000, 'a'.repeat(124)),
      () => ws.close(1000, '\u00e9'.repeat(62)),
      () => new WebSocket('ws://localhost', 'a b'),
      () => new WebSocket('ws://localhost', ['a', 'a']),
      () => new WebSocket('ftp://localhost'),
      () => new WebSocket('ws://localhost/#a'),
      () => new WebSocket('nonsense'),
      () => new WebSocket('ws+unix:'),
      () => new WebSocket('ws://localhost', { protocolVersion: 12 }),
      () => new WebSocket.Server({}),
      () => new WebSocket.Server({ port: 0, noServer: true }),
      () => new WebSocket.Server({ noServer: true }).address()
    ];
    return [
      ...calls.map((call) => {
        try {
          call();
          return 'nothing';
        } catch (err) {
          return [err.constructor.name, err.message, err.code];
        }
      }),
      ws.readyState
    ];
  };

  assert.deepStrictEqual(thrown(ours), thrown(theirs));
});

test('random scripts have the same results', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const rounds = Number(process.env.ROUNDS ?? 150);

  for (let round = 0; round < rounds; round++) {
    try {
      await randomRound(seed + round);
    } catch (err) {
      throw new Error(`SEED=${seed + round} ROUNDS=1`, { cause: err });
    }
  }
});

async function randomRound(seed) {
  const dice = random(seed);
  const isServer = dice.below(2) === 0;
  const options = {
    isServer,
    allowSynchronousEvents: dice.below(4) > 0,
    autoPong: dice.below(4) > 0,
    binaryType: dice.pick(['nodebuffer', 'nodebuffer', 'arraybuffer', 'fragments']),
    maxFragments: dice.pick([0, 3, 16384]),
    maxPayload: dice.pick([0, 50, 1 << 20])
  };
  const bytes = Buffer.concat(randomFrames(dice, isServer));
  const positions = Array.from({ length: dice.below(8) }, () => dice.below(bytes.length + 1));
  const pieces = cut(bytes, positions);
  // When a limit is exceeded is told with a whole header: `ws` tells of a length without its
  // masking key, and of a fragment too many when all of it has come. Calls may fall between.
  const isLimited = options.maxFragments === 3 || options.maxPayload === 50;
  const calls = pieces.map(() => (isLimited ? 9 : dice.below(10)));

  await compare(async ({ pipe, ws }) => {
    for (const [i, piece] of pieces.entries()) {
      if (pipe.destroyed) return;
      pipe.push(Buffer.from(piece));
      randomCall(ws, calls[i]);
      await settle(4);
    }
  }, options);
}

function randomFrames(dice, isServer) {
  const frames = [];
  const add = (first, payload) => frames.push(frame(first, payload, { mask: isServer }));
  const count = 1 + dice.below(12);

  for (let i = 0; i < count; i++) {
    const length = dice.pick([0, 1, 5, 60, 126, 1000, 20_000, 70_000]);
    const payload = Buffer.alloc(length, 0x61 + i);
    const kind = dice.below(20);

    if (kind < 10) {
      add(0x81 + (kind % 2), payload);
    } else if (kind < 14) {
      add(0x01 + (kind % 2), payload);
      if (kind === 13) add(0x89, 'between');
      for (let part = dice.below(4); part > 0; part--) add(0x00, payload);
      add(0x80, 'end');
    } else if (kind < 18) {
      add(kind % 2 === 0 ? 0x89 : 0x8a, payload.subarray(0, 125));
    } else if (kind === 18) {
      add(0x88, dice.below(2) === 0 ? '' : closePayload(dice.pick([1000, 1005, 4000]), 'why'));
    } else {
      frames.push(dice.pick([frame(0x83), frame(0xa1), frame(0x81, [0xff], { mask: isServer })]));
    }
  }

  return frames;
}

function randomCall(ws, number) {
  if (ws.readyState === 3) return;
  if (number === 0) ws.send('text');
  else if (number === 1) ws.send(Buffer.alloc(20_000, 3));
  else if (number === 2) ws.ping('p');
  else if (number === 3) ws.close(4001, 'done');
  else if (number === 4) ws.send(Buffer.from('binary'), { binary: false });
  else if (number === 5) ws.send('frag', { fin: false });
}
