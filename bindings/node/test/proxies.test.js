// Agents of others, through proxies made here and through those of the system.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const https = require('node:https');
const { test } = require('node:test');

const { HttpsProxyAgent } = require('https-proxy-agent');
const { SocksProxyAgent } = require('socks-proxy-agent');
const { WebSocket, WebSocketServer } = require('..');
const { certificates } = require('./helpers/certificates');
const { connectProxy, daemon, hasDaemon, socksProxy } = require('./helpers/proxies');

const TLS = certificates(['server']).server;

/** A server that echoes, as plain or over TLS. */
async function echoing(isSecure) {
  const own = isSecure ? https.createServer(TLS) : undefined;
  const server = new WebSocketServer(
    isSecure ? { perMessageDeflate: true, server: own } : { host: '127.0.0.1', port: 0 }
  );
  if (isSecure) own.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const requests = [];
  server.on('connection', (ws, req) => {
    requests.push(req.headers);
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  });
  const { port } = server.address();
  const close = () => {
    for (const ws of server.clients) ws.terminate();
    server.close();
    own?.close();
  };
  return { close, port, requests };
}

/** Talks with a server through an agent, until both have closed the connection. */
async function talk(url, agent) {
  const ws = new WebSocket(url, { agent, ca: TLS.ca });
  await once(ws, 'open');
  for (const payload of ['text', Buffer.alloc(300_000, 7)]) {
    ws.send(payload);
    const [data, isBinary] = await once(ws, 'message');
    assert.ok(data.equals(Buffer.from(payload)));
    assert.strictEqual(isBinary, typeof payload !== 'string');
  }
  ws.ping('ping');
  assert.strictEqual((await once(ws, 'pong'))[0].toString(), 'ping');
  ws.close(4000, 'bye');
  const [code, reason] = await once(ws, 'close');
  assert.deepStrictEqual([code, reason.toString()], [4000, 'bye']);
}

const HTTP = { agent: (url) => new HttpsProxyAgent(url), daemon: 'tinyproxy', scheme: 'http' };
const SOCKS = { agent: (url) => new SocksProxyAgent(url), daemon: 'danted', scheme: 'socks5h' };

for (const [name, make, { agent, scheme }] of [
  ['https-proxy-agent', connectProxy, HTTP],
  ['socks-proxy-agent', socksProxy, SOCKS]
]) {
  for (const isSecure of [false, true]) {
    test(`${name} carries ${isSecure ? 'wss:' : 'ws:'}`, async () => {
      const server = await echoing(isSecure);
      const proxy = await make();
      const url = `${isSecure ? 'wss' : 'ws'}://localhost:${server.port}`;
      await talk(url, agent(`${scheme}://127.0.0.1:${proxy.port}`));
      assert.strictEqual(proxy.requests.length, 1);
      proxy.stop();
      server.close();
    });
  }
}

test('what a proxy is told stays with it', async () => {
  const server = await echoing(false);
  const authorization = `Basic ${btoa('me:secret')}`;
  const proxy = await connectProxy({ authorization });
  const url = `ws://127.0.0.1:${server.port}`;

  await talk(url, new HttpsProxyAgent(`http://me:secret@127.0.0.1:${proxy.port}`));
  assert.strictEqual(proxy.requests[0].headers['proxy-authorization'], authorization);
  assert.strictEqual(server.requests[0]['proxy-authorization'], undefined);
  assert.strictEqual(proxy.requests[0].headers['sec-websocket-key'], undefined);

  const agent = new HttpsProxyAgent(`http://127.0.0.1:${proxy.port}`);
  const [err] = await once(new WebSocket(url, { agent }), 'error');
  assert.match(err.message, /Unexpected server response: 407/);
  proxy.stop();
  server.close();
});

test('a SOCKS proxy with a password, and one that refuses', async () => {
  const server = await echoing(false);
  const proxy = await socksProxy({ password: 'me:secret' });
  const url = `ws://localhost:${server.port}`;

  await talk(url, new SocksProxyAgent(`socks5h://me:secret@127.0.0.1:${proxy.port}`));
  assert.deepStrictEqual(proxy.requests, [{ host: 'localhost', port: server.port, type: 3 }]);
  const agent = new SocksProxyAgent(`socks5h://me:wrong@127.0.0.1:${proxy.port}`);
  const ws = new WebSocket(url, { agent });
  const closed = new Promise((resolve) => ws.on('close', resolve));
  const [err] = await once(ws, 'error');
  assert.match(err.message, /authentication failed/i);
  assert.strictEqual(await closed, 1006);
  proxy.stop();
  server.close();
});

test('a proxy that cannot be reached, and one whose server cannot', async () => {
  const proxy = await connectProxy();
  const nobody = await connectProxy();
  nobody.stop();

  for (const port of [nobody.port, proxy.port]) {
    const agent = new HttpsProxyAgent(`http://127.0.0.1:${port}`);
    const [err] = await once(new WebSocket(`ws://127.0.0.1:${nobody.port}`, { agent }), 'error');
    assert.match(err.message, /ECONNREFUSED|Unexpected server response: 502/);
  }
  proxy.stop();
});

for (const { agent, daemon: name, scheme } of [HTTP, SOCKS]) {
  const skip = !hasDaemon(name) && `${name} is not there: scripts/setup-proxies installs it`;

  test(`${name} carries ws: and wss:`, { skip }, async () => {
    const proxy = await daemon(name);
    for (const isSecure of [false, true]) {
      const server = await echoing(isSecure);
      const url = `${isSecure ? 'wss' : 'ws'}://127.0.0.1:${server.port}`;
      await talk(url, agent(`${scheme}://127.0.0.1:${proxy.port}`));
      server.close();
    }
    await proxy.stop();
  });
}
