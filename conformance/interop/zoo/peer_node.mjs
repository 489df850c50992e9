// The client that Node.js has built in, which is undici's; `peer.py` says what a peer does.

import process from 'node:process';

import { connectToEach } from './peer.mjs';
import { connect } from './whatwg.mjs';

const { undici, node } = process.versions;
// Earlier versions than 6.18 of undici do not compress.
const [major, minor] = undici.split('.').map(Number);
const lacks = major > 6 || (major === 6 && minor >= 18) ? [] : ['deflate'];

await connectToEach(process.argv.slice(3), `Node.js ${node}`, [...lacks, 'ping', 'status'], (url) =>
  connect(url, WebSocket),
);
