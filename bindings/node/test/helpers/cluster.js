// Two workers behind one port, for processes.test.js: prints what clients in the primary saw.
//
//   node test/helpers/cluster.js round-robin|none|sticky
'use strict';

const cluster = require('cluster');
const { once } = require('events');
const http = require('http');
const net = require('net');

const { WebSocket, WebSocketServer } = require('../..');

const [, , mode] = process.argv;

/** In a worker: echoes, and says whose connection it is; closes as it is told. */
function serve(server) {
  const wss = new WebSocketServer({ perMessageDeflate: true, server });
  wss.on('connection', (ws) => {
    ws.send(String(cluster.worker.id));
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  });
}

function runWorker() {
  const server = http.createServer();
  serve(server);
  if (mode !== 'sticky') {
    server.listen(0, '127.0.0.1');
    return;
  }
  // The primary has accepted the connection, and hands over its socket.
  process.on('message', (message, socket) => {
    server.emit('connection', socket);
    socket.resume();
  });
  process.send('ready');
}

/** Connects once; resolves with the worker's number and what came back. */
async function visit(port) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}`);
  const [id] = await once(ws, 'message');
  const bytes = Buffer.alloc(200_000, 7);
  ws.send(bytes);
  const [data] = await once(ws, 'message');
  ws.close(4000, 'bye');
  const [code, reason] = await once(ws, 'close');
  return { id: String(id), result: [data.equals(bytes), code, String(reason)] };
}

async function listenSticky(workers) {
  let next = 0;
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    workers[next++ % workers.length].send('connection', socket);
  });
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

async function listenShared(workers) {
  const addresses = await Promise.all(workers.map((worker) => once(worker, 'listening')));
  return addresses[0][0].port;
}

async function runPrimary() {
  cluster.schedulingPolicy = mode === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  const workers = [cluster.fork(), cluster.fork()];
  const port = await (mode === 'sticky' ? listenSticky : listenShared)(workers);
  const ids = new Set();
  const results = new Set();

  // With `none` the kernel chooses, and takes turns only when connections come at the same time.
  while (ids.size < 2) {
    for (const { id, result } of await Promise.all(Array.from({ length: 8 }, () => visit(port)))) {
      ids.add(id);
      results.add(JSON.stringify(result));
    }
  }

  console.log([...ids].sort().join(), [...results].join());
  process.exit();
}

if (cluster.isPrimary) {
  if (mode) runPrimary();
} else {
  runWorker();
}
