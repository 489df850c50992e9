// Deno; `peer.py` says what a peer does.

import { SUPPORTED, command, connectToEach, listening } from './peer.mjs';
import { connect } from './whatwg.mjs';

const [role, ...urls] = Deno.args;
const name = `Deno ${Deno.version.deno}`;

function talk(ws) {
  ws.binaryType = 'arraybuffer';
  ws.onmessage = ({ data }) => {
    const [verb, ...args] = command(data);
    if (verb === 'close') ws.close(...args);
    else ws.send(data);
  };
}

function accept(request) {
  if (new URL(request.url).pathname === '/refused') return new Response(null, { status: 403 });
  const offered = request.headers.get('Sec-WebSocket-Protocol')?.split(/, */) ?? [];
  const protocol = offered.includes(SUPPORTED) ? SUPPORTED : undefined;
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol });
  talk(socket);
  return response;
}

if (role === 'server') {
  const onListen = ({ port }) => listening(port, name, ['deflate', 'ping']);
  Deno.serve({ hostname: '127.0.0.1', port: 0, onListen }, accept);
} else {
  const lacks = ['deflate', 'ping', 'status'];
  await connectToEach(urls, name, lacks, (url) => connect(url, WebSocket));
}
