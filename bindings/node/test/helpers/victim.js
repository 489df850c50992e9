// A server that attacks.test.js attacks: an echo with the default limits, in a process of its own.
//
//   node --expose-gc test/helpers/victim.js ws|..  (what to load)
'use strict';

const [, , name] = process.argv;

if (name !== undefined) {
  const { WebSocketServer } = require(name);
  const server = new WebSocketServer({ host: '127.0.0.1', perMessageDeflate: true, port: 0 });
  const counts = { connections: 0, messages: 0, read: 0 };

  server.on('listening', () => {
    globalThis.gc();
    process.send({ port: server.address().port, rss: process.resourceUsage().maxRSS });
  });
  server.on('connection', (ws, { socket, url }) => {
    counts.connections++;
    ws.on('error', () => {});
    socket.on('data', (chunk) => (counts.read += chunk.length));
    if (url === '/paused') ws.pause();
    ws.on('message', (data, isBinary) => {
      counts.messages++;
      if (url === '/echo') ws.send(data, { binary: isBinary });
    });
  });

  process.on('message', () => {
    process.send({ ...counts, open: server.clients.size, rss: process.resourceUsage().maxRSS });
  });
}
