// A client made with npm ws that puts an echo server to the test.
//
//   node ws-client.mjs URL SCENARIO [ARGS] [--deflate[=SETTINGS]]
//
// offers permessage-deflate with `--deflate`, see ws-deflate.mjs.
//
// Scenarios:
//
//   echo                 texts and binaries of many sizes come back as they were
//   fragments            so does a message sent in fragments, with a ping in between
//   burst                so do 10,000 messages sent without waiting, in order
//   deflate              prints `agreed …`, as `describe` of ws-deflate.mjs puts it, and `told …`,
//                        the server's first message; texts that repeat themselves and each other,
//                        a binary and messages in fragments come back as they were
//   ping                 pings are answered with their payload
//   version8             echo of one message by version 8 of the protocol
//   subprotocol NAME…    prints `subprotocol NAME`, what was agreed on of these
//   refused              prints `status CODE` and `body TEXT` of a refused handshake
//   close [CODE REASON]  closes, or without arguments waits for the server to; prints what came:
//                        `close CODE REASON`
//
// The last line is `ok`, with exit code 0, or says what differed, with exit code 1.

import { once, on } from 'node:events';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

import { describe, takeDeflate } from './ws-deflate.mjs';

const modules = process.env.INTEROP_NODE
  ? pathToFileURL(`${process.env.INTEROP_NODE}/`)
  : new URL('../../target/interop/node/', import.meta.url);
const { WebSocket } = createRequire(modules)('ws');

const { deflate, rest: args } = takeDeflate(process.argv.slice(2));
const [url, scenario, ...rest] = args;

const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20];

// And how many times.
const DEFLATE_SIZES = [[2048, 16], [65536, 2], [1 << 20, 1]];

function fail(what) {
  console.log(what);
  process.exit(1);
}

function expect(condition, what) {
  if (!condition) fail(what);
}

/** A text of so many bytes, with characters of one to four bytes. */
function makeText(size) {
  return 'aé€😀'.repeat(size / 10) + 'x'.repeat(size % 10);
}

/** So many bytes that do not repeat soon, so that none can get lost or doubled unseen. */
function makeBinary(size) {
  return Buffer.from(Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
}

/** A text of so many bytes that gets shorter by compression. */
function makeJson(size) {
  let text = '';
  for (let i = 0; text.length < size; i++) {
    text += `{"id":${i},"name":"user ${(i * 7919) % 1000}","tags":["a","b"],"active":true},`;
  }
  return text.slice(0, size);
}

function connect(protocols = [], options = {}) {
  return new WebSocket(url, protocols, {
    perMessageDeflate: deflate,
    ...options,
  });
}

async function open(...how) {
  const socket = connect(...how);
  const messages = on(socket, 'message', { close: ['close'] });
  await once(socket, 'open');
  const isOptional = scenario === 'deflate';
  expect(!deflate || socket.extensions || isOptional, 'permessage-deflate was not agreed on');
  return { socket, messages };
}

async function expectMessage(messages, expected, isBinary, what) {
  const { value, done } = await messages.next();
  expect(!done, `${what}: the connection was closed`);
  const [data, type] = value;
  expect(type === isBinary, `${what}: came back as ${type ? 'binary' : 'text'}`);
  expect(data.equals(Buffer.from(expected)), `${what}: came back different: ${data.length} bytes`);
}

/** Whatever is still on its way comes before the answer to the close. */
async function finish({ socket, messages }) {
  socket.close(1000);
  const [code] = await once(socket, 'close');
  expect(code === 1000, `closed with 1000, ${code} came back`);
  const { done } = await messages.next();
  expect(done, 'there was one message too many');
}

/** Sends a message in so many fragments. */
function sendParts(socket, message, binary, count) {
  const bytes = Buffer.from(message);
  for (let i = 0; i < count; i++) {
    const [from, to] = [i, i + 1].map((n) => Math.floor((bytes.length * n) / count));
    socket.send(bytes.subarray(from, to), { binary, fin: i === count - 1 });
  }
}

const scenarios = {
  async echo() {
    const peer = await open();
    for (const size of SIZES) {
      for (const message of [makeText(size), makeBinary(size)]) {
        peer.socket.send(message);
        const isBinary = typeof message !== 'string';
        const what = `${isBinary ? 'binary' : 'text'} of ${size} bytes`;
        await expectMessage(peer.messages, message, isBinary, what);
      }
    }
    await finish(peer);
  },

  async fragments() {
    const peer = await open();
    const message = makeText(1000);
    // One part is empty, and the cuts are inside of characters.
    const bytes = Buffer.from(message);
    const cuts = [0, 2, 5, 5, 999, 1000];
    const pong = once(peer.socket, 'pong');
    for (let i = 0; i < 5; i++) {
      if (i === 2) peer.socket.ping('between');
      peer.socket.send(bytes.subarray(cuts[i], cuts[i + 1]), { binary: false, fin: i === 4 });
    }
    const [payload] = await pong;
    expect(payload.equals(Buffer.from('between')), `pong with other payload: ${payload}`);
    await expectMessage(peer.messages, message, false, 'text in fragments');
    await finish(peer);
  },

  async burst() {
    const peer = await open();
    for (let i = 0; i < 10_000; i++) peer.socket.send(`message ${i}`);
    for (let i = 0; i < 10_000; i++) {
      await expectMessage(peer.messages, `message ${i}`, false, `message ${i}`);
    }
    await finish(peer);
  },

  async deflate() {
    const peer = await open();
    console.log(`agreed ${describe(peer.socket)}`);
    const { value } = await peer.messages.next();
    console.log(`told ${value[0]}`);
    for (const [size, times] of DEFLATE_SIZES) {
      for (let i = 0; i < times; i++) {
        peer.socket.send(makeJson(size));
        await expectMessage(peer.messages, makeJson(size), false, `text ${i} of ${size} bytes`);
      }
    }
    peer.socket.send(makeBinary(5000));
    await expectMessage(peer.messages, makeBinary(5000), true, 'binary');
    for (const [message, isBinary] of [[makeJson(100_000), false], [makeBinary(3000), true]]) {
      sendParts(peer.socket, message, isBinary, 7);
      await expectMessage(peer.messages, message, isBinary, 'message in fragments');
    }
    await finish(peer);
  },

  async ping() {
    const peer = await open();
    for (const payload of [Buffer.alloc(0), makeBinary(125)]) {
      const pong = once(peer.socket, 'pong');
      peer.socket.ping(payload);
      const [answer] = await pong;
      expect(answer.equals(payload), `pong with other payload: ${answer.toString('hex')}`);
    }
    await finish(peer);
  },

  async version8() {
    const peer = await open([], { protocolVersion: 8 });
    peer.socket.send('eight');
    await expectMessage(peer.messages, 'eight', false, 'text');
    await finish(peer);
  },

  async subprotocol(...names) {
    const peer = await open(names);
    console.log(`subprotocol ${peer.socket.protocol}`);
    await finish(peer);
  },

  async refused() {
    const socket = connect();
    socket.on('open', () => fail('the handshake was not refused'));
    const [, response] = await once(socket, 'unexpected-response');
    console.log(`status ${response.statusCode}`);
    console.log(`body ${await text(response)}`);
  },

  async close(code, reason) {
    const { socket } = await open();
    if (code) socket.close(Number(code), reason);
    const [received, receivedReason] = await once(socket, 'close');
    console.log(`close ${received} ${receivedReason}`);
    expect(received !== 1006, 'the connection ended without a close frame');
  },
};

setTimeout(() => fail('not done after 30 s'), 30_000).unref();
expect(scenarios[scenario], `no scenario ${scenario}`);
try {
  await scenarios[scenario](...rest);
  console.log('ok');
} catch (error) {
  fail(String(error));
}
