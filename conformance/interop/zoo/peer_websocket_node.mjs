// npm websocket; `peer.py` says what a peer does.

import http from 'node:http';
import process from 'node:process';

import { nameOf, require } from './node.mjs';
import { MAX_LEN, OFFERED, SUPPORTED, command, connectToEach, listening } from './peer.mjs';

const websocket = require('websocket');
const [role, ...urls] = process.argv.slice(2);
const LACKS = ['deflate'];
const options = { maxReceivedFrameSize: MAX_LEN, maxReceivedMessageSize: MAX_LEN };

function talk(connection) {
  connection.on('pong', (payload) => connection.sendUTF(`pong ${payload}`));
  connection.on('message', ({ type, utf8Data, binaryData }) => {
    const [verb, ...args] = command(utf8Data);
    if (verb === 'ping') connection.ping(Buffer.from(args[0]));
    else if (verb === 'close') connection.close(...args);
    else if (type === 'utf8') connection.sendUTF(utf8Data);
    else connection.sendBytes(binaryData);
  });
}

function connect(url) {
  const client = new websocket.client(options);
  return new Promise((resolve, reject) => {
    client.on('httpResponse', ({ statusCode }) => resolve({ refused: statusCode }));
    client.on('connectFailed', reject);
    client.on('connect', (connection) => {
      talk(connection);
      connection.on('close', (code, reason) =>
        resolve({ subprotocol: connection.protocol ?? null, code, reason }),
      );
    });
    client.connect(url, OFFERED);
  });
}

function serve() {
  const httpServer = http.createServer();
  const server = new websocket.server({ ...options, httpServer });
  server.on('request', (request) => {
    const offered = request.requestedProtocols;
    if (request.resource === '/refused') request.reject(403);
    else talk(request.accept(offered.includes(SUPPORTED) ? SUPPORTED : null));
  });
  httpServer.listen(0, '127.0.0.1', () =>
    listening(httpServer.address().port, nameOf('websocket'), LACKS),
  );
}

if (role === 'server') serve();
else await connectToEach(urls, nameOf('websocket'), LACKS, connect);
