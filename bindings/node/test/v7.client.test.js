// The opening handshake of a client: the same for `v7` and for `ws` 7.5.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { LIBRARIES, ours, plain, record, theirs } = require('./helpers/v7');
const { accepting, answering } = require('./helpers/raw');

/** All events of a connection until it is closed. */
async function outcome(WebSocket, address, args, prepare = () => {}) {
  const trace = [];
  let ws;

  try {
    ws = new WebSocket(address, ...args);
  } catch (err) {
    return [['thrown', err.constructor.name, err.message, err.code]];
  }

  record(ws, trace);
  ws.on('open', () => {
    trace.push([ws.url, ws.protocol, ws.extensions]);
    ws.terminate();
  });
  prepare(ws, trace);
  await new Promise((resolve) => ws.on('close', resolve));
  trace.push(['end', ws.readyState, ws.url]);
  // 'redirect' has come with 8.
  return trace.filter(([name, event]) => name !== 'ws' || event !== 'redirect');
}

/** What both do with a server that answers so. */
async function compare(answer, args = [], prepare = () => {}) {
  const results = [];

  for (const { WebSocket } of LIBRARIES) {
    const { port, requests, server } = await answering(answer);
    const events = await outcome(WebSocket, `ws://127.0.0.1:${port}/p?q=1`, args, prepare);
    server.close();
    const hide = (text) =>
      text.replace(/(Key: )\S{24}\r/, '$1…\r').replaceAll(String(port), 'PORT');
    results.push({
      events: JSON.parse(JSON.stringify(events).replaceAll(String(port), 'PORT')),
      sent: requests.map(hide)
    });
  }

  assert.deepStrictEqual(results[0], results[1]);
  return results[0];
}

const accept =
  (fields) =>
  (socket, { key }) =>
    socket.write(accepting(key, fields));

test('v7: the request, and whose header fields win', async () => {
  const { sent } = await compare(accept());
  assert.match(sent[0], /^GET \/p\?q=1 HTTP\/1.1\r\nSec-WebSocket-Version: 13\r\n/);
  const own = {
    Upgrade: 'WebSocket',
    connection: 'keep-alive, Upgrade',
    'Sec-WebSocket-Version': '8',
    'X-Own': 'a',
    Host: 'elsewhere'
  };
  const { sent: changed } = await compare(accept(), [{ headers: own }]);
  assert.match(changed[0], /\r\nUpgrade: WebSocket\r\n/);
  await compare(accept(), [{ headers: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' } }]);
  await compare(accept(), [
    { headers: { 'sec-websocket-extensions': 'x', Origin: 'b' }, origin: 'a' }
  ]);
  await compare(accept(), [{ origin: 'a', protocolVersion: 8 }]);
  await compare(accept(), [{ auth: 'user:secret', defaultPort: 81, perMessageDeflate: false }]);
});

test('v7: options that 7.5 does not have are ignored', async () => {
  await compare(accept(), [
    {
      createConnection: () => assert.fail('called'),
      finishRequest: () => assert.fail('called'),
      generateMask: () => assert.fail('called'),
      protocols: ['a'],
      path: '/other',
      method: 'POST'
    }
  ]);
});

const PROTOCOLS = [
  ['a'],
  [['a', 'b']],
  [[]],
  [''],
  ['a, b'],
  ['a,b'],
  [['a', 'a']],
  ['not a token'],
  [null],
  [undefined]
];

test('v7: subprotocols are asked for, and compared with the answer', async () => {
  for (const args of PROTOCOLS) {
    for (const answer of [undefined, '', 'a', 'b', 'c', 'a, b']) {
      await compare(accept({ 'Sec-WebSocket-Protocol': answer }), args);
    }
  }
});

test('v7: answers that are wrong', async () => {
  const answers = [
    { 'Sec-WebSocket-Accept': 'nonsense' },
    { 'Sec-WebSocket-Accept': undefined },
    { Upgrade: 'foo' },
    { Upgrade: 'WEBSOCKET' },
    { Upgrade: undefined },
    { Connection: undefined },
    { 'Sec-WebSocket-Extensions': '' },
    { 'Sec-WebSocket-Extensions': 'foo' },
    { 'Sec-WebSocket-Extensions': ';' },
    { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
    { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits=9' },
    { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
    { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits=16' },
    { 'Sec-WebSocket-Extensions': 'permessage-deflate; foo' },
    { 'Sec-WebSocket-Extensions': 'permessage-deflate, permessage-deflate' }
  ];
  for (const fields of answers) {
    await compare(accept(fields));
    await compare(accept(fields), [{ perMessageDeflate: { clientMaxWindowBits: 10 } }]);
  }
  await compare(accept({ 'Sec-WebSocket-Extensions': 'foo' }), [{ perMessageDeflate: false }]);
});

test('v7: other answers than 101', async () => {
  const end = (text) => (socket) => socket.end(text);
  await compare(end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'));
  await compare(end('HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n'));
  await compare(end('nonsense\r\n\r\n'));
  await compare((socket) => socket.destroy());
  await compare(end('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno'), [], (ws, trace) => {
    ws.on('unexpected-response', (req, res) => {
      trace.push(['response', res.statusCode, req.path]);
      ws.close();
    });
  });
  await compare(() => {}, [{ handshakeTimeout: 50 }]);
});

test('v7: closing while connecting tells the error at once', async () => {
  for (const name of ['close', 'terminate']) {
    const { events } = await compare(
      () => {},
      [],
      (ws, trace) => {
        ws[name]();
        trace.push([`${name} returned`, ws.readyState]);
        for (const method of ['send', 'ping']) {
          ws[method]('late', (err) => trace.push([method, plain(err)]));
        }
        trace.push(['buffered', ws.bufferedAmount]);
      }
    );
    assert.strictEqual(events[0][1], 'error');
    await compare(
      () => {},
      [],
      (ws, trace) => {
        assert.throws(() => ws.send('early'), /readyState 0/);
        setImmediate(() => {
          ws[name]();
          trace.push(['returned', ws.readyState]);
        });
      }
    );
    await compare(accept(), [], (ws) => ws.on('upgrade', () => ws[name]()));
  }
});

test('v7: a connection that fails after it was opened', async () => {
  const answer =
    (bytes) =>
    (socket, { key }) =>
      socket.write(Buffer.concat([Buffer.from(accepting(key)), bytes]));
  const stay = (ws) => ws.removeAllListeners('open');
  await compare(answer(Buffer.from([0x83, 0])), [], stay);
  await compare(answer(Buffer.from([0x88, 2, 0x03, 0xe8])), [], stay);
  await compare((socket, { key }) => socket.end(accepting(key)), [], stay);
  await compare(
    (socket, { key }) => socket.write(accepting(key), () => socket.resetAndDestroy()),
    [],
    stay
  );
});

test('v7: redirects', async () => {
  const redirect =
    (location) =>
    (socket, { text }) => {
      if (text.startsWith('GET /p')) {
        socket.end(`HTTP/1.1 301 Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
      } else {
        accept()(socket, { key: /Key: (.*)\r/.exec(text)[1] });
      }
    };
  for (const options of [
    { followRedirects: true },
    { auth: 'a:b', followRedirects: true, headers: { Cookie: 'c', 'X-Own': 'd' } },
    { followRedirects: true, headers: { Authorization: 'Bearer e', HOST: 'f' } }
  ]) {
    await compare(redirect('/other'), [options]);
  }
  await compare(redirect('http://'), [{ followRedirects: true }]);
  await compare(redirect('ws+unix:'), [{ followRedirects: true }]);
  await compare(redirect('/p2'), [{ followRedirects: true, maxRedirects: 2 }]);
});

test('v7: a redirect to another host is told no secrets', async () => {
  const results = [];
  for (const { WebSocket } of LIBRARIES) {
    const second = await answering(accept());
    const first = await answering((socket) =>
      socket.end(
        `HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${second.port}/\r\n` +
          'Content-Length: 0\r\n\r\n'
      )
    );
    const headers = { Authorization: 'x', Cookie: 'y', 'X-Own': 'z' };
    await outcome(WebSocket, `ws://user:pw@127.0.0.1:${first.port}/`, [
      { followRedirects: true, headers }
    ]);
    results.push(second.requests[0].replace(/(Key: ).*/, '').replace(/:\d+\r/, ''));
    first.server.close();
    second.server.close();
  }
  assert.strictEqual(results[0], results[1]);
  assert.doesNotMatch(results[0], /authorization|cookie/i);
  assert.match(results[0], /X-Own: z/i);
});

test('v7: URLs are judged as by 7.5', async () => {
  const { port, server } = await answering(accept());
  const at = `127.0.0.1:${port}`;
  const refusing = net.createServer((socket) => socket.destroy());
  await once(refusing.listen(0, '127.0.0.1'), 'listening');
  const addresses = [
    'nonsense',
    '',
    'ws:',
    'ws://',
    'ws+unix:',
    'foo:bar',
    'mailto:a@b',
    'file:///a',
    undefined,
    false,
    5,
    {},
    `ftp://${at}/`,
    `http://${at}/a`,
    `foo://${at}/b`,
    `ws://${at}/#fragment`,
    `WS://${at}`,
    new URL(`ws://${at}/c`),
    `ws://us%40er:p%3aw@${at}/`,
    'ws+unix:///no/such/socket:/path',
    `wss://127.0.0.1:${refusing.address().port}`,
    `https://127.0.0.1:${refusing.address().port}`
  ];
  for (const address of addresses) {
    const [own, other] = [await outcome(ours, address, []), await outcome(theirs, address, [])];
    assert.deepStrictEqual(own, other, String(address));
  }
  server.close();
  refusing.close();
  for (const version of [7, 12, '13']) {
    const of = (WebSocket) => outcome(WebSocket, 'ws://localhost', [{ protocolVersion: version }]);
    assert.deepStrictEqual(await of(ours), await of(theirs));
  }
});

test('v7: user information is sent as it stands in the URL', async () => {
  const sent = [];
  for (const { WebSocket } of LIBRARIES) {
    const { port, requests, server } = await answering(accept());
    await outcome(WebSocket, `ws://us%40er:p%3aw@127.0.0.1:${port}/`, []);
    sent.push(/Authorization: (.*)\r/.exec(requests[0])[1]);
    server.close();
  }
  assert.deepStrictEqual(
    sent,
    Array(2).fill(`Basic ${Buffer.from('us%40er:p%3aw').toString('base64')}`)
  );
});

test('v7: local sockets', { skip: process.platform === 'win32' }, async () => {
  const name = path.join(os.tmpdir(), `bowsprit-v7-${process.pid}.sock`);
  const requests = [];
  const server = net.createServer((socket) =>
    socket.once('data', (chunk) => {
      requests.push(chunk.toString().replace(/(Key: ).*/, ''));
      socket.write(accepting(/Key: (.*)\r/.exec(chunk)[1]));
    })
  );
  await once(server.listen(name), 'listening');
  for (const address of [`ws+unix://${name}`, `ws+unix://${name}:/path?q`]) {
    assert.deepStrictEqual(await outcome(ours, address, []), await outcome(theirs, address, []));
  }
  assert.strictEqual(requests[0], requests[1]);
  assert.strictEqual(requests[2], requests[3]);

  // A deviation: 7.5 cuts the path at the next colon.
  await outcome(ours, `ws+unix://${name}:/path:more`, []);
  assert.match(requests[4], /^GET \/path:more HTTP/);
  server.close();
});

test('v7: an answer whose Upgrade field is one too many', async () => {
  const many = 'a: 1\r\n'.repeat(2000);
  await compare((socket, { key }) => socket.write(accepting(key).replace('\r\n', `\r\n${many}`)));
});
