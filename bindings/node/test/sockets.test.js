// What a connection runs on: Unix sockets, TLS, Duplexes, and bytes that come with the handshake.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { Duplex } = require('node:stream');
const { test } = require('node:test');

const ours = require('..');
const theirs = require('ws');
const { certificates } = require('./helpers/certificates');
const { accepting, answering, request } = require('./helpers/raw');
const { closePayload, frame } = require('./helpers/frames');

/** What does not happen is a failure, and no reason to wait for ever. */
const LIMITED = { timeout: 30_000 };

/** What 'close' says; `once` would take an error for its own. */
const closed = (ws) => new Promise((resolve) => ws.on('close', (...args) => resolve(args)));

function echo(ws) {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
}

/** Sends text, bytes and a ping, and closes. */
async function talk(ws) {
  await once(ws, 'open');
  const end = closed(ws);
  for (const payload of ['text ü', Buffer.alloc(300_000, 7), '']) {
    const received = once(ws, 'message');
    ws.send(payload);
    const [data, isBinary] = await received;
    assert.ok(data.equals(Buffer.from(payload)));
    assert.strictEqual(isBinary, typeof payload !== 'string');
  }
  ws.ping('ping');
  assert.strictEqual((await once(ws, 'pong'))[0].toString(), 'ping');
  ws.close(4000, 'bye');
  const [code, reason] = await end;
  assert.deepStrictEqual([code, reason.toString()], [4000, 'bye']);
}

for (const [name, server, client] of [
  ['both of this package', ours, ours],
  ['a server of ws', theirs, ours],
  ['a client of ws', ours, theirs]
]) {
  test(`Unix sockets: ${name}`, LIMITED, async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bowsprit-'));
    const file = path.join(directory, 'socket');
    const own = http.createServer();
    const wss = new server.WebSocketServer({ perMessageDeflate: true, server: own });
    own.listen(file);
    await once(own, 'listening');
    const urls = [];
    wss.on('connection', (ws, req) => {
      urls.push([req.url, req.headers.host]);
      echo(ws);
    });

    await talk(new client.WebSocket(`ws+unix:${file}:/path?query`));
    await talk(new client.WebSocket(`ws+unix:${file}`));
    assert.deepStrictEqual(urls, [['/path?query', 'localhost'], ['/', 'localhost']]);
    own.close();
    fs.rmSync(directory, { recursive: true });
  });
}

/** Two Duplexes; what is written to one is read from the other, in pieces of some length. */
function duplexPair(maxLength = Infinity) {
  const make = (other) =>
    new Duplex({
      final(callback) {
        other().push(null);
        callback();
      },
      read() {},
      write(chunk, encoding, callback) {
        for (let i = 0; i < chunk.length; i += Math.min(maxLength, chunk.length)) {
          other().push(Buffer.from(chunk.subarray(i, i + maxLength)));
        }
        setImmediate(callback);
      }
    });
  const one = make(() => two);
  const two = make(() => one);
  return [one, two];
}

test('a client and a server talk over Duplexes in memory', LIMITED, async () => {
  for (const maxLength of [Infinity, 1000, 7]) {
    for (const perMessageDeflate of [false, true]) {
      const [one, two] = duplexPair(maxLength);
      const own = http.createServer();
      const wss = new ours.WebSocketServer({ perMessageDeflate, server: own });
      wss.on('connection', echo);
      own.emit('connection', two);
      const options = { createConnection: () => one, perMessageDeflate };
      await talk(new ours.WebSocket('ws://memory/', options));
    }
  }
});

test('a Duplex that fails ends its connection', LIMITED, async () => {
  const [one, two] = duplexPair();
  const wss = new ours.WebSocketServer({ noServer: true });
  const own = http.createServer();
  const connected = new Promise((resolve) => {
    own.on('upgrade', (req, socket, head) => wss.handleUpgrade(req, socket, head, resolve));
  });
  own.emit('connection', two);
  const client = new ours.WebSocket('ws://memory/', { createConnection: () => one });
  client.on('error', () => {});
  const server = await connected;
  const ends = Promise.all([closed(client), closed(server)]);
  two.destroy(Object.assign(new Error('pulled'), { code: 'EPULLED' }));
  one.destroy();
  assert.deepStrictEqual((await ends).map(([code]) => code), [1006, 1006]);
  assert.strictEqual(server.closeCause.code, 'EPULLED');
});

/** All events of a connection, as JSON says them. */
function events(ws) {
  const list = [];
  ws.on('message', (data, isBinary) => list.push(['message', data.toString(), isBinary]));
  ws.on('ping', (data) => list.push(['ping', data.toString()]));
  return new Promise((resolve) => {
    ws.on('close', (code, reason) => resolve([...list, ['close', code, reason.toString()]]));
  });
}

const FRAMES = [
  ['message', 'early', false],
  ['ping', 'p'],
  ['message', 'x'.repeat(300), true],
  ['close', 4001, 'at once']
];

function earlyFrames(mask) {
  return Buffer.concat([
    frame(0x81, 'early', { mask }),
    frame(0x89, 'p', { mask }),
    frame(0x02, 'x'.repeat(100), { mask }),
    frame(0x80, 'x'.repeat(200), { mask }),
    frame(0x88, closePayload(4001, 'at once'), { mask })
  ]);
}

/** Where to cut: all over the end of the head and the frames behind it. */
function* cuts(headLength, length) {
  yield length;
  for (let i = headLength - 4; i < length; i += i < headLength + 24 ? 1 : 23) yield i;
}

test('a server receives frames that come with the request, however cut', LIMITED, async () => {
  const server = new ours.WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const head = Buffer.from(request());
  const bytes = Buffer.concat([head, earlyFrames(true)]);

  for (const cut of cuts(head.length, bytes.length)) {
    const received = new Promise((resolve) => {
      server.once('connection', (ws) => resolve(events(ws)));
    });
    const socket = net.connect(server.address().port, '127.0.0.1');
    socket.resume();
    socket.write(bytes.subarray(0, cut));
    setImmediate(() => socket.write(bytes.subarray(cut)));
    assert.deepStrictEqual(await received, FRAMES, `cut at ${cut}`);
    socket.destroy();
  }
  server.close();
});

test('a client receives frames that come with the answer, however cut', LIMITED, async () => {
  const frames = earlyFrames(false);
  const headLength = accepting('0'.repeat(24)).length;

  for (const cut of cuts(headLength, headLength + frames.length)) {
    const { port, server } = await answering((socket, { key }) => {
      const bytes = Buffer.concat([Buffer.from(accepting(key)), frames]);
      socket.write(bytes.subarray(0, cut));
      setImmediate(() => socket.end(bytes.subarray(cut)));
    });
    const ws = new ours.WebSocket(`ws://127.0.0.1:${port}`);
    assert.deepStrictEqual(await events(ws), FRAMES, `cut at ${cut}`);
    server.close();
  }
});

/** How clients of a library fare with a server that demands certificates of its authority. */
async function certificatesDemanded(library) {
  const { client, localhost } = certificates(['localhost', 'client']);
  const { stranger } = certificates(['stranger']);
  const own = https.createServer({ ...localhost, rejectUnauthorized: true, requestCert: true });
  const wss = new library.WebSocketServer({ server: own });
  const names = [];
  wss.on('connection', (ws, req) => {
    names.push(req.socket.getPeerCertificate().subject.CN);
    echo(ws);
  });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  const url = `wss://localhost:${own.address().port}`;
  const connect = (options) => new library.WebSocket(url, { ca: localhost.ca, ...options });

  const { cert, key } = client;
  await talk(connect({ cert, key }));
  await talk(connect({ agent: new https.Agent({ ca: localhost.ca, cert, key }) }));
  const codes = [];
  const others = { cert: stranger.cert, key: stranger.key };
  for (const options of [{}, others, { ca: stranger.ca, cert, key }]) {
    const ws = connect(options);
    const end = closed(ws);
    const [err] = await once(ws, 'error');
    // What is read first is up to the race between the alert and the reset.
    codes.push(err.code.replace(/^(ECONNRESET|EPIPE|ERR_SSL_.*)$/, 'refused'), (await end)[0]);
  }
  own.close();
  return { codes, names };
}

test('TLS: a server that demands a certificate of its authority', LIMITED, async () => {
  const result = await certificatesDemanded(ours);
  assert.deepStrictEqual(result.names, ['client', 'client']);
  assert.deepStrictEqual(result.codes.slice(0, 4), ['refused', 1006, 'refused', 1006]);
  assert.deepStrictEqual(result, await certificatesDemanded(theirs));
});
