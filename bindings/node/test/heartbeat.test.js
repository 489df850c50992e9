'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');

const theirs = require('ws');
const { WebSocket, WebSocketServer } = require('..');
const native = require('../lib/native');
const { frame } = require('./helpers/frames');
const { accepting, answering, request } = require('./helpers/raw');

const PING = Buffer.from([0x89, 0x00]);
const MASKED_PING = 0x89;
const LONG = 1_000_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server, and a connection to it as it sees it. */
async function accept(options, connect) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await once(server, 'listening');
  const [[ws], peer] = await Promise.all([
    once(server, 'connection'),
    connect(server.address().port)
  ]);
  return { peer, server, ws };
}

/** A client that never answers, but counts pings. */
async function mute(port) {
  const peer = { pings: 0, socket: net.connect(port, '127.0.0.1') };
  peer.socket.on('error', () => {});
  peer.closed = new Promise((resolve) => peer.socket.on('close', resolve));
  peer.socket.write(request());
  await once(peer.socket, 'data');
  peer.socket.on('data', (chunk) => {
    peer.pings += chunk.length / PING.length;
    if (peer.onPing) peer.onPing();
  });
  return peer;
}

const withWs = (port) => new theirs.WebSocket(`ws://127.0.0.1:${port}`);

async function close({ server, ws }) {
  ws.terminate();
  await new Promise((resolve) => server.close(resolve));
}

test('a server ends a connection whose client does not answer', async () => {
  const connection = await accept({ heartbeat: { interval: 10, timeout: 10 } }, mute);
  const { peer, ws } = connection;
  ws.on('error', () => assert.fail('there is no error'));
  const [code, reason] = await once(ws, 'close');
  assert.deepStrictEqual([code, reason.toString()], [1006, '']);
  assert.strictEqual(ws.closeCause.code, 'WS_ERR_HEARTBEAT_TIMEOUT');
  assert.match(ws.closeCause.message, /did not answer a ping/);
  assert.ok(peer.pings > 0);
  await close(connection);
});

test('a client ends a connection whose server does not answer', async () => {
  const received = [];
  const { port, server } = await answering((socket, { key }) => {
    socket.removeAllListeners('data');
    socket.on('data', (chunk) => received.push(chunk));
    socket.write(accepting(key));
  });
  const ws = new WebSocket(`ws://127.0.0.1:${port}`, { heartbeat: { interval: 10, timeout: 10 } });
  const [code] = await once(ws, 'close');
  assert.strictEqual(code, 1006);
  assert.strictEqual(ws.closeCause.code, 'WS_ERR_HEARTBEAT_TIMEOUT');
  const [first, second] = Buffer.concat(received);
  assert.deepStrictEqual([first, second], [MASKED_PING, 0x80]);
  server.close();
});

test('pings that ws answers keep a connection open, in both roles', async () => {
  const heartbeat = { interval: 10, timeout: 1000 };
  const { server, ws, peer } = await accept({ heartbeat }, withWs);
  const theirServer = new theirs.WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(theirServer, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${theirServer.address().port}`, { heartbeat });
  let pongs = 0;
  ws.on('pong', () => pongs++);
  client.on('pong', () => pongs++);
  await sleep(1200);
  assert.strictEqual(ws.readyState, WebSocket.OPEN);
  assert.strictEqual(client.readyState, WebSocket.OPEN);
  assert.ok(pongs > 10, `${pongs} pongs`);
  client.terminate();
  peer.terminate();
  theirServer.close();
  await close({ server, ws });
});

test('anything from the peer is a sign of life', async () => {
  const connection = await accept({ heartbeat: { interval: 10, timeout: 1000 } }, mute);
  const { peer, ws } = connection;
  peer.onPing = () => peer.socket.write(frame(0x81, 'not a pong'));
  await sleep(1200);
  assert.strictEqual(ws.readyState, WebSocket.OPEN);
  await close(connection);
});

test('no ping is sent before the interval has passed', async () => {
  const connection = await accept({ heartbeat: { interval: LONG, timeout: LONG } }, mute);
  await sleep(50);
  assert.strictEqual(connection.peer.pings, 0);
  await close(connection);
});

test('silence of a connection that is not read from does not count', async () => {
  const connection = await accept({ heartbeat: { interval: 10, timeout: 10 } }, mute);
  const { peer, ws } = connection;
  ws.pause();
  await new Promise((resolve) => {
    peer.onPing = () => peer.pings >= 10 && resolve();
  });
  assert.strictEqual(ws.readyState, WebSocket.OPEN);
  ws.resume();
  await once(ws, 'close');
  assert.strictEqual(ws.closeCause.code, 'WS_ERR_HEARTBEAT_TIMEOUT');
  await close(connection);
});

test('after closing has begun, closeTimeout applies and no ping is sent', async () => {
  const connection = await accept(
    { closeTimeout: 60, heartbeat: { interval: 10, timeout: 20 } },
    mute
  );
  const { peer, ws } = connection;
  const before = peer.pings;
  ws.close(1000);
  await once(ws, 'close');
  assert.strictEqual(ws.closeCause.code, 'WS_ERR_CLOSE_TIMEOUT');
  // A close frame with a code is as long as two pings.
  assert.strictEqual(peer.pings - before, 2);
  await close(connection);
});

test('a process that was busy does not take its peer for dead', async () => {
  const worker = new Worker(
    `const { WebSocketServer } = require(${JSON.stringify(require.resolve('ws'))});
     const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, () => {
       require('worker_threads').parentPort.postMessage(server.address().port);
     });`,
    { eval: true }
  );
  const [port] = await once(worker, 'message');
  const ws = new WebSocket(`ws://127.0.0.1:${port}`, { heartbeat: { interval: 50, timeout: 300 } });
  await once(ws, 'open');
  let rounds = 0;
  await new Promise((resolve) => {
    ws.on('close', resolve);
    const send = ws._sendHeartbeat.bind(ws);
    ws._sendHeartbeat = (callback) => {
      send(callback);
      setImmediate(() => {
        const end = Date.now() + 500;
        while (Date.now() < end);
        if (++rounds === 3) resolve();
      });
    };
  });
  await sleep(100);
  assert.strictEqual(ws.readyState, WebSocket.OPEN);
  ws.terminate();
  await worker.terminate();
});

test('the timer does not keep a process alive', async () => {
  const server = new theirs.WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const program = `
    const WebSocket = require(${JSON.stringify(path.join(__dirname, '..'))});
    const ws = new WebSocket('ws://127.0.0.1:${server.address().port}', {
      heartbeat: { interval: 1, timeout: ${LONG} }
    });
    ws.on('pong', () => ws._socket.unref());
  `;
  const child = spawn(process.execPath, ['-e', program], { stdio: 'inherit' });
  assert.deepStrictEqual(await once(child, 'exit'), [0, null]);
  await new Promise((resolve) => server.close(resolve));
});

test('nothing is left in the addon, and numbers are used again', async () => {
  const before = native.openCount();
  const heartbeat = { interval: 5, timeout: 5 };
  for (let round = 0; round < 3; round++) {
    const server = new WebSocketServer({ heartbeat, host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const peers = await Promise.all(Array.from({ length: 40 }, () => mute(server.address().port)));
    await Promise.all(peers.map(({ closed }) => closed));
    await new Promise((resolve) => server.close(resolve));
  }
  assert.strictEqual(native.openCount(), before);
});

test('the option is checked, and has defaults', () => {
  const make = (heartbeat) => [
    () => new WebSocketServer({ heartbeat, noServer: true }),
    () => new WebSocket('ws://127.0.0.1:1', { heartbeat })
  ];
  for (const wrong of [{ interval: 0 }, { timeout: -1 }, { timeout: '5' }, { interval: 2 ** 31 }]) {
    for (const attempt of make(wrong)) {
      assert.throws(attempt, { message: /"heartbeat\.\w+" option/, name: 'RangeError' });
    }
  }
  for (const attempt of make(30_000)) assert.throws(attempt, { name: 'TypeError' });
  const optionOf = (heartbeat) =>
    new WebSocketServer({ heartbeat, noServer: true }).options.heartbeat;
  assert.deepStrictEqual(optionOf(true), { interval: 20_000, timeout: 20_000 });
  assert.deepStrictEqual(optionOf({ timeout: 5 }), { interval: 20_000, timeout: 5 });
  assert.strictEqual(optionOf(undefined), null);
  assert.strictEqual(optionOf(false), null);
});
