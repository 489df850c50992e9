// Uses all of the addon, for `valgrind.js`: frames in both directions however cut, compression on
// both sides of the thread pool, ends at every step, worker threads.
//
//   node scripts/exercise.js [rounds]
'use strict';

const assert = require('assert');
const { once } = require('events');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const zlib = require('zlib');

const ours = require('..');
const native = require('../lib/native');
const { closePayload, cut, frame } = require('../test/helpers/frames');
const { connect } = require('../test/helpers/trace');
const { noise, prose, random } = require('../test/helpers/random');
const { settle } = require('../test/helpers/pipe');

const { PerMessageDeflate, Receiver, WebSocket, WebSocketServer, extension, subprotocol } = ours;

const LENGTHS = [0, 1, 20, 125, 126, 1000, 16_384, 16_385, 70_000];
const OFFERS = [undefined, 'permessage-deflate', 'permessage-deflate; client_no_context_takeover'];

/** Messages of all lengths, over a socket, and back. */
async function echo(perMessageDeflate) {
  const server = new WebSocketServer({ host: '127.0.0.1', perMessageDeflate, port: 0 });
  server.on('connection', (ws) => {
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  });
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${server.address().port}`;
  const ws = new WebSocket(url, ['a', 'b'], { perMessageDeflate });
  await once(ws, 'open');
  const messagesOf = (length) => [prose(length), noise(length), Buffer.alloc(length)];
  const messages = LENGTHS.flatMap(messagesOf);

  const received = [];
  const expected = [...messages, 'fragments, two of them'];
  const complete = new Promise((resolve) => {
    ws.on('message', (data) => received.push(data) === expected.length && resolve());
  });

  for (const message of messages) ws.send(message);
  ws.ping('ping');
  ws.send('fragments, ', { fin: false });
  ws.send(Buffer.from('two of them'));
  await complete;
  expected.forEach((message, i) => assert.ok(received[i].equals(Buffer.from(message))));

  ws.close(4000, 'the end');
  await once(ws, 'close');
  server.close();
  await once(server, 'close');
}

/** Frames of everything that may be received, and of some things that may not. */
function frames(isCompressed) {
  const payload = (data) => (isCompressed ? zlib.deflateRawSync(data) : data);
  const rsv1 = isCompressed ? 0x40 : 0;
  const list = [
    frame(0x81 | rsv1, payload(Buffer.from('short'))),
    frame(0x89, 'ping'),
    frame(0x02, noise(300)),
    frame(0x8a),
    frame(0x80, noise(30)),
    frame(0x82 | rsv1, payload(noise(20_000))),
    frame(0x81 | rsv1, payload(Buffer.from(prose(100_000)))),
    frame(0x81, '\u20ac'.repeat(50))
  ];
  return Buffer.concat([...list, frame(0x88, closePayload(1000, 'bye'))]);
}

/** The same bytes, cut anywhere; and with some of them changed, to be refused somewhere. */
async function receive(rounds) {
  for (let seed = 0; seed < rounds; seed++) {
    const { below, pick } = random(seed);
    const offer = pick(OFFERS);
    const binaryType = pick(['nodebuffer', 'arraybuffer', 'fragments']);
    const { pipe } = connect(WebSocket, { binaryType, maxPayload: pick([0, 90_000]), offer });
    const bytes = frames(offer !== undefined);
    if (seed % 2 === 1) bytes[below(bytes.length)] ^= 1 << below(8);
    const cuts = Array.from({ length: below(40) }, () => below(pick([600, bytes.length])));
    for (const piece of cut(bytes, cuts)) {
      // A copy of just this length: what is beyond it is not to be touched.
      const memory = Buffer.allocUnsafeSlow(piece.length);
      piece.copy(memory);
      pipe.push(memory);
      if (below(4) === 0) await settle(1);
    }
    await settle(2);
    pipe.destroy();
  }
}

/** One byte at a time. */
async function receiveBytes() {
  const receiver = new Receiver({ isServer: true });
  const received = [];
  receiver.on('message', (data) => received.push(data.length));
  for (const byte of Buffer.concat([frame(0x81, 'a'.repeat(126)), frame(0x82, noise(3000))])) {
    receiver.write(Buffer.from([byte]));
  }
  assert.deepStrictEqual(received, [126, 3000]);
  receiver.destroy();
}

/** Connections that end while long messages are being compressed and decompressed. */
async function end() {
  const payload = zlib.deflateRawSync(noise(100_000));
  const ends = [
    ({ ws }) => ws.terminate(),
    ({ pipe }) => pipe.destroy(),
    ({ pipe }) => pipe.push(null),
    ({ ws }) => ws.close()
  ];

  for (const finish of ends) {
    for (let turns = 0; turns < 3; turns++) {
      const connection = connect(WebSocket, { offer: 'permessage-deflate' });
      connection.pipe.push(frame(0xc2, payload));
      connection.ws.send(prose(50_000), () => {});
      await settle(turns);
      finish(connection);
      await settle(1);
      connection.pipe.destroy();
    }
  }
}

/** What is there besides connections. */
async function classes() {
  for (const header of ['a; b=c; d="e", f', 'a;', 'permessage-deflate; client_max_window_bits']) {
    try {
      extension.format(extension.parse(header));
      subprotocol.parse(header);
    } catch (err) {
      assert.ok(err instanceof SyntaxError);
    }
  }

  const deflate = new PerMessageDeflate({ isServer: true });
  deflate.accept([{ client_max_window_bits: [true] }]);
  for (const length of [10, 100_000]) {
    const results = [];
    const note = (...result) => results.push(result);
    deflate.compress(noise(length), true, note);
    deflate.decompress(zlib.deflateRawSync(noise(length)), true, note);
    deflate.decompress(Buffer.alloc(length, 0xff), true, note);
    while (results.length < 3) await settle(1);
  }
  deflate.cleanup();
}

async function all(rounds) {
  for (const perMessageDeflate of [false, true]) await echo(perMessageDeflate);
  await receive(rounds);
  await receiveBytes();
  await end();
  await classes();
  while (native.openCount() > 0) await settle();
}

async function main() {
  const rounds = Number(process.argv[2] ?? 20);
  await all(rounds);
  const worker = new Worker(__filename, { workerData: { rounds: Math.ceil(rounds / 4) } });
  await once(worker, 'message');
  // Some of its work is on the pool.
  await worker.terminate();
  console.log(`exercised: ${rounds} rounds`);
}

async function workerMain() {
  await receive(workerData.rounds);
  for (let i = 0; i < 3; i++) {
    const { pipe, ws } = connect(WebSocket, { offer: 'permessage-deflate' });
    pipe.push(frame(0xc2, zlib.deflateRawSync(noise(200_000))));
    ws.send(noise(200_000));
  }
  await settle(1);
  parentPort.postMessage('done');
}

if (isMainThread) main();
else workerMain();
