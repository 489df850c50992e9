// Resident memory of a server per connection: idle, after a message of 100 bytes each, and with
// compression without takeover after a compressed message each.
//
//   node bench/memory.js [connections]
'use strict';

const { fork } = require('child_process');
const { once } = require('events');
const { readFileSync } = require('fs');
const net = require('net');
const path = require('path');
const { constants, deflateRawSync } = require('zlib');

const { frame } = require('../test/helpers/frames');

const COUNT = Number(process.argv[2] ?? 5000);

const resident = (pid) => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens connections, a hundred at a time. */
async function open(port, offer) {
  const sockets = [];
  const request =
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
    `${offer ? `Sec-WebSocket-Extensions: ${offer}\r\n` : ''}\r\n`;

  while (sockets.length < COUNT) {
    const more = Array.from({ length: 100 }, () => {
      const socket = net.connect(port, '127.0.0.1');
      socket.write(request);
      return socket;
    });
    await Promise.all(more.map((socket) => once(socket, 'data')));
    sockets.push(...more);
  }

  return sockets;
}

async function exchange(sockets, bytes) {
  for (let i = 0; i < sockets.length; i += 100) {
    await Promise.all(
      sockets.slice(i, i + 100).map((socket) => {
        socket.write(bytes);
        return once(socket, 'data');
      })
    );
  }
}

async function measure(library, kind) {
  const server = fork(path.join(__dirname, 'server.js'), [library, kind]);
  const [{ port }] = await once(server, 'message');
  await sleep(200);
  const before = resident(server.pid);
  const isCompressed = kind !== 'echo';
  const offer =
    isCompressed && 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  const sockets = await open(port, offer);
  await sleep(500);
  const idle = resident(server.pid);
  const text = 'a message of some words, again and again. '.repeat(isCompressed ? 30 : 3).slice(0, isCompressed ? 1260 : 100);
  const payload = isCompressed
    ? deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
    : text;
  await exchange(sockets, frame(isCompressed ? 0xc1 : 0x81, payload));
  await sleep(500);
  const after = resident(server.pid);
  sockets.forEach((socket) => socket.destroy());
  server.kill();
  return [idle, after].map((bytes) => ((bytes - before) / COUNT / 1000).toFixed(1));
}

async function main() {
  console.log(`kB per connection, of ${COUNT}: idle, after a message`);

  for (const kind of ['echo', 'deflate-no-takeover']) {
    for (const library of ['bowsprit', 'ws']) {
      console.log(`${kind.padEnd(20)} ${library.padEnd(9)} ${(await measure(library, kind)).join(', ')}`);
    }
  }
}

main().then(() => process.exit());
