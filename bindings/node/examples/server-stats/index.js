// Sends what the process uses to every page that is open, once a second.
//
//   node examples/server-stats        then open http://localhost:8080
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const { WebSocketServer } = require('bowsprit');

const page = fs.readFileSync(path.join(__dirname, 'index.html'));
const httpServer = http.createServer((req, res) => {
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.end(page);
});
const server = new WebSocketServer({ server: httpServer });

server.on('connection', (ws) => {
  const send = () => {
    ws.send(JSON.stringify({ ...process.memoryUsage(), connections: server.clients.size }));
  };
  const timer = setInterval(send, 1000);

  send();
  ws.on('error', console.error);
  ws.on('close', () => clearInterval(timer));
});

httpServer.listen(process.env.PORT ?? 8080, () => {
  console.log(`http://localhost:${httpServer.address().port}`);
});
