// Sockets without a library behind them.
'use strict';

const { once } = require('events');
const net = require('net');

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** A request to upgrade; header fields of `undefined` are left out. */
function request(fields = {}, { method = 'GET', path = '/', version = '1.1', body = '' } = {}) {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...fields
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n${body}`;
}

/** Sends bytes to a server; resolves with the answer when it ends, or with its head. */
async function ask(port, bytes, { untilEnd = true } = {}) {
  const socket = net.connect(port, '127.0.0.1');
  const chunks = [];
  socket.on('error', () => {});
  socket.write(bytes);

  return new Promise((resolve) => {
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('latin1');
      if ((!untilEnd || text.startsWith('HTTP/1.1 101')) && text.includes('\r\n\r\n')) {
        socket.destroy();
        resolve(text);
      }
    });
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

/** A server that takes one request, and answers what `answer` makes of it. */
async function answering(answer) {
  const requests = [];
  const server = net.createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      requests.push(text);
      const key = /Sec-WebSocket-Key: (.*)\r\n/i.exec(text)?.[1];
      text = '';
      answer(socket, { key, text: requests.at(-1) });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: server.address().port, requests, server };
}

/** The head of an answer that accepts, without its last line. */
function accepting(key, fields = {}) {
  const { createHash } = require('crypto');
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  const all = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': accept,
    ...fields
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`;
}

module.exports = { ACCEPT, KEY, accepting, answering, ask, request };
