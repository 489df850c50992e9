// An echo server made with npm ws, on a free port of 127.0.0.1. The first line it prints is
// `listening on ws://127.0.0.1:PORT`.
//
//   node ws-server.mjs [--deflate[=SETTINGS]]     agrees to permessage-deflate, see ws-deflate.mjs
//
// Besides echoing, some paths do something of their own:
//
//   /close-4001  closes at once, with code 4001 and reason `bye`
//   /redirect?TO redirects to `TO`
//   /refuse      is refused with HTTP 401, `X-Why: test` and the body `go away`
//   /greet       sends `hello` right with the handshake
//   /deflate     sends what was agreed on, as `describe` of ws-deflate.mjs puts it
//   /headers     sends the request's headers as JSON
//   /ping        sends the ping `are you there`, and once the pong has come, `pong:PAYLOAD`

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

import { describe, takeDeflate } from './ws-deflate.mjs';

const modules = process.env.INTEROP_NODE
  ? pathToFileURL(`${process.env.INTEROP_NODE}/`)
  : new URL('../../target/interop/node/', import.meta.url);
const { WebSocketServer } = createRequire(modules)('ws');

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: takeDeflate(process.argv).deflate,
  handleProtocols: (offered) => offered.has('chat.v1') && 'chat.v1',
  verifyClient: ({ req }, done) => {
    const [path] = req.url.split('?');
    const target = req.url.slice(path.length + 1);
    if (path === '/refuse') done(false, 401, 'go away', { 'X-Why': 'test' });
    else if (path === '/redirect') done(false, 302, '', { Location: target });
    else done(true);
  },
});

server.on('listening', () => {
  console.log(`listening on ws://127.0.0.1:${server.address().port}`);
});

// Lets the response and the greeting leave in one segment: the client then gets the first frame in
// the same read as the end of the handshake.
server.on('headers', (_, request) => {
  if (request.url === '/greet') {
    request.socket.cork();
    process.nextTick(() => request.socket.uncork());
  }
});

server.on('connection', (socket, request) => {
  socket.on('error', (error) => console.error(error.message));
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  switch (request.url) {
    case '/close-4001':
      socket.close(4001, 'bye');
      break;
    case '/greet':
      socket.send('hello');
      break;
    case '/deflate':
      socket.send(describe(socket));
      break;
    case '/headers':
      socket.send(JSON.stringify(request.headers));
      break;
    case '/ping':
      socket.once('pong', (payload) => socket.send(`pong:${payload}`));
      socket.ping('are you there');
      break;
  }
});
