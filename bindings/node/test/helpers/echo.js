// Echo, ping, close, heartbeat and compression in both roles, for runtimes without Node's test runner.
'use strict';

const assert = require('assert');

const { WebSocket, WebSocketServer } = require('../..');

function run(perMessageDeflate) {
  return new Promise((resolve) => {
    const options = { heartbeat: { interval: 10, timeout: 2000 }, perMessageDeflate };
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options }, () => {
      const { port } = server.address();
      const ws = new WebSocket(`ws://127.0.0.1:${port}`, options);
      const seen = [];
      const note = (what) => {
        if (!seen.includes(what)) seen.push(what);
        if (seen.length === 5) ws.close(4001, 'bye');
      };

      ws.on('open', () => {
        ws.send('text');
        ws.send(Buffer.alloc(50_000, 1));
        ws.ping('p');
      });
      ws.on('pong', (data) => note(`pong ${data}`));
      // Those of the heartbeats of both ends have no payload.
      ws.on('ping', (data) => note(`ping ${data}`));
      ws.on('message', (data, isBinary) => note(`${data.length} ${isBinary}`));
      ws.on('close', (code, reason) => {
        assert.strictEqual(ws.extensions, perMessageDeflate ? 'permessage-deflate' : '');
        assert.deepStrictEqual(seen.sort(), ['4 false', '50000 true', 'ping ', 'pong ', 'pong p']);
        assert.deepStrictEqual([code, reason.toString()], [4001, 'bye']);
        resolve();
      });
    });

    server.on('connection', (ws) => {
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    });
  });
}

setTimeout(() => process.exit(1), 5000);
run(false)
  .then(() => run(true))
  .then(() => process.exit(0));
