// An echo server made with npm ws, on a free port of 127.0.0.1. The first line it prints is
// `listening on ws://127.0.0.1:PORT`.
//
//   node ws-server.mjs [--deflate[=SETTINGS]]     agrees to permessage-deflate, see ws-deflate.mjs
//
// Besides echoing, some paths do something of their own:
//
//   /close-CODE  closes at once, with this code and reason `bye`
//   /cut         cuts the connection at once, without a close frame
//   /feed        sends `1`, `2` and `3`, 100 ms apart, and closes with 1001
//   /redirect?TO redirects to `TO`
//   /refuse      is refused with HTTP 401, `X-Why: test` and the body `go away`
//   /greet       sends `hello` right with the handshake
//   /deflate     sends what was agreed on, as `describe` of ws-deflate.mjs puts it
//   /headers     sends the request's headers as JSON
//   /ping        sends the ping `are you there`, and once the pong has come, `pong:PAYLOAD`
//   /slow        echoes each message 300 ms later

import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
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
  const delay = request.url === '/slow' ? 300 : 0;
  socket.on('message', (data, isBinary) => {
    const answer = () => socket.send(data, { binary: isBinary });
    delay ? setTimeout(answer, delay) : answer();
  });
  const [, code] = request.url.match(/^\/close-(\d+)$/) ?? [];
  if (code) socket.close(Number(code), 'bye');
  switch (request.url) {
    case '/cut':
      socket.terminate();
      break;
    case '/feed':
      feed(socket);
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

async function feed(socket) {
  for (const text of ['1', '2', '3']) {
    await sleep(100);
    socket.send(text);
  }
  socket.close(1001);
}
