// An echo server made with npm ws. It prints its address in its first line, and ends with its input.
//
//   node echo.mjs MODULES [--level N]     agrees to permessage-deflate without context takeover
//
// WS_NO_BUFFER_UTIL=1 makes ws do without bufferutil.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, option, level] = process.argv.slice(2);
const { WebSocketServer } = createRequire(pathToFileURL(`${modules}/`))('ws');

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  backlog: 16384,
  perMessageDeflate: option === '--level' && {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    threshold: 0,
    zlibDeflateOptions: { level: Number(level) },
  },
});

server.on('listening', () => console.log(`127.0.0.1:${server.address().port}`));

server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});

process.stdin.on('end', () => process.exit(0)).resume();
