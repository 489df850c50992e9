// An echo server for Autobahn|Testsuite:
//
//   CONFORMANCE_SERVER='node bindings/node/conformance/server.js' scripts/conformance --server
'use strict';

const { WebSocketServer } = require('..');

const server = new WebSocketServer(
  // Group 9 sends 4 MiB in fragments of 64 bytes, and in as many chunks.
  { host: '127.0.0.1', maxFragments: 0, maxBufferedChunks: 0, perMessageDeflate: true, port: 0 },
  () => console.log(`listening on ws://127.0.0.1:${server.address().port}`)
);

server.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  ws.on('error', () => {});
});
