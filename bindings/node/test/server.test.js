'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const ours = require('..');
const theirs = require('ws');
const { ACCEPT, ask, request } = require('./helpers/raw');
const { closePayload, frame } = require('./helpers/frames');
const { describeError } = require('./helpers/trace');

const { WebSocket, WebSocketServer } = ours;

/** A server of a library, that listens. */
async function listening(options = {}, library = ours) {
  const server = new library.WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await once(server, 'listening');
  return server;
}

const url = (server, rest = '') => `ws://127.0.0.1:${server.address().port}${rest}`;

/** Closes a server and all of its connections. */
async function close(server) {
  for (const ws of server.clients ?? []) ws.terminate();
  await new Promise((resolve) => server.close(resolve));
}

/** The same requests to a server of either library. */
async function compareAnswers(options, requests, prepare = () => {}) {
  const answers = [];

  for (const library of [ours, theirs]) {
    const server = await listening(options, library);
    prepare(server);
    const list = [];
    for (const bytes of requests) list.push(await ask(server.address().port, bytes));
    answers.push(list);
    await close(server);
  }

  assert.deepStrictEqual(answers[0], answers[1]);
  return answers[0];
}

test('S1: exactly one of port, server and noServer', () => {
  const message =
    'One and only one of the "port", "server", or "noServer" options must be specified';
  for (const options of [undefined, {}, { port: 0, noServer: true }, { noServer: true, server: {} }]) {
    assert.throws(() => new WebSocketServer(options), { message, name: 'TypeError' });
  }
});

test('S2: port, host, backlog and callback; other requests get 426', async () => {
  let called = 0;
  const server = new WebSocketServer({ backlog: 5, host: '127.0.0.1', port: 0 }, () => called++);
  await once(server, 'listening');
  assert.strictEqual(called, 1);

  const { port } = server.address();
  const answer = await ask(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(answer, /^HTTP\/1.1 426 Upgrade Required\r\n/);
  assert.match(answer, /Content-Type: text\/plain/);
  assert.match(answer, /\r\n\r\nUpgrade Required$/);
  await close(server);
});

test('S3: a server of somebody else is neither started nor closed', async () => {
  const own = http.createServer();
  const server = new WebSocketServer({ server: own });
  const names = ['listening', 'error', 'upgrade'];
  const before = names.map((name) => own.listenerCount(name));
  assert.strictEqual(own.listening, false);
  assert.strictEqual(server.address(), null);

  own.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ws = new WebSocket(url(server));
  await once(ws, 'open');
  await close(server);
  assert.strictEqual(own.listening, true);
  const after = names.map((name) => own.listenerCount(name));
  assert.deepStrictEqual(after, before.map((count) => count - 1));
  own.close();
});

test('S4: without a server, requests are handed in', async () => {
  const own = http.createServer();
  const server = new WebSocketServer({ noServer: true });
  own.on('upgrade', (req, socket, head) => {
    server.handleUpgrade(req, socket, head, (ws, request) => {
      assert.strictEqual(request, req);
      ws.send(`hello ${req.url}`);
    });
  });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  const ws = new WebSocket(`ws://127.0.0.1:${own.address().port}/path`);
  const [data] = await once(ws, 'message');
  assert.strictEqual(data.toString(), 'hello /path');
  ws.terminate();
  own.close();
});

test('S5: the path is compared without the query', async () => {
  const answers = await compareAnswers({ path: '/a' }, [
    request({}, { path: '/a?b=c' }),
    request({}, { path: '/' }),
    request({}, { path: '/a/' })
  ]);
  assert.match(answers[0], /^HTTP\/1.1 101/);
  assert.match(answers[1], /^HTTP\/1.1 400 Bad Request\r\n.*\r\n\r\nBad Request$/s);
});

test('S6: verifyClient, at once or later', async () => {
  const seen = [];
  const requests = [request({ Origin: 'http://a' })];
  await compareAnswers({ verifyClient: () => false }, requests);
  await compareAnswers({ verifyClient: (info) => seen.push([info.origin, info.secure]) }, requests);
  await compareAnswers({ verifyClient: (info, done) => setImmediate(done, false) }, requests);
  await compareAnswers(
    { verifyClient: (info, done) => done(false, 418, 'short and stout', { 'X-Tea': 'pot' }) },
    requests
  );
  for (const nothing of [null, '']) {
    await compareAnswers({ verifyClient: (info, done) => done(false, 403, nothing) }, requests);
  }
  await compareAnswers({ verifyClient: (info, done) => setTimeout(done, 5, true) }, requests);
  assert.deepStrictEqual(seen, [['http://a', false], ['http://a', false]]);

  const origins = [];
  await compareAnswers({ verifyClient: ({ origin }) => origins.push(origin) }, [
    request({ 'Sec-WebSocket-Version': 8, 'Sec-WebSocket-Origin': 'http://b' })
  ]);
  assert.deepStrictEqual(origins, ['http://b', 'http://b']);
});

test('S7: handleProtocols chooses among those that are asked for', async () => {
  const sets = [];
  const requests = [
    request({ 'Sec-WebSocket-Protocol': 'b, a' }),
    request({ 'Sec-WebSocket-Protocol': 'c' }),
    request()
  ];
  const answers = await compareAnswers(
    {
      handleProtocols: (protocols, req) => {
        sets.push([protocols instanceof Set, [...protocols], req.url]);
        return protocols.has('a') ? 'a' : false;
      }
    },
    requests
  );
  assert.match(answers[0], /\r\nSec-WebSocket-Protocol: a\r\n/);
  assert.doesNotMatch(answers[1], /Sec-WebSocket-Protocol/);
  assert.deepStrictEqual(sets.slice(0, 2), [
    [true, ['b', 'a'], '/'],
    [true, ['c'], '/']
  ]);
  assert.match((await compareAnswers({}, requests))[0], /\r\nSec-WebSocket-Protocol: b\r\n/);
});

test('S8: clientTracking', async () => {
  assert.strictEqual(new WebSocketServer({ clientTracking: false, noServer: true }).clients, undefined);

  const server = await listening();
  assert.ok(server.clients instanceof Set);
  server.on('connection', (ws) => assert.ok(server.clients.has(ws)));
  const ws = new WebSocket(url(server));
  await once(ws, 'open');
  ws.close();
  await once(ws, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  assert.strictEqual(server.clients.size, 0);
  await close(server);
});

test('S9: compression is agreed on as by ws', async () => {
  const offers = [
    undefined,
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=12',
    'permessage-deflate; server_max_window_bits=9',
    'permessage-deflate; client_max_window_bits=9',
    'permessage-deflate, permessage-deflate; client_max_window_bits',
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    'permessage-deflate; server_max_window_bits="10"',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_no_context_takeover=1',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
    'permessage-deflate; unknown',
    'permessage-deflate, permessage-deflate; unknown',
    'permessage-deflate;; a',
    'x-webkit-deflate-frame',
    'Permessage-Deflate',
    'other; a=b, permessage-deflate',
    ''
  ].map((offer) => request({ 'Sec-WebSocket-Extensions': offer }));

  for (const perMessageDeflate of [
    false,
    true,
    {},
    { serverNoContextTakeover: true },
    { serverNoContextTakeover: false },
    { clientNoContextTakeover: true },
    { clientNoContextTakeover: false },
    { serverMaxWindowBits: 10 },
    { serverMaxWindowBits: false },
    { clientMaxWindowBits: 10 },
    { clientMaxWindowBits: false },
    { clientMaxWindowBits: true, serverMaxWindowBits: 8, threshold: 0 }
  ]) {
    await compareAnswers({ perMessageDeflate }, offers);
  }
});

/** What a server says of frames that break a limit. */
async function limited(options, bytes) {
  const server = await listening(options);
  const events = [];
  server.on('connection', (ws) => {
    ws.on('error', (err) => events.push(describeError(err)));
    ws.on('close', (code) => events.push(code));
    ws.on('message', () => events.push('message'));
  });
  const answer = await ask(server.address().port, Buffer.concat([Buffer.from(request()), bytes]), {});
  while (events.length === 0 || events.at(-1) === 'message') {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await close(server);
  return { answer, events };
}

test('S10: limits of a message', async () => {
  const long = await limited({ maxPayload: 3 }, frame(0x81, 'abcd'));
  assert.deepStrictEqual(long.events[0], [
    'RangeError',
    'Max payload size exceeded',
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
  ]);
  const fragments = Buffer.concat([frame(0x01), frame(0x00), frame(0x00)]);
  const many = await limited({ maxFragments: 2 }, fragments);
  assert.strictEqual(many.events[0][1], 'Too many message fragments');

  const { options } = new WebSocketServer({ noServer: true });
  const { maxBufferedChunks, maxFragments, maxPayload, maxPendingAutoPongs } = options;
  assert.deepStrictEqual(
    [maxBufferedChunks, maxFragments, maxPayload, maxPendingAutoPongs],
    [262144, 16384, 104857600, 60]
  );
});

test('S10: a frame may come in so many chunks', async () => {
  for (const library of [ours, theirs]) {
    const receiver = new library.Receiver({ isServer: false, maxBufferedChunks: 3 });
    const bytes = frame(0x82, Buffer.alloc(100), { mask: false });
    for (let i = 0; i < 6 && !receiver.destroyed; i++) receiver.write(bytes.subarray(i * 5, i * 5 + 5));
    const [err] = await once(receiver, 'error');
    assert.deepStrictEqual(describeError(err), [
      'RangeError',
      'Too many buffered chunks',
      'WS_ERR_TOO_MANY_BUFFERED_PARTS'
    ]);
  }
});

test('S11: skipUTF8Validation', async () => {
  const server = await listening({ skipUTF8Validation: true });
  const net = require('node:net');
  const socket = net.connect(server.address().port, '127.0.0.1');
  socket.write(request());
  const [ws] = await once(server, 'connection');
  socket.write(frame(0x81, [0xff]));
  assert.deepStrictEqual(await once(ws, 'message'), [Buffer.from([0xff]), false]);
  const closed = once(ws, 'close');
  socket.write(frame(0x88, Buffer.concat([closePayload(1000), Buffer.from([0xfe])])));
  socket.resume();
  assert.deepStrictEqual(await closed, [1000, Buffer.from([0xfe])]);
  socket.destroy();
  await close(server);
});

test('S12, S13: autoPong and allowSynchronousEvents', async () => {
  const server = await listening({ allowSynchronousEvents: false, autoPong: false });
  const turns = [];
  let turn = 0;
  server.on('connection', (ws) => {
    for (const name of ['message', 'ping', 'pong']) {
      ws.on(name, () => turns.push([name, turn]));
    }
  });
  const ws = new WebSocket(url(server));
  await once(ws, 'open');
  ws.on('pong', () => assert.fail('a pong came'));
  const count = () => {
    turn++;
    if (turns.length < 3) setImmediate(count);
  };
  ws.ping();
  ws.send('a');
  ws.pong();
  count();
  while (turns.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.deepStrictEqual(turns.map(([name]) => name), ['ping', 'message', 'pong']);
  assert.strictEqual(new Set(turns.map(([, turn]) => turn)).size, 3);
  ws.terminate();
  await close(server);
});

test('S14: closeTimeout ends a connection whose peer does not answer', async () => {
  const server = await listening({ closeTimeout: 30 });
  const net = require('node:net');
  const socket = net.connect(server.address().port, '127.0.0.1');
  socket.write(request());
  const [ws] = await once(server, 'connection');
  const begun = Date.now();
  ws.close();
  const [code] = await once(ws, 'close');
  assert.strictEqual(code, 1006);
  assert.ok(Date.now() - begun >= 25);
  socket.destroy();
  await close(server);
  assert.strictEqual(new WebSocketServer({ noServer: true }).options.closeTimeout, 30_000);
});

test('S15: connections are of the class that is given', async () => {
  class Custom extends WebSocket {
    get mark() {
      return 'custom';
    }
  }
  const server = await listening({ WebSocket: Custom });
  const client = new WebSocket(url(server));
  const [[ws]] = await Promise.all([once(server, 'connection'), once(client, 'open')]);
  assert.ok(ws instanceof Custom);
  assert.strictEqual(ws.mark, 'custom');
  client.terminate();
  await close(server);
});

test('S16: address', async () => {
  const server = await listening();
  assert.strictEqual(server.address().address, '127.0.0.1');
  server.close();
  assert.strictEqual(server.address(), null);
  assert.throws(() => new WebSocketServer({ noServer: true }).address(), {
    message: 'The server is operating in "noServer" mode'
  });

  const own = http.createServer();
  const local = new WebSocketServer({ server: own });
  const file = path.join(os.tmpdir(), `bowsprit-${process.pid}.sock`);
  own.listen(file);
  await once(local, 'listening');
  assert.strictEqual(local.address(), file);
  const ws = new WebSocket(`ws+unix:${file}:/path?query`);
  const [[, req]] = await Promise.all([once(local, 'connection'), once(ws, 'open')]);
  assert.strictEqual(req.url, '/path?query');
  assert.strictEqual(req.headers.host, 'localhost');
  ws.terminate();
  own.close();
  fs.rmSync(file, { force: true });
});

test('S17: close leaves connections open, and ends after the last', async () => {
  const server = await listening();
  const client = new WebSocket(url(server));
  await once(client, 'open');
  const order = [];
  server.close(() => order.push('server'));
  client.on('close', () => order.push('client'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepStrictEqual(order, []);
  assert.strictEqual(client.readyState, WebSocket.OPEN);
  client.close();
  await once(server, 'close');
  assert.ok(order.includes('server'));
  const [err] = await new Promise((resolve) => server.close((err) => resolve([err])));
  assert.strictEqual(err.message, 'The server is not running');
});

test('S18: handleUpgrade throws when a socket is handed in twice', async () => {
  const own = http.createServer();
  const server = new WebSocketServer({ noServer: true });
  const thrown = new Promise((resolve) => {
    own.on('upgrade', (req, socket, head) => {
      server.handleUpgrade(req, socket, head, () => {});
      try {
        server.handleUpgrade(req, socket, head, () => {});
      } catch (err) {
        resolve(err);
        socket.destroy();
      }
    });
  });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  const ws = new WebSocket(`ws://127.0.0.1:${own.address().port}`);
  ws.on('error', () => {});
  assert.strictEqual(
    (await thrown).message,
    'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration'
  );
  own.close();
});

test('S18: a request that somebody made, on a Duplex', async () => {
  const { Pipe } = require('./helpers/pipe');
  const server = new WebSocketServer({ noServer: true });
  const pipe = new Pipe();
  const headers = {
    connection: 'upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': 13,
    upgrade: 'websocket'
  };
  const req = { headers, method: 'GET', url: '/' };
  const ws = await new Promise((resolve) => {
    server.handleUpgrade(req, pipe, Buffer.alloc(0), resolve);
  });
  assert.match(pipe.bytes.toString(), /^HTTP\/1.1 101/);
  ws.terminate();
});

test('S19: shouldHandle can be replaced', async () => {
  await compareAnswers({}, [request({}, { path: '/yes' }), request()], (server) => {
    server.shouldHandle = (req) => req.url === '/yes';
  });
});

test('S20: members that dependents use', async () => {
  const server = await listening({ path: '/a' });
  assert.strictEqual(server.options.path, '/a');
  assert.ok(server._server instanceof http.Server);
  assert.strictEqual(server.completeUpgrade.length, 7);
  await close(server);
});

test('S21: events of a server', async () => {
  const server = await listening();
  const order = [];
  server.on('headers', (headers, req) => {
    order.push('headers');
    assert.strictEqual(req.url, '/');
    headers.push('X-Own: yes');
  });
  server.on('connection', (ws, req, more) => {
    order.push(['connection', ws instanceof WebSocket, req.url, more]);
  });
  const answer = await ask(server.address().port, request());
  assert.match(answer, /\r\nX-Own: yes\r\n/);
  server.emit('connection', new WebSocket(null, undefined, {}), { url: '/own' }, 'more');
  assert.deepStrictEqual(order, [
    'headers',
    ['connection', true, '/', undefined],
    ['connection', true, '/own', 'more']
  ]);

  const other = new WebSocketServer({ host: '127.0.0.1', port: server.address().port });
  const [err] = await once(other, 'error');
  assert.strictEqual(err.code, 'EADDRINUSE');
  await close(server);
});

test('S21: wsClientError tells of a request that is refused', async () => {
  const collect = (seen) => (server) => {
    server.on('wsClientError', (err, socket, req) => {
      seen.push([...describeError(err), req.url]);
      socket.end('HTTP/1.1 499 Own\r\n\r\n');
    });
  };
  const seen = [];
  const answers = await compareAnswers(
    { perMessageDeflate: true, path: '/a' },
    [
      request({ Upgrade: 'other' }, { path: '/a' }),
      request({ 'Sec-WebSocket-Key': 'short' }, { path: '/a' }),
      request({ 'Sec-WebSocket-Extensions': 'permessage-deflate; a' }, { path: '/a' }),
      request({}, { path: '/b' })
    ],
    collect(seen)
  );
  assert.match(answers[0], /^HTTP\/1.1 499 Own/);
  assert.match(answers[3], /^HTTP\/1.1 400/);
  assert.deepStrictEqual(seen.slice(0, 3), seen.slice(3));
});

test('S22: refusals, byte for byte', async () => {
  const requests = [
    request({}, { method: 'POST' }),
    request({ Upgrade: 'foo' }),
    request({ Upgrade: 'websocket, foo' }),
    request({ Upgrade: 'WebSocket' }),
    request({ 'Sec-WebSocket-Key': undefined }),
    request({ 'Sec-WebSocket-Key': 'x'.repeat(24) }),
    request({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZR==' }),
    request({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=' }),
    request({ 'Sec-WebSocket-Version': undefined }),
    request({ 'Sec-WebSocket-Version': '7' }),
    request({ 'Sec-WebSocket-Version': '14' }),
    request({ 'Sec-WebSocket-Version': '12', 'Sec-WebSocket-Key': 'x' }),
    request({ 'Sec-WebSocket-Version': '8' }),
    request({ 'Sec-WebSocket-Protocol': '' }),
    request({ 'Sec-WebSocket-Protocol': 'a,,b' }),
    request({ 'Sec-WebSocket-Protocol': 'a, a' }),
    request({ 'Sec-WebSocket-Protocol': 'a b' }),
    request({ 'Sec-WebSocket-Protocol': ' a ,\tb' }),
    request({ 'Sec-WebSocket-Extensions': 'permessage-deflate; =' }),
    request({ Host: undefined }, { version: '1.0' })
  ];
  const answers = await compareAnswers({}, requests);
  assert.match(answers[0], /^HTTP\/1.1 405 Method Not Allowed/);
  assert.strictEqual(answers.filter((answer) => answer.startsWith('HTTP/1.1 101')).length > 3, true);
  await compareAnswers({ perMessageDeflate: true }, requests);
});

test('S22: 503 while the server closes', async () => {
  const own = http.createServer();
  for (const library of [ours, theirs]) {
    const server = new library.WebSocketServer({ noServer: true });
    server.close();
    own.removeAllListeners('upgrade');
    own.on('upgrade', (req, socket, head) => server.handleUpgrade(req, socket, head, () => {}));
    if (!own.listening) {
      own.listen(0, '127.0.0.1');
      await once(own, 'listening');
    }
    const answer = await ask(own.address().port, request());
    assert.strictEqual(
      answer,
      'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/html\r\n' +
        'Content-Length: 19\r\n\r\nService Unavailable'
    );
  }
  own.close();
});

test('S23: the answer that accepts, byte for byte', async () => {
  const fields = {
    'Sec-WebSocket-Protocol': 'a',
    'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=11'
  };
  const [answer] = await compareAnswers({ perMessageDeflate: true }, [request(fields)], (server) => {
    server.on('headers', (headers) => headers.push('Set-Cookie: a=b', 'X: y'));
  });
  assert.strictEqual(
    answer,
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: a\r\n` +
      'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=11\r\n' +
      'Set-Cookie: a=b\r\nX: y\r\n\r\n'
  );
});

test('broadcast sends to all open connections but one', async () => {
  for (const perMessageDeflate of [false, true]) {
    const server = await listening({ perMessageDeflate });
    const clients = Array.from({ length: 4 }, () => new WebSocket(url(server)));
    const received = clients.map(() => []);
    clients.forEach((ws, i) => {
      ws.on('message', (data, isBinary) => received[i].push([data.toString(), isBinary]));
    });
    await Promise.all(clients.map((ws) => once(ws, 'open')));
    while (server.clients.size < 4) await new Promise((resolve) => setTimeout(resolve, 2));
    const [first] = server.clients;
    first.send('begin ', { fin: false });
    assert.strictEqual(server.broadcast('text'), 4);
    assert.strictEqual(server.broadcast(Buffer.from('bytes'), { except: first }), 3);
    assert.strictEqual(server.broadcast('x'.repeat(30_000), { binary: true }), 4);
    assert.strictEqual(server.broadcast(5), 4);
    assert.strictEqual(server.broadcast(new Blob(['blob'])), 4);
    while (received.some((list, i) => list.length < (i === 0 ? 4 : 5))) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.deepStrictEqual(received[0][0], ['begin text', false]);
    assert.deepStrictEqual(received[1].slice(0, 2), [['text', false], ['bytes', true]]);
    assert.strictEqual(received[3][2][0].length, 30_000);
    assert.deepStrictEqual(received[3].slice(3), [['5', false], ['blob', true]]);
    await close(server);
  }
});

test('deviation: a request with a body is refused', async () => {
  const server = await listening();
  for (const fields of [{ 'Content-Length': '3' }, { 'Transfer-Encoding': 'chunked' }]) {
    const answer = await ask(server.address().port, request(fields, { body: 'abc' }));
    assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\n/);
  }
  const fine = await ask(server.address().port, request({ 'Content-Length': '0' }));
  assert.match(fine, /^HTTP\/1.1 101/);
  await close(server);
});

test('deviation: a version with leading zeros is refused', async () => {
  const server = await listening();
  const answer = await ask(server.address().port, request({ 'Sec-WebSocket-Version': '08' }));
  assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\n/);
  await close(server);
});

test('frames that come with the request are received', async () => {
  const server = await listening();
  const bytes = [frame(0x81, 'early'), frame(0x88, closePayload(1000))];
  const received = new Promise((resolve) => {
    server.on('connection', (ws) => ws.on('message', (data) => resolve(data.toString())));
  });
  const net = require('node:net');
  const socket = net.connect(server.address().port, '127.0.0.1');
  socket.write(Buffer.concat([Buffer.from(request()), ...bytes]));
  assert.strictEqual(await received, 'early');
  socket.destroy();
  await close(server);
});
