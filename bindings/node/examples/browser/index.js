// A page that talks to an echo server.
//
//   node examples/browser        then open http://localhost:8080
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
  ws.on('error', console.error);
  // Text arrives as a Buffer: without `binary` it would go back as binary data.
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});

httpServer.listen(process.env.PORT ?? 8080, () => {
  console.log(`http://localhost:${httpServer.address().port}`);
});
