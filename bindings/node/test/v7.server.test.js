// Servers: the same for `v7` and for `ws` 7.5.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { test } = require('node:test');

const { LIBRARIES, connect, ours, plain, record, theirs } = require('./helpers/v7');
const { ask, request } = require('./helpers/raw');
const { closePayload, frame } = require('./helpers/frames');
const { settle } = require('./helpers/pipe');

async function listening({ WebSocket }, options = {}) {
  const server = new WebSocket.Server({ host: '127.0.0.1', port: 0, ...options });
  await once(server, 'listening');
  return server;
}

/** The answers of both to the same requests. */
async function compareAnswers(makeOptions, requests, prepare = () => {}) {
  const results = [];

  for (const library of LIBRARIES) {
    const trace = [];
    const server = await listening(library, makeOptions(trace));
    for (const name of ['headers', 'connection', 'close', 'error']) {
      server.on(name, (...args) => trace.push([name, ...args.map(plain)]));
    }
    prepare(server, trace);
    for (const bytes of requests) trace.push(await ask(server.address().port, bytes));
    await new Promise((resolve) => server.close(resolve));
    results.push(trace.map((entry) => (Array.isArray(entry) ? entry.map(nameOf) : entry)));
  }

  assert.deepStrictEqual(results[0], results[1]);
  return results[0];
}

/** Connections and servers are not compared. */
const nameOf = (arg) =>
  arg !== null && typeof arg === 'object' && 'emit' in arg ? 'emitter' : arg;

const WITHOUT_KEY = { 'Sec-WebSocket-Key': undefined };

test('v7: refusals, byte for byte', async () => {
  const trace = await compareAnswers(
    () => ({ path: '/', perMessageDeflate: true }),
    [
      request({}, { method: 'POST' }),
      request({ Upgrade: 'foo' }),
      request({ Upgrade: 'websocket, foo' }),
      request(WITHOUT_KEY),
      request({ 'Sec-WebSocket-Key': 'short' }),
      request({ 'Sec-WebSocket-Version': undefined }),
      request({ 'Sec-WebSocket-Version': '12' }),
      request({ 'Sec-WebSocket-Version': 'a' }),
      request({}, { path: '/other' }),
      request({}, { path: '/?query' }),
      request({ 'Sec-WebSocket-Extensions': ';' }),
      request({ 'Sec-WebSocket-Extensions': '' }),
      request({ 'Sec-WebSocket-Extensions': 'permessage-deflate; foo' }),
      request({ 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=7' }),
      request({ Connection: 'close', Upgrade: undefined }),
      request({ 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'a' })
    ],
    // It has come with 8.
    (server) => server.on('wsClientError', () => assert.fail('emitted'))
  );
  assert.match(trace[0], /^HTTP\/1.1 400 Bad Request\r\n.*\r\n\r\nBad Request$/s);
});

test('v7: requests that have ended processes', async () => {
  const names = [
    'constructor',
    '__proto__',
    'toString; hasOwnProperty',
    'permessage-deflate; constructor'
  ];
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`a${i}`, '']));
  const trace = await compareAnswers(
    () => ({ perMessageDeflate: true }),
    [
      ...names.map((name) => request({ 'Sec-WebSocket-Extensions': name })),
      request({ 'Sec-WebSocket-Protocol': '__proto__, constructor' }),
      request().replace('\r\n', `\r\n${Object.keys(many).join(':\r\n')}:\r\n`)
    ]
  );
  // Newer versions of Node.js refuse so many header fields themselves.
  assert.match(trace.at(-2), /^HTTP\/1.1 (400|431) /);
});

test('v7: verifyClient', async () => {
  const requests = [request({ Origin: 'http://a' })];
  await compareAnswers(() => ({ verifyClient: () => false }), requests);
  await compareAnswers(
    (trace) => ({ verifyClient: (info) => trace.push([info.origin, info.secure]) }),
    requests
  );
  for (const args of [
    [false],
    [true],
    [false, 418, 'tea', { 'X-Tea': 'pot' }],
    [false, 403, null]
  ]) {
    await compareAnswers(
      () => ({ verifyClient: (info, done) => setImmediate(done, ...args) }),
      requests
    );
  }
});

test('v7: handleProtocols gets an array, and headers are as they were', async () => {
  const headers = ['a', 'a, b', 'b,a , c', 'a,,b', 'a, a', 'not a token', ' ', '', undefined];
  const requests = headers.map((header) => request({ 'Sec-WebSocket-Protocol': header }));
  await compareAnswers(() => ({}), requests);
  const trace = await compareAnswers(
    (trace) => ({
      handleProtocols(protocols, req) {
        trace.push([Array.isArray(protocols), ...protocols, req.url, this === undefined]);
        return protocols[1];
      }
    }),
    requests
  );
  assert.deepStrictEqual(trace[0].slice(0, 2), [true, 'a']);
  await compareAnswers(() => ({ handleProtocols: () => false }), requests);
  await compareAnswers(() => ({ handleProtocols: () => 'anything' }), requests);
});

const OFFERS = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; client_max_window_bits=12; server_max_window_bits=11',
  'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  'permessage-deflate; server_max_window_bits=10, permessage-deflate',
  'permessage-deflate; client_max_window_bits=16',
  'foo, permessage-deflate; server_no_context_takeover',
  'foo'
];

test('v7: compression is agreed on as by 7.5', async () => {
  const requests = OFFERS.map((offer) => request({ 'Sec-WebSocket-Extensions': offer }));
  for (const perMessageDeflate of [
    true,
    false,
    {},
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    { serverNoContextTakeover: false },
    { serverMaxWindowBits: 11, clientMaxWindowBits: 12 },
    { serverMaxWindowBits: false, clientMaxWindowBits: false }
  ]) {
    await compareAnswers(() => ({ perMessageDeflate }), requests);
  }
});

test('v7: headers can be added, and other options have no effect', async () => {
  await compareAnswers(
    () => ({}),
    [request()],
    (server, trace) => {
      server.on('headers', (headers, req) => {
        trace.push([...headers, req.url]);
        headers.push('X-Own: a');
      });
    }
  );
  await compareAnswers(
    () => ({ WebSocket: class {}, closeTimeout: 1, skipUTF8Validation: true, autoPong: false }),
    [request()]
  );
});

test('v7: what the constructor refuses', () => {
  const thrown = (WebSocket) =>
    [undefined, {}, { port: 0, noServer: true }, { noServer: true, server: {} }].map((options) => {
      try {
        return new WebSocket.Server(options) && 'made';
      } catch (err) {
        return plain(err);
      }
    });
  assert.deepStrictEqual(thrown(ours), thrown(theirs));
  for (const { WebSocket } of LIBRARIES) {
    const server = new WebSocket.Server({ noServer: true });
    assert.throws(() => server.address(), /"noServer" mode/);
  }
});

/** Opens two connections, and returns what both ends see of them. */
async function populated(library, server, port) {
  const trace = [];
  const clients = [];

  for (const name of ['a', 'b']) {
    const accepted = once(server, 'connection');
    const ws = new library.WebSocket(`ws://127.0.0.1:${port}`);
    await once(ws, 'open');
    ws.on('close', (...args) => trace.push(['client closed', ...args]));
    const [peer] = await accepted;
    peer.on('close', (...args) => trace.push(['server closed', name, ...args]));
    clients.push(ws);
  }

  const closed = Promise.all(clients.map((ws) => once(ws, 'close')));
  return { closed, trace };
}

/** Things happen on several sockets: what is compared is their order on the server. */
const sorted = (trace) => [
  trace.filter(([name]) => name !== 'client closed'),
  trace.filter(([name]) => name === 'client closed')
];

async function compareClosing(external) {
  const results = [];

  for (const library of LIBRARIES) {
    const own = external ? http.createServer() : null;
    if (own !== null) await once(own.listen(0, '127.0.0.1'), 'listening');
    const server = own ? new library.WebSocket.Server({ server: own }) : await listening(library);
    const { port } = (own ?? server).address();
    const { closed, trace } = await populated(library, server, port);
    server.on('close', () => trace.push(['closed', server.clients.size]));
    for (const name of ['first', 'second']) {
      server.close((...args) => trace.push([name, ...args.map(plain)]));
    }
    trace.push(['returned', server.address()]);
    await closed;
    await settle();
    server.close((...args) => trace.push(['third', ...args.map(plain)]));
    await settle();
    trace.push(['is listening', own?.listening]);
    own?.close();
    results.push(sorted(trace));
  }

  assert.deepStrictEqual(results[0], results[1]);
  return results[0];
}

test('v7: close terminates all connections', async () => {
  const [onServer, onClients] = await compareClosing(false);
  assert.deepStrictEqual(onClients, Array(2).fill(['client closed', 1006, '']));
  assert.deepStrictEqual(onServer.at(-2), ['third']);
  await compareClosing(true);
});

test('v7: without a server or tracking, close ends at once', async () => {
  const order = [];
  for (const { WebSocket } of LIBRARIES) {
    const events = [];
    for (const options of [{ noServer: true }, { noServer: true, clientTracking: false }]) {
      const server = new WebSocket.Server(options);
      server.on('close', () => events.push('close'));
      server.close(() => events.push('called'));
      events.push('returned');
      await settle();
    }
    order.push(events);
  }
  assert.deepStrictEqual(order[0], order[1]);
});

test('v7: a request while the server closes is answered with 503', async () => {
  const results = [];
  for (const { WebSocket } of LIBRARIES) {
    const own = http.createServer();
    await once(own.listen(0, '127.0.0.1'), 'listening');
    const server = new WebSocket.Server({ noServer: true });
    own.on('upgrade', (req, socket, head) => {
      server.close();
      server.handleUpgrade(req, socket, head, () => assert.fail('accepted'));
    });
    results.push(await ask(own.address().port, request()));
    own.close();
  }
  assert.strictEqual(results[0], results[1]);
  assert.match(results[0], /^HTTP\/1.1 503 /);
});

test('v7: handleUpgrade, and completeUpgrade with the arguments of 7', async () => {
  for (const { WebSocket } of LIBRARIES) {
    const seen = [];
    class Server extends WebSocket.Server {
      completeUpgrade(key, extensions, req, socket, head, callback) {
        seen.push(key, Object.keys(extensions), req.url, head.length);
        super.completeUpgrade(key, extensions, req, socket, head, callback);
      }
    }
    const own = http.createServer();
    await once(own.listen(0, '127.0.0.1'), 'listening');
    const server = new Server({ noServer: true });
    own.on('upgrade', (req, socket, head) => {
      server.handleUpgrade(req, socket, head, (ws, req) => {
        seen.push(ws instanceof WebSocket, req.url, server.clients.has(ws));
        assert.throws(() => server.handleUpgrade(req, socket, head, () => {}), /more than once/);
        ws.terminate();
      });
    });
    await ask(own.address().port, request());
    assert.deepStrictEqual(seen.slice(1, 7), [[], '/', 0, true, '/', true]);
    own.close();
  }
});

test('v7: a server receives frames, and closes, over a socket', async () => {
  const results = [];
  for (const library of LIBRARIES) {
    const trace = [];
    const server = await listening(library, { perMessageDeflate: true });
    server.on('connection', (ws) => {
      record(ws, trace);
      ws.on('message', (data) => ws.send(`echo ${data}`));
    });
    const socket = net.connect(server.address().port, '127.0.0.1');
    const chunks = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.write(request());
    socket.write(frame(0x81, 'text'));
    socket.write(frame(0x82, 'binary'));
    socket.write(frame(0x88, closePayload(4000, 'bye')));
    await once(socket, 'close');
    await settle();
    results.push([
      trace.map((entry) => entry.map(nameOf)),
      Buffer.concat(chunks).toString('latin1')
    ]);
    await new Promise((resolve) => server.close(resolve));
  }
  assert.deepStrictEqual(results[0], results[1]);
});

test('deviation of v7: a request with a body is refused, and leading zeros are', async () => {
  const server = await listening({ WebSocket: ours });
  const { port } = server.address();
  const body = request({ 'Content-Length': '3' }, { body: 'abc' });
  assert.match(await ask(port, body), /^HTTP\/1.1 400 Bad Request\r\n.*\r\n\r\nBad Request$/s);
  assert.match(await ask(port, request({ 'Sec-WebSocket-Version': '013' })), /^HTTP\/1.1 400 /);
  await new Promise((resolve) => server.close(resolve));
});

test('deviation of v7: an offer of a smaller window is not answered with a larger one', async () => {
  const server = await listening(
    { WebSocket: ours },
    { perMessageDeflate: { clientMaxWindowBits: 12 } }
  );
  const offer = request({
    'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits=10'
  });
  assert.match(await ask(server.address().port, offer), /^HTTP\/1.1 400 /);
  await new Promise((resolve) => server.close(resolve));
});

test('deviation of v7: a close that throws leaves the connection open', () => {
  const { ws } = connect(LIBRARIES[0]);
  assert.throws(() => ws.close(999), /valid error code/);
  assert.strictEqual(ws.readyState, 1);
  ws.terminate();
});
