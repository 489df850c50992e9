// What is done with each example, and what has to come of it. The other end is npm `ws` 8.
'use strict';

const assert = require('assert');
const { once } = require('events');
const https = require('https');
const fs = require('fs');
const net = require('net');

const Peer = require('ws');
const { request } = require('./raw');

const OFFER = 'permessage-deflate';

/** Runs an example that is a server, and ends it afterwards. */
const server = (drive) => async (start) => {
  const program = start();
  const port = await program.listening;
  await drive({ port, program });
  assert.strictEqual(await program.stop(), 'SIGTERM');
};

/** Runs an example that is a client. It has to end by itself when its connection is closed. */
const client =
  (drive, { secure = false } = {}) =>
  async (start, place) => {
    const own = secure
      ? https.createServer({ cert: fs.readFileSync(place.cert), key: fs.readFileSync(place.key) })
      : require('http').createServer();
    const peers = new Peer.Server({ perMessageDeflate: true, server: own });
    own.listen(0, 'localhost');
    await once(own, 'listening');

    try {
      const program = start(own.address().port);
      const [ws, req] = await once(peers, 'connection');
      await drive({ program, req, ws });
      assert.strictEqual(await program.exited, 0);
    } finally {
      for (const ws of peers.clients) ws.terminate();
      own.close();
    }
  };

/** Connects a client, and keeps what it receives. */
async function connect(port, { path = '/', secure = false, ...options } = {}) {
  const ws = new Peer(`ws${secure ? 's' : ''}://localhost:${port}${path}`, {
    family: 4,
    ...options
  });
  ws.received = [];
  ws.on('message', (data, isBinary) => ws.received.push(isBinary ? [...data] : data.toString()));
  await once(ws, 'open');
  return ws;
}

async function close(...list) {
  for (const ws of list) {
    const closed = once(ws, 'close');
    ws.close(1000);
    assert.strictEqual((await closed)[0], 1000);
  }
}

/** Waits until a client has so many messages. */
async function receives(ws, count) {
  while (ws.received.length < count) await once(ws, 'message');
  return ws.received;
}

async function greets({ port, program }, options) {
  const ws = await connect(port, options);
  assert.deepStrictEqual(await receives(ws, 1), ['something']);
  ws.send('hello');
  await program.printed(/received: hello\n/);
  await close(ws);
}

const echoes = client(
  async ({ program, ws }) => {
    for (let i = 0; i < 2; i++) {
      const [data, isBinary] = await once(ws, 'message');
      assert.match(data.toString(), /^\d{13}$/);
      ws.send(data, { binary: isBinary });
    }
    await program.printed(/^connected\n(Round-?trip time: \d+ ms\n){2}/);
    await close(ws);
    await program.printed(/\ndisconnected\n$/);
  },
  { secure: true }
);

async function isRefused(port, path) {
  const ws = new Peer(`ws://localhost:${port}${path}`, { family: 4 });
  const [err] = await once(ws, 'error');
  assert.strictEqual(err.message, 'socket hang up');
}

async function broadcasts(port, isToSender) {
  const clients = [await connect(port), await connect(port), await connect(port)];
  clients[0].send('text');
  clients[0].send(Buffer.from([1, 2]));
  for (const ws of clients.slice(1)) {
    assert.deepStrictEqual(await receives(ws, 2), ['text', [1, 2]]);
  }
  clients[1].send('last');
  const expected = isToSender ? ['text', [1, 2], 'last'] : ['last'];
  assert.deepStrictEqual(await receives(clients[0], expected.length), expected);
  await close(...clients);
}

const DRIVERS = {
  'Installing 1': async (start, place, code) => assert.strictEqual(code, 'npm install ws'),

  'WebSocket compression 1': server(async ({ port }) => {
    const ws = await connect(port, { perMessageDeflate: true });
    assert.strictEqual(ws.extensions, OFFER);
    const { params } = ws._extensions[OFFER];
    assert.deepStrictEqual(
      { ...params },
      {
        client_no_context_takeover: true,
        server_max_window_bits: 10,
        server_no_context_takeover: true
      }
    );
    ws.send('a'.repeat(5000));
    await close(ws);
  }),

  'WebSocket compression 2': client(async ({ req, ws }) => {
    assert.strictEqual(req.url, '/path');
    assert.strictEqual(req.headers['sec-websocket-extensions'], undefined);
    await close(ws);
  }),

  'Sending and receiving text data 1': client(async ({ program, ws }) => {
    const [data, isBinary] = await once(ws, 'message');
    assert.deepStrictEqual([data.toString(), isBinary], ['something', false]);
    ws.send('h\u00e9llo');
    await program.printed(/^(received: )?h\u00e9llo\n$/);
    await close(ws);
  }),

  'Sending binary data 1': client(async ({ ws }) => {
    const [data, isBinary] = await once(ws, 'message');
    const floats = new Float32Array(new Uint8Array(data).buffer);
    assert.deepStrictEqual([[...floats], isBinary], [[0, 0.5, 1, 1.5, 2], true]);
    await close(ws);
  }),

  'Simple server 1': server((run) => greets(run)),

  'External HTTP/S server 1': server((run) =>
    greets(run, { rejectUnauthorized: false, secure: true })
  ),

  'Multiple servers sharing a single HTTP/S server 1': server(async ({ port }) => {
    await close(await connect(port, { path: '/foo?a' }), await connect(port, { path: '/bar' }));
    await isRefused(port, '/other');
  }),

  'Client authentication 1': server(async ({ port, program }) => {
    const headers = { Authorization: 'somebody' };
    const ws = await connect(port, { headers });
    ws.send('hello');
    await program.printed(/^Received message hello from user somebody\n/);
    await close(ws);
    const stranger = new Peer(`ws://localhost:${port}`, { family: 4 });
    const [err] = await once(stranger, 'error');
    assert.strictEqual(err.message, 'Unexpected server response: 401');
  }),

  'Server broadcast 1': server(({ port }) => broadcasts(port, true)),

  'Server broadcast 2': server(({ port }) => broadcasts(port, false)),

  'Round-trip time 1': echoes,

  'echo.websocket.org demo 1': echoes,

  'Use the Node.js streams API 1': client(
    async ({ program, ws }) => {
      ws.send('to the output\n');
      await program.printed(/^to the output\n$/);
      program.child.stdin.write('from the input');
      const [data] = await once(ws, 'message');
      assert.strictEqual(data.toString(), 'from the input');
      program.child.stdin.end();
      await once(ws, 'close');
    },
    { secure: true }
  ),

  'How to get the IP address of the client? 1': server(async ({ port, program }) => {
    const ws = await connect(port);
    await program.printed(/^ip (::ffff:)?127\.0\.0\.1\n/);
    await close(ws);
  }),

  'How to get the IP address of the client? 2': async (start, place, code, again) => {
    const [opening] = /^[^]*const wss = .*\n/.exec(
      again('How to get the IP address of the client? 1')
    );
    const program = start(undefined, `${opening}${code}`);
    const headers = { 'X-Forwarded-For': '192.0.2.1, 198.51.100.2' };
    const ws = await connect(await program.listening, { headers });
    await program.printed(/^ip 192\.0\.2\.1\n/);
    await close(ws);
    assert.strictEqual(await program.stop(), 'SIGTERM');
  },

  'How to detect and close broken connections? 1': server(async ({ port, program }) => {
    const alive = await connect(port);
    const broken = net.connect(port, '127.0.0.1');
    broken.write(request());
    await once(broken, 'data');
    const [pinged, pings] = [once(alive, 'ping'), once(broken, 'data')];
    assert.strictEqual(await program.tick(), 1);
    assert.deepStrictEqual([...(await pings)[0]], [0x89, 0]);
    await pinged;
    // The pong has arrived before what comes after it is answered.
    alive.ping('', true);
    await once(alive, 'pong');
    const ended = once(broken, 'close');
    await program.tick();
    await ended;
    assert.strictEqual(alive.readyState, Peer.OPEN);
    await close(alive);
  }),

  'How to detect and close broken connections? 2': client(
    async ({ program, ws }) => {
      ws.ping();
      await once(ws, 'pong');
      const ended = once(ws, 'close');
      // The timer of 'open' was replaced by that of 'ping': there was one, and it has fired.
      assert.strictEqual(await program.tick(), 0);
      assert.strictEqual((await ended)[0], 1006);
    },
    { secure: true }
  )
};

module.exports = DRIVERS;
