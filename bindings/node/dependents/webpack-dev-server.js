// Hot updates, the heartbeat, the check of Host and Origin, and a proxy for another server.
'use strict';

const fs = require('fs');
const path = require('path');

const { assert, inbox, load, once, run, until, within } = require('./program');

const webpack = load('webpack');
const WebpackDevServer = load('webpack-dev-server');
const WebSocket = load('ws');

const type = (name) => (message) => JSON.parse(message).type === name;

async function watch(port, file) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, { origin: `http://127.0.0.1:${port}` });
  const { next } = inbox(ws);
  for (const name of ['hot', 'liveReload', 'hash', 'ok']) await next(name, type(name));
  fs.writeFileSync(file, `module.exports = ${JSON.stringify('x'.repeat(1000))};`);
  for (const name of ['invalid', 'hash', 'ok']) await next(name, type(name));
  fs.writeFileSync(file, 'this is not JavaScript');
  const { data } = JSON.parse(await next('errors', type('errors')));
  assert.match(data[0].message, /Module parse failed/);
  // The server ends a connection that has not answered the ping before.
  for (let i = 0; i < 3; i++) await within('a ping', once(ws, 'ping'));
  assert.strictEqual(ws.readyState, WebSocket.OPEN);
  return ws;
}

async function refused(port) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, { origin: 'http://evil.example' });
  const { next } = inbox(ws);
  const closed = once(ws, 'close');
  assert.match(await next('an error', type('error')), /Invalid Host\/Origin header/);
  await within('an end', closed);
}

async function proxied(port) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/api`, { origin: `http://127.0.0.1:${port}` });
  const { next } = inbox(ws);
  await within('a connection through the proxy', once(ws, 'open'));
  assert.strictEqual(ws.extensions, 'permessage-deflate');
  ws.send('y'.repeat(1_000_000));
  assert.strictEqual((await next('an echo')).length, 1_000_000);
  ws.close(4001);
  assert.strictEqual((await within('an end', once(ws, 'close')))[0], 4001);
}

async function main() {
  const directory = fs.mkdtempSync(path.join(process.cwd(), 'source-'));
  const file = path.join(directory, 'index.js');
  fs.writeFileSync(file, 'module.exports = 1;');

  const backend = new WebSocket.Server({ host: '127.0.0.1', perMessageDeflate: true, port: 0 });
  await once(backend, 'listening');
  backend.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));

  const compiler = webpack({
    context: directory,
    entry: file,
    infrastructureLogging: { level: 'none' },
    mode: 'development',
    output: { path: path.join(directory, 'dist') },
    stats: 'none'
  });
  const server = new WebpackDevServer(
    {
      host: '127.0.0.1',
      port: 'auto',
      proxy: [{ context: ['/api'], target: `ws://127.0.0.1:${backend.address().port}`, ws: true }],
      static: false
    },
    compiler
  );
  await within('a server', server.start(), 30_000);
  const { port } = server.server.address();
  await until('a bundle', () => server.stats !== undefined);

  try {
    const ws = await watch(port, file);
    await refused(port);
    await proxied(port);
    const closed = once(ws, 'close');
    await within('the end of the server', server.stop());
    await within('the end of the connection', closed);
  } finally {
    fs.rmSync(directory, { force: true, recursive: true });
  }
}

run(main);
