// What a peer may do to the memory of a server: no more than to that of ws.
'use strict';

const assert = require('node:assert');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');
const { constants, deflateRawSync } = require('node:zlib');

const { WebSocket } = require('..');
const { frame } = require('./helpers/frames');
const { request } = require('./helpers/raw');

const VICTIM = path.join(__dirname, 'helpers/victim.js');
const MEGABYTE = 1 << 20;

const DEFLATE = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
const head = (first, length) => {
  const bytes = Buffer.alloc(14);
  bytes.writeUInt8(first);
  bytes.writeUInt8(0xff, 1);
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
};

/** The default limit of a message, in MiB. */
const LIMIT = 100;

const FLUSHED = { finishFlush: constants.Z_SYNC_FLUSH };
/** Zeros as a fragment that is not the last. */
const zeros = (length) => deflateRawSync(Buffer.alloc(length), FLUSHED);
/** Zeros as a message: RFC 7692 has it end before the last four bytes. */
const wholeZeros = (length) => zeros(length).subarray(0, -4);
const ended = ({ open }) => open === 0;

/**
 * What is sent: `first` once, then `again` until `total` bytes have left, and what has happened
 * `when` it is over. Where all is soon `isGarbage`, the peak depends on when V8 collects it: what
 * counts is the memory in use at the end.
 */
const ATTACKS = {
  'one-byte fragments without end': {
    first: frame(0x01, 'x'),
    again: frame(0x00, 'x'),
    total: 8 * MEGABYTE,
    when: ended
  },
  'empty fragments without end': {
    first: frame(0x01),
    again: frame(0x00),
    total: 8 * MEGABYTE,
    when: ended
  },
  'pings without end, whose pongs nobody reads': {
    again: frame(0x89, 'x'.repeat(125)),
    reads: false,
    total: 64 * MEGABYTE
  },
  'empty pings without end': { again: frame(0x89), reads: false, total: 16 * MEGABYTE },
  'an echo that nobody reads': {
    again: frame(0x82, Buffer.alloc(65_536)),
    path: '/echo',
    reads: false,
    total: 64 * MEGABYTE
  },
  'an echo of small messages that nobody reads': {
    again: frame(0x82, Buffer.alloc(100)),
    path: '/echo',
    reads: false,
    total: 16 * MEGABYTE
  },
  'messages for a connection that is paused': {
    again: frame(0x82, Buffer.alloc(1000)),
    path: '/paused',
    stalls: true,
    total: 64 * MEGABYTE
  },
  'lengths of what never comes': {
    connections: 100,
    first: head(0x82, 99 * MEGABYTE),
    when: ({ read }) => read === 1400
  },
  'a length of 2^62': { first: head(0x82, 2n ** 62n), when: ended },
  'a message in tiny chunks': {
    first: head(0x82, MEGABYTE),
    again: Buffer.alloc(3),
    chunked: true,
    total: 30_000
  },
  'a bomb': {
    fields: DEFLATE,
    first: frame(0xc2, wholeZeros(4 * LIMIT * MEGABYTE)),
    when: ended
  },
  'a bomb in every fragment': {
    fields: DEFLATE,
    first: Buffer.concat([
      frame(0x42, zeros(MEGABYTE)),
      ...Array.from({ length: LIMIT }, () => frame(0x00, zeros(MEGABYTE)))
    ]),
    when: ended
  },
  'small bombs': {
    fields: DEFLATE,
    first: Buffer.concat(Array.from({ length: 100 }, () => frame(0xc2, wholeZeros(2 * MEGABYTE)))),
    isGarbage: true,
    when: ({ messages }) => messages === 100
  },
  'a header line without end': {
    again: Buffer.alloc(1024, 'x'),
    raw: 'GET / HTTP/1.1\r\nX: ',
    total: 32 * MEGABYTE
  },
  'headers without end': {
    again: Buffer.from('X: y\r\n'),
    raw: 'GET / HTTP/1.1\r\n',
    total: 8 * MEGABYTE
  },
  'data after a close frame': {
    first: frame(0x88),
    again: frame(0x82, Buffer.alloc(1000)),
    isGarbage: true,
    reads: false,
    total: 64 * MEGABYTE
  }
};

/** Starts a server in a process of its own. */
async function victim(name) {
  const child = fork(VICTIM, [name], { execArgv: ['--expose-gc'] });
  const [before] = await once(child, 'message');
  const usage = async () => {
    child.send('usage');
    return (await once(child, 'message'))[0];
  };
  return { before, child, port: before.port, usage };
}

/** Writes until a total has left, the connection ends, or the server has stopped reading. */
async function write(socket, { again, chunked, first, stalls, total = 0 }) {
  if (first) socket.write(first);
  if (!again) return;
  const count = chunked ? 1 : Math.max(1, Math.floor(65_536 / again.length));
  const block = Buffer.concat(Array.from({ length: count }, () => again));

  for (let left = total; left > 0 && !socket.destroyed; left -= block.length) {
    if (socket.write(block) && !chunked) continue;
    if (!(await drained(socket, stalls))) return;
  }
}

/** Waits until the socket can take more or has ended; false if it stalls, where that may be. */
function drained(socket, stalls) {
  return new Promise((resolve) => {
    const done = (isDrained = true) => {
      clearTimeout(timer);
      socket.off('drain', done).off('close', done);
      resolve(isDrained);
    };
    const timer = stalls && setTimeout(done, 1500, false);
    socket.on('drain', done).on('close', done);
    if (!socket.writableNeedDrain) setImmediate(done);
  });
}

async function open(port, { fields, path, raw, reads = true }) {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.setNoDelay();
  socket.write(raw ?? request(fields, { path }));
  if (raw === undefined) await once(socket, 'data');
  if (reads) socket.resume();
  else socket.pause();
  return socket;
}

/** Waits until the attack is over, and the server has done what there was to do. */
async function settled(usage, when) {
  const deadline = Date.now() + 40_000;
  let result = await usage();

  for (let quiet = 0; quiet < 3 || (when && !when(result)); ) {
    if (Date.now() > deadline) throw new Error(`not over: ${JSON.stringify(result)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const last = result;
    result = await usage();
    const isQuiet = ['messages', 'open', 'read'].every((name) => last[name] === result[name]);
    quiet = isQuiet ? quiet + 1 : 0;
  }

  return result;
}

/** Carries out an attack; returns by how many kB the server grew, and what it did. */
async function attack(name, options) {
  const { before, child, port, usage } = await victim(name);
  const measure = options.isGarbage ? 'used' : 'peak';
  const sockets = [];

  try {
    for (let i = 0; i < (options.connections ?? 1); i++) {
      const socket = await open(port, options);
      sockets.push(socket);
      await write(socket, options);
    }

    const result = await settled(usage, options.when);
    const grown = result[measure] - before[measure];
    return { grown, isServing: await echoes(port), open: result.open };
  } finally {
    sockets.forEach((socket) => socket.destroy());
    child.kill();
  }
}

/** Whether the server still serves others. */
async function echoes(port) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/echo`);
  await once(ws, 'open');
  ws.send('still there');
  const [data] = await once(ws, 'message');
  ws.terminate();
  return data.toString() === 'still there';
}

/** Below this many kB, growth is that of a heap that is not collected yet. */
const NOISE = 12_288;

for (const [name, options] of Object.entries(ATTACKS)) {
  test(`memory: ${name}`, { timeout: 90_000 }, async (t) => {
    const [theirs, own] = await Promise.all(['ws', '../..'].map((name) => attack(name, options)));
    t.diagnostic(`kB more: ${own.grown}, with ws ${theirs.grown}`);
    assert.ok(own.isServing);
    assert.strictEqual(own.open, theirs.open);
    assert.ok(own.grown <= 1.1 * Math.max(theirs.grown, NOISE), `${own.grown}, ${theirs.grown}`);
  });
}
