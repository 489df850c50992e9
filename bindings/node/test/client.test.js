'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const ours = require('..');
const theirs = require('ws');
const { accepting, answering } = require('./helpers/raw');
const { describeError } = require('./helpers/trace');
const { frame, parseFrames } = require('./helpers/frames');

const { WebSocket, WebSocketServer } = ours;

/** What 'close' says; `once` would take an error for its own. */
const closed = (ws) => new Promise((resolve) => ws.on('close', (...args) => resolve(args)));

/** How a connection of either library to a server that answers so comes out. */
async function outcome(library, answer, args = [], prepare = () => {}) {
  const { port, requests, server } = await answering(answer);
  const events = [];
  const ws = new library.WebSocket(`ws://127.0.0.1:${port}/p?q=1`, ...args);
  ws.on('open', () => {
    events.push(['open', ws.protocol, ws.extensions]);
    ws.terminate();
  });
  ws.on('error', (err) => events.push(['error', ...describeError(err)]));
  ws.on('upgrade', (res) => events.push(['upgrade', res.statusCode]));
  prepare(ws, events);
  const [code, reason] = await closed(ws);
  events.push(['close', code, reason.toString(), ws.readyState]);
  server.close();
  const sent = requests.map((text) =>
    text.replace(/(Key: ).*/, '$1…').replaceAll(String(port), 'PORT')
  );
  return { events, sent };
}

/** The same for both libraries. */
async function compare(answer, args, prepare) {
  const [own, other] = [await outcome(ours, answer, args, prepare), await outcome(theirs, answer, args, prepare)];
  assert.deepStrictEqual(own, other);
  return own;
}

const accept = (fields) => (socket, { key }) => socket.write(accepting(key, fields));

test('C1: the forms of the constructor', async () => {
  const { sent } = await compare(accept({ 'Sec-WebSocket-Protocol': 'a' }), ['a']);
  assert.match(sent[0], /Sec-WebSocket-Protocol: a\r\n/);
  await compare(accept({ 'Sec-WebSocket-Protocol': 'b' }), [['a', 'b']]);
  await compare(accept(), [{ origin: 'http://a' }]);
  await compare(accept(), [undefined, { origin: 'http://a' }]);
  await compare(accept({ 'Sec-WebSocket-Protocol': 'a' }), ['a', { origin: 'http://a' }]);
  await compare(accept({ 'Sec-WebSocket-Protocol': 'c' }), [{ protocols: ['c', 'd'] }]);
});

test('C2: URLs', async () => {
  const { port, server } = await answering(accept());
  for (const address of [`http://127.0.0.1:${port}/a b`, new URL(`ws://127.0.0.1:${port}`)]) {
    const before = String(address);
    const ws = new WebSocket(address);
    await once(ws, 'open');
    const other = new theirs.WebSocket(address);
    await once(other, 'open');
    assert.strictEqual(ws.url, other.url);
    assert.strictEqual(String(address), before);
    ws.terminate();
    other.terminate();
  }
  server.close();

  const url = new URL('https://127.0.0.1:1');
  const ws = new WebSocket(url);
  ws.on('error', () => {});
  assert.strictEqual(ws.url, 'wss://127.0.0.1:1/');
  assert.strictEqual(url.href, 'https://127.0.0.1:1/');
});

test('C2, C3, C4: what is refused', () => {
  const cases = [
    ['nonsense', [], SyntaxError, 'Invalid URL: nonsense'],
    ['ws://a/#b', [], SyntaxError, 'The URL contains a fragment identifier'],
    [
      'ftp://a',
      [],
      SyntaxError,
      'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"'
    ],
    ['ws://a', ['a b'], SyntaxError, 'An invalid or duplicated subprotocol was specified'],
    ['ws://a', [['a', 'a']], SyntaxError, 'An invalid or duplicated subprotocol was specified'],
    ['ws://a', [''], SyntaxError, 'An invalid or duplicated subprotocol was specified'],
    [
      'ws://a',
      [{ protocolVersion: 9 }],
      RangeError,
      'Unsupported protocol version: 9 (supported versions: 8, 13)'
    ]
  ];
  for (const [address, args, Class, message] of cases) {
    for (const library of [ours, theirs]) {
      assert.throws(() => new library.WebSocket(address, ...args), { message, name: Class.name });
    }
  }
});

test('C4: version 8 names the origin otherwise', async () => {
  const { sent } = await compare(accept(), [{ origin: 'http://a', protocolVersion: 8 }]);
  assert.match(sent[0], /Sec-WebSocket-Version: 8\r\n/);
  assert.match(sent[0], /Sec-WebSocket-Origin: http:\/\/a\r\n/);
});

test('C5: origin, headers, auth and user information', async () => {
  await compare(accept(), [
    {
      auth: 'user:pass',
      headers: { 'Sec-WebSocket-Key': 'own', Upgrade: 'own', Cookie: 'a=b', 'X-A': ['1', '2'] },
      origin: 'http://a'
    }
  ]);

  for (const library of [ours, theirs]) {
    const { port, requests, server } = await answering(accept());
    const ws = new library.WebSocket(`ws://us%3Aer:p%40ss@127.0.0.1:${port}`);
    await once(ws, 'open');
    assert.match(requests[0], new RegExp(`Basic ${btoa('us:er:p@ss')}\r\n`));
    ws.terminate();
    server.close();
  }
});

test('C6: handshakeTimeout', async () => {
  // The request may not have arrived by then.
  const [own, other] = [
    (await outcome(ours, () => {}, [{ handshakeTimeout: 30 }])).events,
    (await outcome(theirs, () => {}, [{ handshakeTimeout: 30 }])).events
  ];
  assert.deepStrictEqual(own, other);
  assert.strictEqual(own[0][2], 'Opening handshake has timed out');
});

/** Two servers of which the first redirects to the second, or to itself. */
async function redirected(library, options, { other = false, listen = false } = {}) {
  const end = await answering(accept());
  const location = `ws://127.0.0.1:${end.port}/end`;
  const begin = await answering((socket, { key, text }) => {
    if (text.startsWith('GET /end')) socket.write(accepting(key));
    else socket.end(`HTTP/1.1 302 Found\r\nLocation: ${other ? location : '/end'}\r\nContent-Length: 0\r\n\r\n`);
  });
  const ws = new library.WebSocket(`ws://user:pass@127.0.0.1:${begin.port}/begin`, options);
  const events = [];
  if (listen) ws.on('redirect', (url, req) => events.push([url.replace(/:\d+/, ''), req.getHeader('cookie')]));
  await once(ws, 'open');
  ws.terminate();
  await once(ws, 'close');
  begin.server.close();
  end.server.close();
  const last = (other ? end : begin).requests.at(-1);
  return {
    events,
    last: last.replace(/(Key: ).*/, '$1…').replaceAll(/127.0.0.1:\d+/g, 'HOST'),
    path: new URL(ws.url).pathname,
    redirects: ws._redirects
  };
}

test('C7: redirects, and what is told to whom', async () => {
  for (const where of [{}, { other: true }, { listen: true, other: true }, { listen: true }]) {
    const options = { followRedirects: true, headers: { Cookie: 'a=b', Host: 'own', 'X-A': 'b' } };
    const [own, theirOwn] = [
      await redirected(ours, options, where),
      await redirected(theirs, options, where)
    ];
    assert.deepStrictEqual(own, theirOwn);
    assert.strictEqual(own.redirects, 1);
    assert.strictEqual(own.path, '/end');
    assert.strictEqual(/cookie|authorization/i.test(own.last), !where.other || !!where.listen);
    assert.deepStrictEqual(options.headers, { Cookie: 'a=b', Host: 'own', 'X-A': 'b' });
  }
});

test('C7: redirects without end, to nowhere, and not followed', async () => {
  const redirect = (location) => (socket) =>
    socket.end(`HTTP/1.1 301 Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
  const { events } = await compare(redirect('/again'), [{ followRedirects: true, maxRedirects: 3 }]);
  assert.strictEqual(events[0][2], 'Maximum redirects exceeded');
  await compare(redirect('http://'), [{ followRedirects: true }]);
  await compare(redirect('ws://127.0.0.1/#a'), [{ followRedirects: true }]);
  await compare(redirect('/a'), [{}]);
});

test('C8: compression is offered', async () => {
  for (const perMessageDeflate of [
    undefined,
    true,
    false,
    { clientMaxWindowBits: 10, serverMaxWindowBits: 11 },
    { clientNoContextTakeover: true, serverNoContextTakeover: true },
    { clientMaxWindowBits: false },
    { clientMaxWindowBits: true }
  ]) {
    await compare(accept(), [{ perMessageDeflate }]);
  }
});

test('C9: limits and switches as on a server', async () => {
  const { port, server } = await answering((socket, { key }) => {
    socket.write(Buffer.concat([Buffer.from(accepting(key)), frame(0x81, 'abcd', { mask: false })]));
  });
  const ws = new WebSocket(`ws://127.0.0.1:${port}`, { maxPayload: 3 });
  const [err] = await once(ws, 'error');
  assert.strictEqual(err.code, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
  server.close();

  const quiet = await answering((socket, { key }) => {
    socket.write(Buffer.concat([Buffer.from(accepting(key)), frame(0x89, '', { mask: false })]));
    socket.on('data', () => assert.fail('a pong came'));
  });
  const options = { autoPong: false, closeTimeout: 20 };
  const client = new WebSocket(`ws://127.0.0.1:${quiet.port}`, options);
  await once(client, 'ping');
  assert.strictEqual(client._closeTimeout, 20);
  client.terminate();
  quiet.server.close();
});

test('C10: generateMask is called once per frame, and makes its key', async () => {
  const received = [];
  const { port, server } = await answering((socket, { key }) => {
    socket.write(accepting(key));
    socket.on('data', (chunk) => received.push(chunk));
  });
  let calls = 0;
  const ws = new WebSocket(`ws://127.0.0.1:${port}`, {
    generateMask: (buffer) => {
      assert.strictEqual(buffer.length, 4);
      buffer.writeUInt32BE(++calls);
    }
  });
  await once(ws, 'open');
  ws.send('a');
  ws.send(Buffer.alloc(20_000));
  ws.ping();
  ws.close();
  while (calls < 4 || Buffer.concat(received).length < 20_000 + 27) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const frames = parseFrames(Buffer.concat(received));
  assert.deepStrictEqual(frames.map(({ key }) => key.readUInt32BE()), [1, 2, 3, 4]);
  ws.terminate();
  server.close();
});

test('C10: keys of their own differ', async () => {
  const { Sender } = ours;
  const keys = new Set();
  for (let i = 0; i < 5000; i++) {
    const [bytes] = Sender.frame(Buffer.from('a'), { fin: true, mask: true, opcode: 1 });
    keys.add(bytes.readUInt32BE(2));
  }
  assert.ok(keys.size > 4990);
});

test('C11: finishRequest ends the request', async () => {
  const seen = [];
  await compare(accept(), [
    {
      finishRequest: (req, ws) => {
        seen.push(ws.readyState);
        req.setHeader('X-Late', 'yes');
        setImmediate(() => req.end());
      }
    }
  ]);
  assert.deepStrictEqual(seen, [0, 0]);
});

test('C12: options of http.request are passed on', async () => {
  const agent = new http.Agent({ keepAlive: true });
  await compare(accept(), [{ agent }]);
  await compare(accept(), [
    { createConnection: (options) => net.connect({ host: options.host, port: options.port }) }
  ]);
  await compare(accept(), [
    { family: 4, localAddress: '127.0.0.1', lookup: () => assert.fail('an address is looked up') }
  ]);
  const abort = new AbortController();
  const ws = new WebSocket('ws://127.0.0.1:1', { signal: abort.signal });
  abort.abort();
  const [err] = await once(ws, 'error');
  assert.strictEqual(err.name, 'AbortError');
});

test('C13: TLS, with a client certificate', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bowsprit-'));
  const file = (name) => path.join(directory, name);
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', file('key'), '-out', file('cert'), '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  ], { stdio: 'ignore' });
  const [key, cert] = [fs.readFileSync(file('key')), fs.readFileSync(file('cert'))];
  const own = https.createServer({ ca: [cert], cert, key, rejectUnauthorized: false, requestCert: true });
  const server = new WebSocketServer({ server: own, verifyClient: ({ secure }) => secure });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  const { port } = own.address();
  const names = [];
  server.on('connection', (ws, req) => {
    names.push(req.socket.servername, req.socket.authorized);
    ws.on('message', (data) => ws.send(data));
  });

  const ws = new WebSocket(`wss://localhost:${port}`, { ca: cert, cert, key, family: 4 });
  await once(ws, 'open');
  ws.send('x'.repeat(200_000));
  const [data] = await once(ws, 'message');
  assert.strictEqual(data.length, 200_000);
  ws.terminate();

  const byAddress = new WebSocket(`wss://127.0.0.1:${port}`, { ca: cert });
  await once(byAddress, 'open');
  byAddress.terminate();
  assert.deepStrictEqual(names, ['localhost', true, false, false]);

  const refused = new WebSocket(`wss://127.0.0.1:${port}`);
  const [err] = await once(refused, 'error');
  assert.strictEqual(err.code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
  const trusting = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
  await once(trusting, 'open');
  trusting.terminate();
  own.close();
  fs.rmSync(directory, { recursive: true });
});

test('C14: what the URL says cannot be said otherwise', async () => {
  await compare(accept(), [
    {
      host: 'nowhere.invalid',
      hostname: 'nowhere.invalid',
      method: 'POST',
      path: '/other',
      port: 1,
      protocol: 'https:',
      socketPath: '/nowhere',
      timeout: 1
    }
  ]);
});

const ANSWERS = {
  'Unexpected server response: 401': (socket) =>
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'),
  'Invalid Upgrade header': accept({ Upgrade: 'other' }),
  'Invalid Sec-WebSocket-Accept header': accept({ 'Sec-WebSocket-Accept': 'wrong' }),
  'Server sent a subprotocol but none was requested': accept({ 'Sec-WebSocket-Protocol': 'a' }),
  'Invalid Sec-WebSocket-Extensions header': accept({ 'Sec-WebSocket-Extensions': '=' }),
  'Server indicated an extension that was not requested': accept({
    'Sec-WebSocket-Extensions': 'other'
  })
};

test('C15: the answer is checked', async () => {
  for (const [message, answer] of Object.entries(ANSWERS)) {
    const { events } = await compare(answer);
    const error = events.find(([name]) => name === 'error');
    assert.strictEqual(error[2], message);
    assert.deepStrictEqual(events.at(-1), ['close', 1006, '', 3]);
  }
});

test('C15: subprotocols and extensions are checked', async () => {
  const message = async (answer, args) =>
    (await compare(answer, args)).events.find(([name]) => name === 'error')?.[2];
  assert.strictEqual(await message(accept(), ['a']), 'Server sent no subprotocol');
  assert.strictEqual(
    await message(accept({ 'Sec-WebSocket-Protocol': 'b' }), ['a']),
    'Server sent an invalid subprotocol'
  );
  assert.strictEqual(
    await message(accept({ 'Sec-WebSocket-Extensions': 'a' }), [{ perMessageDeflate: false }]),
    'Server sent a Sec-WebSocket-Extensions header but no extension was requested'
  );
  for (const value of [
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=10',
    'permessage-deflate; server_max_window_bits=10; server_no_context_takeover',
    'permessage-deflate; unknown',
    'permessage-deflate, permessage-deflate',
    'permessage-deflate, other'
  ]) {
    await compare(accept({ 'Sec-WebSocket-Extensions': value }));
  }
  await compare(accept({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits=11' }), [
    { perMessageDeflate: { clientMaxWindowBits: 10 } }
  ]);
  await compare(
    accept({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' }),
    [{ perMessageDeflate: { clientNoContextTakeover: false } }]
  );
});

test('C15: errors before an answer', async () => {
  await compare((socket) => socket.destroy());
  await compare((socket) => socket.end('nonsense\r\n\r\n'));
  const seen = [];
  for (const library of [ours, theirs]) {
    const ws = new library.WebSocket('ws://127.0.0.1:1');
    const [err] = await once(ws, 'error');
    seen.push(err.code);
  }
  assert.deepStrictEqual(seen, ['ECONNREFUSED', 'ECONNREFUSED']);
});

test('C15: 1xx before the 101, and HTTP/1.0, are put up with', async () => {
  await compare((socket, { key }) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n');
    socket.write(accepting(key));
  });
  await compare((socket, { key }) => socket.write(accepting(key).replace('HTTP/1.1', 'HTTP/1.0')));
});

test('deviation: a client fails if the server does not grant what it asked for', async () => {
  for (const perMessageDeflate of [{ serverNoContextTakeover: true }, { serverMaxWindowBits: 10 }]) {
    const { events } = await outcome(
      ours,
      accept({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
      [{ perMessageDeflate }]
    );
    assert.strictEqual(
      events.find(([name]) => name === 'error')[2],
      'Invalid Sec-WebSocket-Extensions header'
    );
  }
});

test('W13: unexpected-response leaves the rest to its listener', async () => {
  const answer = (socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nbody');
  await compare(answer, [], (ws, events) => {
    ws.on('unexpected-response', (req, res) => {
      events.push(['response', res.statusCode, ws.readyState]);
      res.on('data', (chunk) => events.push(chunk.toString()));
      res.on('end', () => ws.terminate());
    });
  });
});

test('W7, W8: closing while connecting', async () => {
  for (const name of ['close', 'terminate']) {
    await compare(() => {}, [], (ws) => ws[name]());
    await compare(() => {}, [], (ws) => {
      ws.on('error', () => ws[name]());
      ws[name]();
    });
    await compare(accept(), [], (ws) => ws.on('upgrade', () => ws[name]()));
    // When the request has arrived.
    let end;
    await compare(() => end(), [], (ws) => (end = () => ws[name]()));
  }
});
