// Workers of a cluster, worker threads, and several copies of the package in one process.
'use strict';

const assert = require('node:assert');
const { execFile } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');

const ours = require('..');

const LIMITED = { timeout: 60_000 };
const PACKAGE = path.join(__dirname, '..');
const run = promisify(execFile);

for (const mode of ['round-robin', 'none', 'sticky']) {
  test(`workers of a cluster share a port: ${mode}`, LIMITED, async () => {
    const file = path.join(__dirname, 'helpers/cluster.js');
    const { stdout } = await run(process.execPath, [file, mode], { timeout: 50_000 });
    assert.strictEqual(stdout, '1,2 [true,4000,"bye"]\n');
  });
}

/** Runs code in a worker thread; resolves with what it posts first, and its exit code. */
async function inThread(code, workerData) {
  const worker = new Worker(code, { eval: true, workerData });
  const exited = once(worker, 'exit');
  const [message] = await once(worker, 'message');
  return { exited, message, worker };
}

const CLIENT = `
  const { parentPort, workerData } = require('worker_threads');
  const { WebSocket } = require(workerData.main);
  const ws = new WebSocket(workerData.url);
  ws.on('open', () => ws.send('from a thread'));`;

/** A server that echoes, and the ends of its connections. */
async function echoing() {
  const server = new ours.WebSocketServer({ host: '127.0.0.1', perMessageDeflate: true, port: 0 });
  await once(server, 'listening');
  const ends = [];
  server.on('connection', (ws) => {
    ws.on('message', (data) => ws.send(data, { binary: false }));
    ends.push(once(ws, 'close'));
  });
  return { ends, server, url: `ws://127.0.0.1:${server.address().port}` };
}

test('a thread that only loads the package ends', LIMITED, async () => {
  const code = `
    const { parentPort, workerData } = require('worker_threads');
    parentPort.postMessage(typeof require(workerData.main).WebSocket);`;
  for (let i = 0; i < 5; i++) {
    const { exited, message } = await inThread(code, { main: PACKAGE });
    assert.strictEqual(message, 'function');
    assert.deepStrictEqual(await exited, [0]);
  }
});

test('threads connect to the main thread, and close', LIMITED, async () => {
  const { ends, server, url } = await echoing();
  const code = `${CLIENT}
    ws.on('message', (data) => ws.close(4000, data));
    ws.on('close', (code, reason) => parentPort.postMessage([code, reason.toString()]));`;
  const threads = Array.from({ length: 3 }, () => inThread(code, { main: PACKAGE, url }));
  for (const { exited, message } of await Promise.all(threads)) {
    assert.deepStrictEqual(message, [4000, 'from a thread']);
    assert.deepStrictEqual(await exited, [0]);
  }
  for (const [code] of await Promise.all(ends)) assert.strictEqual(code, 4000);
  server.close();
});

test('a thread may be terminated while its connection is open', LIMITED, async () => {
  const { ends, server, url } = await echoing();
  const code = `${CLIENT}
    ws.on('message', () => {
      // Compression on the pool is under way when the thread ends.
      for (let i = 0; i < 20; i++) ws.send(Buffer.alloc(300_000, i));
      parentPort.postMessage('busy');
    });`;
  const { exited, message, worker } = await inThread(code, { main: PACKAGE, url });
  assert.strictEqual(message, 'busy');
  await worker.terminate();
  await exited;
  assert.strictEqual((await ends[0])[0], 1006);
  server.close();
});

/** A second copy of the package, as a package manager may well install one. */
function copyPackage() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bowsprit-copy-'));
  for (const name of ['bowsprit.node', 'index.js', 'lib', 'package.json']) {
    fs.cpSync(path.join(PACKAGE, name), path.join(directory, name), { recursive: true });
  }
  return directory;
}

async function talk(server, client) {
  const wss = new server.WebSocketServer({ host: '127.0.0.1', perMessageDeflate: true, port: 0 });
  await once(wss, 'listening');
  wss.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
  const ws = new client.WebSocket(`ws://127.0.0.1:${wss.address().port}`);
  await once(ws, 'open');
  for (const length of [5, 2000, 200_000]) {
    ws.send('x'.repeat(length));
    assert.strictEqual((await once(ws, 'message'))[0].length, length);
  }
  ws.close();
  await once(ws, 'close');
  wss.close();
}

test('two copies of the package work in one process', LIMITED, async () => {
  const directory = copyPackage();
  const other = createRequire(`${directory}/`)('./index.js');
  assert.notStrictEqual(other.WebSocket, ours.WebSocket);

  await Promise.all([
    talk(ours, other),
    talk(other, ours),
    talk(ours, ours),
    talk(other, other)
  ]);
  const [one, two] = [PACKAGE, directory].map((place) => require(`${place}/lib/native`));
  assert.notStrictEqual(one, two);
  assert.strictEqual(two.openCount(), 0);
  fs.rmSync(directory, { recursive: true });
});

test('two copies work in one thread beside those of the main thread', LIMITED, async () => {
  const directory = copyPackage();
  const { server, url } = await echoing();
  const code = `
    const { parentPort, workerData } = require('worker_threads');
    const seen = [];
    for (const main of workerData.mains) {
      const ws = new (require(main).WebSocket)(workerData.url);
      ws.on('open', () => ws.send('from a copy'));
      ws.on('message', (data) => ws.close(4000, data));
      ws.on('close', (code) => seen.push(code) === 2 && parentPort.postMessage(seen));
    }`;
  const { exited, message } = await inThread(code, { mains: [PACKAGE, directory], url });
  assert.deepStrictEqual(message, [4000, 4000]);
  assert.deepStrictEqual(await exited, [0]);
  server.close();
  fs.rmSync(directory, { recursive: true });
});
