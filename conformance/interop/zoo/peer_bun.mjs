// Bun; `peer.py` says what a peer does.

import { MAX_LEN, SUPPORTED, command, connectToEach, listening } from './peer.mjs';
import { connect } from './whatwg.mjs';

const [role, ...urls] = Bun.argv.slice(2);
const name = `Bun ${Bun.version}`;

const pings = {
  ping: (ws, payload) => ws.ping(payload),
  onPong: (ws, heard) => ws.addEventListener('pong', ({ data }) => heard(Buffer.from(data))),
};

const websocket = {
  maxPayloadLength: MAX_LEN,
  perMessageDeflate: true,
  pong: (ws, payload) => ws.send(`pong ${payload}`),
  message(ws, data) {
    const [verb, ...args] = command(data);
    if (verb === 'ping') ws.ping(...args);
    else if (verb === 'close') ws.close(...args);
    else ws.send(data, true);
  },
};

function accept(request, server) {
  if (new URL(request.url).pathname === '/refused') return new Response(null, { status: 403 });
  const offered = request.headers.get('Sec-WebSocket-Protocol')?.split(/, */) ?? [];
  const headers = offered.includes(SUPPORTED) ? { 'Sec-WebSocket-Protocol': SUPPORTED } : {};
  server.upgrade(request, { headers });
}

if (role === 'server') {
  const { port } = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: accept, websocket });
  listening(port, name, []);
} else {
  await connectToEach(urls, name, ['status'], (url) => connect(url, WebSocket, pings));
}
