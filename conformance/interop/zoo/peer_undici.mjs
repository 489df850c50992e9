// undici, which Node.js 22 and later have built in; `peer.py` says what a peer does.

import diagnostics from 'node:diagnostics_channel';
import process from 'node:process';

import { nameOf, require } from './node.mjs';
import { connectToEach } from './peer.mjs';
import { connect } from './whatwg.mjs';

const { WebSocket, ping } = require('undici');

const pings = {
  ping: (ws, payload) => ping(ws, Buffer.from(payload)),
  onPong: (ws, heard) =>
    diagnostics.subscribe('undici:websocket:pong', ({ websocket, payload }) => {
      if (websocket === ws) heard(payload.toString());
    }),
};

await connectToEach(process.argv.slice(3), nameOf('undici'), ['status'], (url) =>
  connect(url, WebSocket, pings),
);
