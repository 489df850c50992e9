// What was once wrong in ws, by year: it is not to come back here.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const net = require('node:net');
const { test } = require('node:test');

const { WebSocket, WebSocketServer, extension, subprotocol } = require('..');
const { accepting, answering, ask, request } = require('./helpers/raw');
const { connect } = require('./helpers/trace');
const { frame, parseFrames } = require('./helpers/frames');
const { settle } = require('./helpers/pipe');

const LIMITED = { timeout: 30_000 };

async function listening(options) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await once(server, 'listening');
  return { port: server.address().port, server };
}

test('2016, GHSA-2mhh-w6q8-5hxw: a number is no length of memory to send', LIMITED, () => {
  const { pipe, ws } = connect(WebSocket);
  ws.ping(100);
  ws.pong(100);
  ws.send(100);
  assert.ok(ws._socket);
  const payloads = parseFrames(pipe.bytes).map(({ payload }) => payload.toString());
  assert.deepStrictEqual(payloads, ['100', '100', '100']);
  pipe.destroy();
});

const NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'prototype', 'toString', 'valueOf'];

test('2017, GHSA-5v72-xg48-5rpm: names of Object.prototype', LIMITED, async () => {
  const { port, server } = await listening({ perMessageDeflate: true });

  for (const name of NAMES) {
    for (const field of [name, `${name}; ${name}`, `a; ${name}=1, ${name}`]) {
      const names = new Set(field.split(', ').map((offer) => offer.split(';')[0]));
      assert.deepStrictEqual(Object.keys(extension.parse(field)).sort(), [...names].sort());
      const answer = await ask(port, request({ 'Sec-WebSocket-Extensions': field }));
      assert.match(answer, /^HTTP\/1\.1 101 /, field);
      assert.doesNotMatch(answer, /Sec-WebSocket-Extensions/);
    }
    const field = `permessage-deflate; ${name}`;
    const answer = await ask(port, request({ 'Sec-WebSocket-Extensions': field }));
    assert.match(answer, /^HTTP\/1\.1 400 /, field);
    await answeredWith({ 'Sec-WebSocket-Extensions': name }, /an extension that was not requested/);
    await answeredWith({ 'Sec-WebSocket-Extensions': field }, /Invalid Sec-WebSocket-Extensions/);
  }
  server.close();
});

/** The error of a client whose server answers so. */
async function answeredWith(fields, expected) {
  const { port, server } = await answering((socket, { key }) => {
    socket.write(accepting(key, fields));
  });
  const [err] = await once(new WebSocket(`ws://127.0.0.1:${port}`), 'error');
  assert.match(err.message, expected);
  server.close();
}

// What takes the square of their length would take hours.
const LONG = [
  ' '.repeat(2_000_000),
  `a${' '.repeat(2_000_000)}b`,
  `a${'\t'.repeat(2_000_000)},`,
  'a,'.repeat(200_000),
  `a; b="${'\\'.repeat(2_000_000)}`,
  `a; b="${'\\a'.repeat(1_000_000)}"`,
  'a; '.repeat(1_000_000)
];

test('2021, CVE-2021-32640: header fields are parsed in linear time', LIMITED, async () => {
  for (const field of LONG) {
    for (const parse of [subprotocol.parse, extension.parse]) {
      try {
        parse(field);
      } catch (err) {
        assert.ok(err instanceof SyntaxError);
      }
    }
  }
  const { port, server } = await listening();
  const field = `a${' '.repeat(15_000)}b`;
  const answer = await ask(port, request({ 'Sec-WebSocket-Protocol': field }));
  assert.match(answer, /^HTTP\/1\.1 400 /);
  server.close();
});

test('2022: credentials do not follow a redirect to another host', LIMITED, async () => {
  const elsewhere = await answering((socket, { key }) => socket.end(accepting(key)));
  const here = await answering((socket) => {
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://localhost:${elsewhere.port}/\r\n\r\n`);
  });
  const secrets = { Authorization: 'Basic secret', Cookie: 'secret', Host: 'own' };
  const headers = { ...secrets, 'X-Kept': 'kept' };
  const ws = new WebSocket(`ws://127.0.0.1:${here.port}`, { followRedirects: true, headers });
  await once(ws, 'close');
  const byUser = new WebSocket(`ws://me:secret@127.0.0.1:${here.port}`, { followRedirects: true });
  await once(byUser, 'close');

  assert.match(here.requests[0], /secret/);
  assert.match(here.requests[1], /Authorization: Basic /);
  for (const request of elsewhere.requests) {
    assert.doesNotMatch(request, /authorization|cookie|secret|host: own/i);
  }
  assert.match(elsewhere.requests[0], /x-kept: kept/i);
  here.server.close();
  elsewhere.server.close();
});

test('2024, CVE-2024-37890: header fields that hide Upgrade', LIMITED, async () => {
  const { port, server } = await listening();
  for (const count of [1000, 1999, 2000, 2001]) {
    const many = Array.from({ length: count }, (_, i) => `${i.toString(36)}:\r\n`).join('');
    const hidden = request().replace('Upgrade: websocket\r\n', `${many}Upgrade: websocket\r\n`);
    assert.match(await ask(port, hidden), /^HTTP\/1\.1 (101|400|431) /, `${count}`);
  }
  const none = await ask(port, request({ Upgrade: undefined, Connection: 'keep-alive, Upgrade' }));
  assert.match(none, /^HTTP\/1\.1 426 /);
  assert.match(await ask(port, request()), /^HTTP\/1\.1 101 /);
  server.close();
});

test('2026, CVE-2026-45736: a close reason is as long as its bytes', LIMITED, () => {
  for (const reason of [new Float64Array(10), new Uint16Array(40), new Uint8Array(80)]) {
    const { pipe, ws } = connect(WebSocket);
    ws.close(1000, reason);
    assert.ok(ws._socket);
    const [{ payload }] = parseFrames(pipe.bytes);
    assert.deepStrictEqual(payload, Buffer.concat([Buffer.from([3, 232]), Buffer.alloc(80)]));
    pipe.destroy();
  }
  const { pipe, ws } = connect(WebSocket);
  assert.throws(() => ws.close(1000, new Float64Array(16)), RangeError);
  pipe.destroy();
});

test('2026, CVE-2026-48779, CVE-2026-62389: empty fragments count, too', LIMITED, async () => {
  for (const payload of ['', 'x']) {
    const { pipe, trace } = connect(WebSocket);
    const fragments = Array.from({ length: 16_383 }, () => frame(0x00, payload));
    pipe.push(Buffer.concat([frame(0x01, 'x'), ...fragments]));
    await settle();
    assert.deepStrictEqual(trace, []);
    pipe.push(frame(0x00, payload));
    await settle();
    assert.strictEqual(trace[0][3], 'WS_ERR_TOO_MANY_BUFFERED_PARTS');
    const [{ first, payload: code }] = parseFrames(pipe.bytes);
    assert.deepStrictEqual([first, code.readUInt16BE()], [0x88, 1008]);
    pipe.destroy();
  }
});

test('2026: pongs that nobody reads are not queued without end', LIMITED, async () => {
  const { port, server } = await listening();
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(request());
  const [ws] = await once(server, 'connection');
  let pings = 0;
  ws.on('ping', () => pings++);
  const ended = once(ws, 'close');
  await once(socket, 'data');
  socket.write(Buffer.concat(Array.from({ length: 10_000 }, () => frame(0x89, 'x'.repeat(125)))));
  socket.pause();
  assert.deepStrictEqual((await ended)[0], 1006);
  assert.strictEqual(ws.closeCause.code, 'WS_ERR_TERMINATED');
  assert.ok(pings > 60);
  server.close();
});
