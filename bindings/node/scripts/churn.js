// Opens and closes connections in all ways, and sees whether a server keeps anything of them.
//
//   node scripts/churn.js [connections]
//
// Some 100,000 show what resident memory does; for what the addon and JavaScript keep, a few
// thousand will do.
'use strict';

const { fork } = require('child_process');
const { once } = require('events');
const net = require('net');
const zlib = require('zlib');

const { closePayload, frame } = require('../test/helpers/frames');
const { noise } = require('../test/helpers/random');
const { request } = require('../test/helpers/raw');

const AT_A_TIME = 50;
/** How many bytes per connection may be left, as measuring is not exact. */
const MAX_PER_CONNECTION = 50;
/** What may be added to these, however few connections there are: code, and room to grow. */
const MAX_HEAP = 600_000;
const MAX_RESIDENT = 30_000_000;
/** How many times to look, 20 ms apart, whether everything has been closed. */
const MAX_WAIT = 1500;

const CUT = frame(0x82, noise(300)).subarray(0, 100);
const VIOLATION = Buffer.concat([frame(0x01, 'part of a message'), Buffer.from([0xff, 0xff])]);
const LONG = frame(0xc2, zlib.deflateRawSync(noise(20_000)));

/** What a client does with a connection that is open; the last step ends it. */
const LIVES = [
  (socket) => socket.write(frame(0x88, closePayload(1000))),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.end(frame(0x81, 'text')),
  (socket) => socket.write(frame(0x81, 'terminate')),
  (socket) => socket.write(VIOLATION),
  (socket) => socket.end(CUT),
  (socket) => socket.write(LONG, () => setImmediate(() => socket.resetAndDestroy())),
  (socket) => socket.write(Buffer.concat([LONG, frame(0x89, 'ping'), frame(0x88)]))
];

function serve() {
  const { WebSocketServer } = require('..');
  const native = require('../lib/native');
  const server = new WebSocketServer({ host: '127.0.0.1', perMessageDeflate: true, port: 0 }, () =>
    process.send({ port: server.address().port })
  );

  server.on('connection', (ws) => {
    ws.on('error', () => {});
    ws.on('message', (data) => (data.length === 9 ? ws.terminate() : ws.send(data)));
  });

  process.on('message', async () => {
    for (let wait = 0; native.openCount() > 0 || server.clients.size > 0; wait++) {
      if (wait === MAX_WAIT) {
        console.log(`${native.openCount()} in the addon, ${server.clients.size} in the server`);
        process.exit(1);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Twice, as what was finalized is freed by the next one.
    for (let i = 0; i < 4; i++) {
      global.gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { heapUsed, rss } = process.memoryUsage();
    process.send({ heapUsed, rss });
  });
  process.on('disconnect', () => process.exit());
}

/** Opens a connection and lives one of the lives. */
async function live(port, number) {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  const isCompressed = number % 8 > 5 || number % 16 < 8;
  const offer = isCompressed ? 'permessage-deflate' : undefined;
  socket.write(request({ 'Sec-WebSocket-Extensions': offer }));
  socket.once('data', () => {
    LIVES[number % LIVES.length](socket);
    socket.resume();
  });
  await closed;
}

async function main() {
  const count = Number(process.argv[2] ?? 100_000);
  const child = fork(__filename, ['server'], { execArgv: ['--expose-gc'] });
  child.on('exit', (code) => code === 1 && process.exit(1));
  const [{ port }] = await once(child, 'message');
  const stats = async () => {
    child.send('stats');
    return (await once(child, 'message'))[0];
  };
  let number = 0;
  const some = async (end) => {
    const lives = async () => {
      while (number < end) await live(port, number++);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, lives));
  };

  await some(count / 5);
  const before = await stats();
  await some(count);
  const after = await stats();
  const grows = (name, most) =>
    after[name] - before[name] > most + MAX_PER_CONNECTION * count * 0.8;
  const kB = (bytes) => `${Math.round(bytes / 1000)} kB`;

  const tell = (number, { heapUsed, rss }) =>
    console.log(`after ${number}: ${kB(rss)} resident, ${kB(heapUsed)} of JavaScript`);
  tell(count / 5, before);
  tell(count, after);
  child.disconnect();

  if (grows('heapUsed', MAX_HEAP) || grows('rss', MAX_RESIDENT)) {
    console.log('memory grows with the number of connections');
    process.exitCode = 1;
  }
}

if (process.argv[2] === 'server') serve();
else main();
