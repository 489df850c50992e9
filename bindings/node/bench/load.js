// Sends messages to a server, and counts the bytes that come back.
'use strict';

const net = require('net');

const { frame } = require('../test/helpers/frames');

let sockets = [];

/** Counts the frames in what a server sends. */
class Counter {
  constructor() {
    this.count = 0;
    this.skip = 0;
    this.rest = Buffer.alloc(0);
  }

  add(chunk) {
    if (chunk.length <= this.skip) {
      this.skip -= chunk.length;
      return;
    }

    let at = this.skip;
    if (this.rest.length > 0) {
      chunk = Buffer.concat([this.rest, chunk.subarray(at)]);
      at = 0;
    }
    this.skip = 0;
    this.rest = Buffer.alloc(0);

    while (at < chunk.length) {
      const short = chunk[at + 1];
      const header = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (at + header > chunk.length) {
        this.rest = chunk.subarray(at);
        return;
      }
      const length =
        short === 126
          ? chunk.readUInt16BE(at + 2)
          : short === 127
            ? Number(chunk.readBigUInt64BE(at + 2))
            : short;
      at += header + length;
      this.count++;
    }

    this.skip = at - chunk.length;
  }
}

/** For a server that sends back what it gets. */
class ByteCounter {
  constructor(length) {
    this.length = length;
    this.bytes = 0;
  }

  get count() {
    return Math.floor(this.bytes / this.length);
  }

  add(chunk) {
    this.bytes += chunk.length;
  }
}

/** Text that shrinks to a quarter or so. */
function textOf(length) {
  const words = 'the quick brown fox jumps over a lazy dog and 0123456789'.split(' ');
  let text = '';
  for (let i = 0; text.length < length; i++) text += `${words[(i * i + 3 * i) % words.length]}${i % 97} `;
  return Buffer.from(text.slice(0, length));
}

/** Opens connections; on each, or on the first only, so many messages are in flight. */
function open({ port, connections, length, depth, library, kind }) {
  const { deflateRawSync, constants } = require('zlib');
  const isCompressed = /flate/.test(kind);
  const offer = {
    deflate: 'permessage-deflate',
    inflate: 'permessage-deflate',
    'deflate-no-takeover':
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
  }[kind];
  const payload = isCompressed
    ? deflateRawSync(textOf(length), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
    : Buffer.alloc(length, 'a');
  const request = frame((length > 1024 ? 0x82 : 0x81) | (isCompressed ? 0x40 : 0), payload);
  const batch = Buffer.concat(Array(depth).fill(request));
  const state = { messages: 0 };
  let opened = 0;

  for (let i = 0; i < connections; i++) {
    const socket = net.connect(port, '127.0.0.1');
    const counter = library === 'socket' ? new ByteCounter(request.length) : new Counter();
    const isSending = kind !== 'broadcast' || i === 0;
    let isOpen = false;
    let counted = 0;

    socket.setNoDelay();
    socket.write(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
        `${offer ? `Sec-WebSocket-Extensions: ${offer}\r\n` : ''}\r\n`
    );
    socket.on('data', (chunk) => {
      if (!isOpen) {
        isOpen = true;
        if (++opened === connections) process.send('open');
        return;
      }

      counter.add(chunk);
      state.messages += counter.count - counted;
      counted = counter.count;
      if (isSending && counted % depth === 0) socket.write(batch);
    });
    socket.on('error', () => {});
    socket.start = () => isSending && socket.write(batch);
    sockets.push(socket);
  }

  return state;
}

let state;

process.on('message', (message) => {
  if (message.open) {
    sockets.forEach((socket) => socket.destroy());
    sockets = [];
    state = open(message.open);
  } else if (message === 'start') {
    sockets.forEach((socket) => socket.start());
  } else {
    process.send({ messages: state.messages });
  }
});
process.on('disconnect', () => process.exit());
