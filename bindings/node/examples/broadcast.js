// Everybody gets what one client sends, except that client.
//
//   node examples/broadcast.js
'use strict';

const { WebSocketServer } = require('bowsprit');

const server = new WebSocketServer({ port: process.env.PORT ?? 8080 }, () => {
  console.log(`ws://localhost:${server.address().port}`);
});

server.on('connection', (ws) => {
  ws.on('error', console.error);
  ws.on('message', (data, isBinary) => {
    // With `ws`, this would be a loop over `server.clients` that makes a frame for each of them.
    const count = server.broadcast(data, { binary: isBinary, except: ws });
    console.log(`${data.length} bytes to ${count} clients`);
  });
});
