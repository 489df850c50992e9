// faye-websocket; `peer.py` says what a peer does.

import http from 'node:http';
import process from 'node:process';

import { nameOf, require } from './node.mjs';
import { MAX_LEN, OFFERED, SUPPORTED, command, connectToEach, listening } from './peer.mjs';

const WebSocket = require('faye-websocket');
const deflate = require('permessage-deflate');
const [role, ...urls] = process.argv.slice(2);
const options = { maxLength: MAX_LEN, extensions: [deflate] };

function talk(ws) {
  ws.on('message', ({ data }) => {
    const [verb, ...args] = command(data);
    if (verb === 'ping') ws.ping(...args, () => ws.send(`pong ${args}`));
    else if (verb === 'close') ws.close(...args);
    else ws.send(data);
  });
}

function connect(url) {
  const ws = new WebSocket.Client(url, OFFERED, options);
  talk(ws);
  return new Promise((resolve) => {
    ws.on('error', () => resolve({ refused: ws.statusCode }));
    ws.on('close', ({ code, reason }) =>
      resolve({ subprotocol: ws.protocol || null, code, reason }),
    );
  });
}

function serve() {
  const server = http.createServer();
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/refused') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    } else {
      talk(new WebSocket(request, socket, head, [SUPPORTED], options));
    }
  });
  server.listen(0, '127.0.0.1', () =>
    listening(server.address().port, nameOf('faye-websocket'), []),
  );
}

if (role === 'server') serve();
else await connectToEach(urls, nameOf('faye-websocket'), [], connect);
