// workerd as the peer: as the server, with compression, and as the client.
'use strict';

const { assert, inbox, load, once, run, within } = require('./program');

const { Miniflare } = load('miniflare');
const WebSocket = load('ws');

const SCRIPT = `
  export default {
    async fetch(request) {
      const url = new URL(request.url);
      if (url.pathname === '/client') return relay(url.searchParams.get('to'));
      if (request.headers.get('Upgrade') !== 'websocket') return new Response('no');
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener('message', ({ data }) => {
        if (data === 'close') return server.close(4004, 'as you wish');
        server.send(data);
      });
      return new Response(null, { status: 101, webSocket: client });
    }
  };

  async function relay(to) {
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate', Upgrade: 'websocket' };
    const { webSocket } = await fetch(to, { headers });
    webSocket.accept();
    const received = [];
    const ended = new Promise((resolve) => {
      webSocket.addEventListener('message', ({ data }) => {
        received.push(typeof data === 'string' ? data.length : data.byteLength);
        if (received.length === 3) webSocket.close(4005, 'enough');
      });
      webSocket.addEventListener('close', ({ code }) => resolve(code));
    });
    webSocket.send('text ü');
    webSocket.send(new Uint8Array(100_000).fill(7));
    webSocket.send('t'.repeat(1_000_000));
    return Response.json({ code: await ended, received });
  }`;

const PAYLOADS = ['', 'text ü', 't'.repeat(900_000), Buffer.alloc(0), Buffer.alloc(900_000, 7)];

async function overTheWire(url, perMessageDeflate) {
  const ws = new WebSocket(url, { perMessageDeflate });
  await within('a connection to workerd', once(ws, 'open'));
  for (const payload of PAYLOADS) {
    const echo = once(ws, 'message');
    ws.send(payload);
    const [data, isBinary] = await within(`an echo of ${payload.length} bytes`, echo);
    assert.strictEqual(isBinary, typeof payload !== 'string');
    assert.ok(data.equals(Buffer.from(payload)));
  }
  const pong = once(ws, 'pong');
  ws.ping('ping');
  assert.strictEqual((await within('a pong', pong))[0].toString(), 'ping');
  ws.send('close');
  const [code, reason] = await within('an end', once(ws, 'close'));
  assert.deepStrictEqual([code, reason.toString()], [4004, 'as you wish']);
  return ws.extensions;
}

/** Miniflare's own client, which it couples with a WebSocket of its own making. */
async function dispatched(miniflare) {
  const response = await miniflare.dispatchFetch('http://localhost/', {
    headers: { Upgrade: 'websocket' }
  });
  assert.strictEqual(response.status, 101);
  const { webSocket } = response;
  webSocket.accept();
  const received = [];
  const ended = new Promise((resolve) => webSocket.addEventListener('close', resolve));
  webSocket.addEventListener('message', ({ data }) => {
    received.push(typeof data === 'string' ? data : Buffer.from(data).toString());
    if (received.length === 2) webSocket.send('close');
  });
  webSocket.send('text');
  webSocket.send(Buffer.from('bytes'));
  const { code, reason } = await within('an end', ended);
  assert.deepStrictEqual(received, ['text', 'bytes']);
  assert.deepStrictEqual([code, reason], [4004, 'as you wish']);
}

async function asClient(miniflare, perMessageDeflate) {
  const server = new WebSocket.Server({ host: '127.0.0.1', perMessageDeflate, port: 0 });
  await once(server, 'listening');
  let extensions;
  server.on('connection', (ws) => {
    extensions = ws.extensions;
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  });
  const url = `http://localhost/client?to=http://127.0.0.1:${server.address().port}/`;
  const response = await within('an answer of workerd', miniflare.dispatchFetch(url));
  assert.deepStrictEqual(await response.json(), { code: 4005, received: [6, 100_000, 1_000_000] });
  server.close();
  return extensions;
}

async function main() {
  const miniflare = new Miniflare({
    compatibilityDate: '2025-01-01',
    modules: true,
    script: SCRIPT
  });
  const url = String(await within('workerd', miniflare.ready, 30_000)).replace('http', 'ws');
  assert.strictEqual(await overTheWire(url, false), '');
  assert.strictEqual(await overTheWire(url, true), 'permessage-deflate');
  await dispatched(miniflare);
  assert.strictEqual(await asClient(miniflare, false), '');
  assert.strictEqual(await asClient(miniflare, true), 'permessage-deflate');
  const broken = new WebSocket(new URL('/client?to=http://127.0.0.1:1/', url));
  const [err] = await within('a refusal', once(broken, 'error'));
  assert.match(err.message, /Unexpected server response: 5\d\d/);
  await miniflare.dispose();
}

run(main);
