// Finds connections whose peer is gone without having closed them: it does not answer pings.
//
//   node examples/heartbeat.js
'use strict';

const { WebSocketServer } = require('bowsprit');

const INTERVAL = Number(process.env.INTERVAL ?? 30_000);
const isAlive = new WeakMap();

const server = new WebSocketServer({ port: process.env.PORT ?? 8080 }, () => {
  console.log(`ws://localhost:${server.address().port}`);
});

server.on('connection', (ws) => {
  isAlive.set(ws, true);
  ws.on('error', console.error);
  // Whoever sends anything is alive. Clients answer a ping by themselves.
  ws.on('message', () => isAlive.set(ws, true));
  ws.on('pong', () => isAlive.set(ws, true));
  ws.on('close', (code) => console.log(`closed: ${code}`));
});

const timer = setInterval(() => {
  for (const ws of server.clients) {
    if (!isAlive.get(ws)) {
      ws.terminate();
      continue;
    }

    isAlive.set(ws, false);
    ws.ping();
  }
}, INTERVAL);

server.on('close', () => clearInterval(timer));
