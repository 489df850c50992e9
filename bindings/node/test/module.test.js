'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');

const WebSocket = require('..');
const manifest = require('../package.json');

test('M1: the module is the class, and has all the others', () => {
  assert.strictEqual(typeof WebSocket, 'function');
  assert.strictEqual(WebSocket.WebSocket, WebSocket);
  assert.strictEqual(WebSocket.Server, WebSocket.WebSocketServer);

  const ws = require('ws');
  const names = Object.keys(ws).filter((name) => !/^(CONNECTING|OPEN|CLOSING|CLOSED)$/.test(name));
  for (const name of names) assert.strictEqual(typeof WebSocket[name], typeof ws[name], name);
});

test('M2: the ES module has the same names', async () => {
  const module = await import('../wrapper.mjs');

  assert.deepStrictEqual(Object.keys(module).sort(), [
    'PerMessageDeflate',
    'Receiver',
    'Sender',
    'WebSocket',
    'WebSocketServer',
    'createWebSocketStream',
    'default',
    'extension',
    'subprotocol'
  ]);
  assert.strictEqual(module.default, WebSocket);
  for (const name of Object.keys(module)) {
    if (name !== 'default') assert.strictEqual(module[name], WebSocket[name], name);
  }
});

test('M3: bundlers for browsers get a stub', () => {
  assert.strictEqual(manifest.browser, 'browser.js');
  assert.strictEqual(manifest.exports['.'].browser, './browser.js');
  assert.strictEqual(manifest.exports['./package.json'], './package.json');
  assert.throws(require('../browser'), /native WebSocket/);
});

test('M5: variables for the accelerators of ws have no effect', () => {
  const env = { ...process.env, WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' };
  const script = `
    const { Receiver } = require(${JSON.stringify(require.resolve('..'))});
    const receiver = new Receiver();
    receiver.on('error', (err) => console.log(err.code));
    receiver.write(Buffer.from([0x81, 1, 0xff]));`;
  const output = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env });
  assert.strictEqual(output.trim(), 'WS_ERR_INVALID_UTF8');
});

test('worker threads have their own state, and end while connections are open', async () => {
  const script = `
    const { WebSocketServer, WebSocket } = require(${JSON.stringify(require.resolve('..'))});
    const { parentPort } = require('worker_threads');
    const server = new WebSocketServer({ port: 0, perMessageDeflate: true }, () => {
      const ws = new WebSocket('ws://127.0.0.1:' + server.address().port);
      ws.on('open', () => ws.send('x'.repeat(100_000)));
      ws.on('message', (data) => {
        parentPort.postMessage(data.length);
        ws.send('y'.repeat(1_000_000));
        process.exit();
      });
    });
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));`;
  const workers = Array.from({ length: 3 }, () => new Worker(script, { eval: true }));

  const lengths = workers.map((worker) => new Promise((resolve) => worker.once('message', resolve)));
  const exits = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
  assert.deepStrictEqual(await Promise.all(lengths), [100_000, 100_000, 100_000]);
  assert.deepStrictEqual(await Promise.all(exits), [0, 0, 0]);
});
