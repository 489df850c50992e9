// A server that attacks.test.js attacks: an echo with the default limits, in a process of its own.
//
//   node --expose-gc test/helpers/victim.js MODULE
'use strict';

const { readFileSync } = require('fs');

const [, , name] = process.argv;

/** The most memory that there was at a time, in kB; `maxRSS` may begin with that of the parent. */
function peak() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

/** The most memory that there was, and that which is in use, in kB. */
function usage() {
  globalThis.gc();
  const { external, heapUsed } = process.memoryUsage();
  return { peak: peak(), used: Math.round((external + heapUsed) / 1024) };
}

if (name !== undefined) {
  const { WebSocketServer } = require(name);
  const server = new WebSocketServer({ host: '127.0.0.1', perMessageDeflate: true, port: 0 });
  const counts = { connections: 0, messages: 0, read: 0 };

  server.on('listening', () => {
    process.send({ ...usage(), port: server.address().port });
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
    process.send({ ...usage(), ...counts, open: server.clients.size });
  });
}
