// npm ws; `peer.py` says what a peer does.

import process from 'node:process';

import { nameOf, require } from './node.mjs';
import { MAX_LEN, OFFERED, SUPPORTED, command, connectToEach, listening } from './peer.mjs';

const { WebSocket, WebSocketServer } = require('ws');
const [role, ...urls] = process.argv.slice(2);
const options = { maxPayload: MAX_LEN, perMessageDeflate: { threshold: 0 } };

function talk(ws) {
  ws.on('pong', (payload) => ws.send(`pong ${payload}`));
  ws.on('message', (data, isBinary) => {
    const [verb, ...args] = command(isBinary ? data : data.toString());
    if (verb === 'ping') ws.ping(...args);
    else if (verb === 'close') ws.close(...args);
    else ws.send(data, { binary: isBinary });
  });
}

function connect(url) {
  const ws = new WebSocket(url, OFFERED, options);
  talk(ws);
  return new Promise((resolve) => {
    ws.on('unexpected-response', (_, { statusCode }) => resolve({ refused: statusCode }));
    ws.on('close', (code, reason) =>
      resolve({ subprotocol: ws.protocol || null, code, reason: reason.toString() }),
    );
  });
}

function serve() {
  const server = new WebSocketServer({
    ...options,
    host: '127.0.0.1',
    port: 0,
    handleProtocols: (offered) => offered.has(SUPPORTED) && SUPPORTED,
    verifyClient: ({ req }, done) => done(req.url !== '/refused', 403),
  });
  server.on('connection', talk);
  server.on('listening', () => listening(server.address().port, nameOf('ws'), []));
}

if (role === 'server') serve();
else await connectToEach(urls, nameOf('ws'), [], connect);
