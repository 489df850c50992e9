'use strict';

const assert = require('node:assert');
const { EventEmitter, once } = require('node:events');
const { test } = require('node:test');

const ours = require('..');
const theirs = require('ws');
const { Pipe, settle } = require('./helpers/pipe');
const { closePayload, cut, frame, parseFrames } = require('./helpers/frames');
const { connect, describeError, hex } = require('./helpers/trace');

const { WebSocket, WebSocketServer } = ours;

/** A client and a server's connection, joined by a socket. */
async function pair(options = {}) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`, options);
  const [[peer]] = await Promise.all([once(server, 'connection'), once(client, 'open')]);
  const end = async () => {
    client.terminate();
    peer.terminate();
    await new Promise((resolve) => server.close(resolve));
  };
  return { client, end, peer, server };
}

test('W1: constants of the states', () => {
  for (const object of [WebSocket, WebSocket.prototype]) {
    for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) {
      assert.deepStrictEqual(Object.getOwnPropertyDescriptor(object, name), {
        configurable: false,
        enumerable: true,
        value,
        writable: false
      });
    }
  }
});

test('W2: getters on the prototype', async () => {
  for (const name of [
    'binaryType', 'bufferedAmount', 'extensions', 'isPaused', 'protocol', 'readyState', 'url',
    'onclose', 'onerror', 'onmessage', 'onopen'
  ]) {
    const own = Object.getOwnPropertyDescriptor(WebSocket.prototype, name);
    const other = Object.getOwnPropertyDescriptor(theirs.prototype, name);
    assert.strictEqual(own.enumerable, true, name);
    assert.strictEqual(own.configurable, other.configurable, name);
    assert.strictEqual(typeof own.set, typeof other.set, name);
  }

  const { client, end, peer } = await pair();
  assert.deepStrictEqual(
    [client.readyState, client.protocol, client.extensions, client.isPaused, client.bufferedAmount],
    [1, '', '', false, 0]
  );
  assert.strictEqual(client.binaryType, 'nodebuffer');
  assert.match(client.url, /^ws:\/\/127.0.0.1:\d+\/$/);
  assert.strictEqual(peer.url, undefined);
  assert.throws(() => (client.readyState = 3), TypeError);
  await end();
});

test('W2: bufferedAmount counts what has not been written', async () => {
  for (const library of [ours, theirs]) {
    const { pipe, ws } = connect(library.WebSocket);
    pipe._write = () => {};
    ws.send('abc');
    assert.strictEqual(ws.bufferedAmount, 5);
    ws.send(Buffer.alloc(20_000));
    assert.strictEqual(ws.bufferedAmount, 20_009);
    ws.close();
    ws.send('late', () => {});
    assert.strictEqual(ws.bufferedAmount, 20_015);
    pipe.destroy();
  }
});

test('W3: binaryType, changed at any time', async () => {
  const messages = [];
  const { pipe, ws } = connect(WebSocket);
  ws.on('message', (data, isBinary) => {
    messages.push([data, isBinary]);
    ws.binaryType = ['arraybuffer', 'fragments', 'blob', 'nonsense'][messages.length - 1];
  });
  const bytes = Buffer.concat([1, 2, 3, 4, 5].map((n) => frame(0x82, [n, n])));
  pipe.push(Buffer.concat([bytes, frame(0x81, 'text')]));
  await settle();
  assert.ok(Buffer.isBuffer(messages[0][0]));
  assert.deepStrictEqual(Buffer.from(messages[1][0]), Buffer.from([2, 2]));
  assert.ok(messages[1][0] instanceof ArrayBuffer);
  assert.deepStrictEqual(messages[2][0], [Buffer.from([3, 3])]);
  assert.ok(messages[3][0] instanceof Blob);
  assert.strictEqual(await messages[3][0].text(), '\u0004\u0004');
  assert.ok(messages[4][0] instanceof Blob);
  assert.deepStrictEqual(messages[5], [Buffer.from('text'), false]);
  assert.strictEqual(ws.binaryType, 'blob');
});

test('W4: what can be sent, and as what it comes', async () => {
  const { client, end, peer } = await pair();
  const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(7);
  const sent = [
    'text', '', 5, Buffer.from('a'), new Uint16Array([1, 2]), new DataView(new ArrayBuffer(2)),
    new Uint8Array([1, 2, 3]).buffer, [1, 2], new Blob(['blob']), shared, undefined, null
  ];
  const received = [];
  peer.on('message', (data, isBinary) => received.push([data.toString('latin1'), isBinary]));
  for (const data of sent) client.send(data);
  while (received.length < sent.length) await settle();
  assert.deepStrictEqual(received.slice(0, sent.length), [
    ['text', false], ['', false], ['5', false], ['a', true], ['\u0001\0\u0002\0', true],
    ['\0\0', true], ['\u0001\u0002\u0003', true], ['\u0001\u0002', true], ['blob', true],
    ['\u0007\u0007', true], ['', true], ['', true]
  ]);
  for (const data of [{}, true, Symbol('a'), () => {}]) {
    assert.throws(() => client.send(data), TypeError);
  }
  await end();
});

test('W4: memory that changes after send is not what was sent', async () => {
  const { client, end, peer } = await pair();
  const received = [];
  peer.on('message', (data) => received.push(data));
  for (const length of [10, 20_000]) {
    const data = Buffer.alloc(length, 1);
    client.send(data);
    data.fill(2);
  }
  while (received.length < 2) await settle();
  for (const data of received) assert.ok(data.every((byte) => byte === 1));
  await end();
});

test('W5: callbacks of send, and errors', async () => {
  const connecting = new WebSocket('ws://127.0.0.1:1');
  connecting.on('error', () => {});
  for (const name of ['send', 'ping', 'pong']) {
    assert.throws(() => connecting[name]('a'), {
      message: 'WebSocket is not open: readyState 0 (CONNECTING)'
    });
  }

  const order = [];
  const { client, end } = await pair();
  client.send('a', (err) => order.push(['a', err]));
  client.send('b', {}, (err) => order.push(['b', err]));
  client.send(Buffer.alloc(30_000), (err) => order.push(['c', err]));
  client.send('no callback', {}, null);
  client.ping('d', true, (err) => order.push(['d', err]));
  client.pong((err) => order.push(['e', err]));
  assert.deepStrictEqual(order, []);
  while (order.length < 5) await settle();
  assert.deepStrictEqual(order.map(([name]) => name), ['a', 'b', 'c', 'd', 'e']);
  assert.ok(order.every(([, err]) => !err));

  client.close();
  client.send('f', (err) => order.push(err.message));
  client.ping('g', undefined, (err) => order.push(err.message));
  assert.strictEqual(order.length, 5);
  await once(client, 'close');
  client.send('h', (err) => order.push(err.message));
  client.send('i');
  await settle();
  assert.deepStrictEqual(order.slice(5), [
    'WebSocket is not open: readyState 2 (CLOSING)',
    'WebSocket is not open: readyState 2 (CLOSING)',
    'WebSocket is not open: readyState 3 (CLOSED)'
  ]);
  await end();
});

/** Runs a script in a process of its own, as exceptions end a test; returns its output. */
function run(script) {
  const { execFileSync } = require('node:child_process');
  const begin = `
    const { WebSocket } = require(${JSON.stringify(require.resolve('..'))});
    const { connect } = require(${JSON.stringify(require.resolve('./helpers/trace'))});
    const { frame } = require(${JSON.stringify(require.resolve('./helpers/frames'))});
    const { pipe, ws } = connect(WebSocket);
    process.on('uncaughtException', (err) => console.log('thrown', err.message));`;
  return execFileSync(process.execPath, ['-e', begin + script], { encoding: 'utf8' });
}

test('W5: a callback that throws does not keep the others from being called', () => {
  const output = run(`
    ws.send('a', () => { throw new Error('own'); });
    ws.send('b', () => console.log('b'));
    ws.send('c', () => console.log('c'));`);
  assert.strictEqual(output, 'thrown own\nb\nc\n');
});

test('W5: what was compressed leaves before the end that the peer has asked for', async () => {
  const { pipe, ws } = connect(WebSocket, { offer: 'permessage-deflate' });
  const errors = [];
  pipe.on('end', () => {});
  ws.on('message', () => ws.send('compressed', (err) => errors.push(err)));
  pipe.push(frame(0x81, 'a'));
  pipe.push(null);
  await settle();
  assert.strictEqual(parseFrames(pipe.bytes).length, 1);
  assert.deepStrictEqual(errors.map(Boolean), [false]);
  pipe.destroy();
});

test('W5: a callback is called in the context of its send', async () => {
  const { AsyncLocalStorage } = require('node:async_hooks');
  const storage = new AsyncLocalStorage();
  const connections = [connect(WebSocket), connect(WebSocket)];
  const stores = [];
  for (const [i, { ws }] of connections.entries()) {
    storage.run(`a${i}`, () => ws.send('a', () => stores.push(storage.getStore())));
    storage.run(`b${i}`, () => ws.ping('b', undefined, () => stores.push(storage.getStore())));
  }
  await settle();
  assert.deepStrictEqual(stores, ['a0', 'b0', 'a1', 'b1']);
  for (const { pipe } of connections) pipe.destroy();
});

test('W5: what is sent in a turn leaves in one write', async () => {
  const { pipe, ws } = connect(WebSocket);
  ws.send('a');
  ws.send('b');
  ws.ping('c');
  await settle();
  assert.strictEqual(pipe.written.length, 1);
  assert.strictEqual(parseFrames(pipe.bytes).length, 3);

  ws.on('message', (data) => ws.send(data));
  pipe.push(Buffer.concat([frame(0x81, 'a'), frame(0x81, 'b'), frame(0x89)]));
  await settle();
  assert.strictEqual(pipe.written.length, 2);
});

test('W5: who writes to the socket writes behind what was sent', async () => {
  const { pipe, ws } = connect(WebSocket);
  ws.send('a');
  ws._socket.write('raw');
  ws.send('b');
  await settle();
  assert.strictEqual(pipe.bytes.toString('latin1'), '\x81\x01araw\x82\x01b'.replace('\x82', '\x81'));
});

test('W5: what was sent before process.exit arrives', async () => {
  const { execFile } = require('node:child_process');
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const script = `
    const { WebSocket } = require(${JSON.stringify(require.resolve('..'))});
    const ws = new WebSocket('ws://127.0.0.1:${server.address().port}');
    ws.on('open', () => { ws.send('last words'); process.exit(); });`;
  execFile(process.execPath, ['-e', script]);
  const [peer] = await once(server, 'connection');
  const [data] = await once(peer, 'message');
  assert.strictEqual(data.toString(), 'last words');
  await new Promise((resolve) => server.close(resolve));
});

test('W6: pings and pongs have at most 125 bytes', async () => {
  const { client, end, peer } = await pair();
  for (const name of ['ping', 'pong']) {
    assert.throws(() => client[name]('a'.repeat(126)), {
      message: 'The data size must not be greater than 125 bytes',
      name: 'RangeError'
    });
    client[name]('a'.repeat(125));
    const [data] = await once(peer, name);
    assert.strictEqual(data.length, 125);
  }
  await end();
});

test('W7: close', async () => {
  const { client, end, peer } = await pair();
  const message = 'First argument must be a valid error code number';
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, '1000', null, NaN]) {
    assert.throws(() => client.close(code), { message, name: 'TypeError' });
  }
  assert.throws(() => client.close(1000, 'x'.repeat(124)), {
    message: 'The message must not be greater than 123 bytes',
    name: 'RangeError'
  });
  assert.strictEqual(client.readyState, WebSocket.OPEN);

  client.close(4123, 'r\u00e9ason');
  assert.strictEqual(client.readyState, WebSocket.CLOSING);
  const [[code, reason]] = await Promise.all([once(peer, 'close'), once(client, 'close')]);
  assert.deepStrictEqual([code, reason.toString()], [4123, 'r\u00e9ason']);
  assert.strictEqual(client.readyState, WebSocket.CLOSED);
  client.close();
  client.terminate();
  await end();
});

test('W7: the memory of a reason that is a typed array is not sent beyond it', async () => {
  const { pipe, ws } = connect(WebSocket);
  const memory = Buffer.from('secret reason secret');
  ws.close(1000, new Uint8Array(memory.buffer, memory.byteOffset + 7, 6));
  await settle();
  assert.deepStrictEqual(parseFrames(pipe.bytes)[0].payload, closePayload(1000, 'reason'));
  pipe.destroy();
});

test('W8: terminate', async () => {
  const { client, end, peer } = await pair();
  client.terminate();
  const [[own], [other]] = await Promise.all([once(client, 'close'), once(peer, 'close')]);
  assert.deepStrictEqual([own, other], [1006, 1006]);
  await end();
});

test('W9: pause and resume', async () => {
  const { client, end, peer } = await pair();
  const received = [];
  peer.on('message', (data) => received.push(data.toString()));
  peer.pause();
  assert.strictEqual(peer.isPaused, true);
  client.send('a');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepStrictEqual(received, []);
  peer.resume();
  assert.strictEqual(peer.isPaused, false);
  while (received.length === 0) await settle();
  client.close();
  await once(client, 'close');
  client.pause();
  assert.strictEqual(client.isPaused, false);
  const connecting = new WebSocket('ws://127.0.0.1:1');
  connecting.on('error', () => {});
  connecting.pause();
  assert.strictEqual(connecting.isPaused, false);
  await end();
});

test('W9: what a paused socket has read is received before the end', async () => {
  for (const library of [ours, theirs]) {
    const { pipe, trace, ws } = connect(library.WebSocket);
    ws.pause();
    pipe.push(frame(0x81, 'unread'));
    await settle();
    pipe.destroy();
    await settle();
    assert.deepStrictEqual(trace, [
      ['message', hex(Buffer.from('unread')), false],
      ['close', 1006, '']
    ]);
  }
});

test('W10: addEventListener and removeEventListener', () => {
  const ws = new WebSocket(null, undefined, {});
  const calls = [];
  const listener = (event) => calls.push(event.type);
  const object = { handleEvent: (event) => calls.push(`object ${event.type}`) };

  ws.addEventListener('message', listener);
  ws.addEventListener('message', listener);
  ws.addEventListener('message', object);
  ws.addEventListener('ping', listener);
  ws.addEventListener('toString', listener);
  ws.onmessage = () => calls.push('property');
  ws.emit('message', Buffer.from('a'), false);
  ws.emit('ping', Buffer.alloc(0));
  assert.deepStrictEqual(calls, ['message', 'object message', 'property']);

  ws.removeEventListener('message', listener);
  ws.removeEventListener('message', object);
  ws.emit('message', Buffer.from('a'), false);
  assert.deepStrictEqual(calls.slice(3), ['property']);

  ws.addEventListener('close', listener, { once: true });
  ws.emit('close', 1000, Buffer.alloc(0));
  ws.emit('close', 1000, Buffer.alloc(0));
  assert.deepStrictEqual(calls.slice(4), ['close']);
});

test('W11: properties for listeners', () => {
  const ws = new WebSocket(null, undefined, {});
  for (const name of ['onopen', 'onmessage', 'onclose', 'onerror']) {
    const listener = () => {};
    const other = () => {};
    assert.strictEqual(ws[name], null);
    ws.on(name.slice(2), other);
    assert.strictEqual(ws[name], null);
    ws[name] = listener;
    assert.strictEqual(ws[name], listener);
    ws[name] = null;
    assert.strictEqual(ws[name], null);
    ws[name] = 'nonsense';
    assert.strictEqual(ws[name], null);
    ws.removeEventListener(name.slice(2), other);
    assert.deepStrictEqual(ws.listeners(name.slice(2)), [other]);
  }
});

test('W12: events as objects', () => {
  const { CloseEvent, ErrorEvent, Event, MessageEvent } = require('../lib/events');
  const ws = new WebSocket(null, undefined, {});
  const events = [];
  for (const type of ['open', 'message', 'close', 'error']) {
    ws.addEventListener(type, (event) => events.push(event));
  }
  const error = new Error('what');
  ws.emit('open');
  ws.emit('message', Buffer.from('text'), false);
  ws.emit('message', Buffer.from('bytes'), true);
  ws.emit('close', 1000, Buffer.from('why'));
  ws.emit('error', error);

  const [open, text, bytes, close, failure] = events;
  assert.ok(events.every((event) => event instanceof Event && event.target === ws));
  assert.strictEqual(open.type, 'open');
  assert.ok(text instanceof MessageEvent);
  assert.strictEqual(text.data, 'text');
  assert.deepStrictEqual(bytes.data, Buffer.from('bytes'));
  assert.ok(close instanceof CloseEvent);
  assert.deepStrictEqual([close.code, close.reason, close.wasClean], [1000, 'why', false]);
  assert.ok(failure instanceof ErrorEvent);
  assert.deepStrictEqual([failure.error, failure.message], [error, 'what']);
  assert.deepStrictEqual(new CloseEvent('close', { code: 5 }).code, 5);
  assert.strictEqual(new MessageEvent('message').data, null);
  for (const [Class, name] of [[Event, 'type'], [Event, 'target'], [CloseEvent, 'wasClean']]) {
    assert.ok(Object.getOwnPropertyDescriptor(Class.prototype, name).enumerable);
  }
});

test('W13: events of a connection', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
  const order = [];
  assert.ok(client instanceof EventEmitter);
  client.on('upgrade', (res) => order.push(['upgrade', res.statusCode, client.readyState]));
  client.on('open', () => order.push(['open', client.readyState]));
  client.on('message', (data, isBinary) => order.push(['message', data.toString(), isBinary]));
  client.on('ping', (data) => order.push(['ping', data.toString()]));
  client.on('pong', (data) => order.push(['pong', data.toString()]));
  server.on('connection', (ws) => {
    ws.send('a');
    ws.ping('b');
    ws.pong('c');
    ws.close(1001, 'd');
  });
  const [code, reason] = await once(client, 'close');
  assert.deepStrictEqual(order, [
    ['upgrade', 101, 0],
    ['open', 1],
    ['message', 'a', false],
    ['ping', 'b'],
    ['pong', 'c']
  ]);
  assert.deepStrictEqual([code, reason.toString()], [1001, 'd']);
  await new Promise((resolve) => server.close(resolve));
});

test('W14: close comes once, whatever ends the connection', async () => {
  const endings = {
    'a close frame': (pipe) => pipe.push(frame(0x88)),
    'a violation': (pipe) => pipe.push(frame(0x83)),
    'the end': (pipe) => pipe.push(null),
    'an error of the socket': (pipe) => pipe.destroy(new Error('reset')),
    destroying: (pipe) => pipe.destroy(),
    terminating: (pipe, ws) => ws.terminate(),
    closing: (pipe, ws) => {
      ws.close();
      pipe.push(frame(0x88));
    }
  };
  for (const [name, end] of Object.entries(endings)) {
    const results = [];
    for (const library of [ours, theirs]) {
      const { pipe, trace, ws } = connect(library.WebSocket);
      end(pipe, ws);
      await settle();
      if (!pipe.destroyed) pipe.push(null);
      await settle();
      if (!pipe.destroyed) pipe.destroy();
      await settle();
      results.push(trace);
    }
    assert.deepStrictEqual(results[0], results[1], name);
    assert.strictEqual(results[0].filter(([event]) => event === 'close').length, 1, name);
  }
});

test('W15: members that dependents use', async () => {
  const { client, end, peer } = await pair();
  for (const ws of [client, peer]) {
    const other = connect(theirs).ws;
    for (const name of [
      '_socket', '_receiver', '_sender', '_extensions', '_readyState', '_closeFrameReceived',
      '_closeFrameSent', '_closeTimer', '_isServer', '_protocol', '_binaryType'
    ]) {
      assert.strictEqual(typeof ws[name], typeof other[name], name);
    }
    assert.strictEqual(typeof ws.setSocket, 'function');
    assert.strictEqual(typeof ws.emitClose, 'function');
  }
  assert.strictEqual(peer._socket.remoteAddress, '127.0.0.1');
  peer._receiver.removeAllListeners('ping');
  let pings = 0;
  peer.on('ping', () => pings++);
  client.ping();
  client.send('after');
  await once(peer, 'message');
  assert.strictEqual(pings, 0);
  assert.strictEqual(client._redirects, 0);
  assert.strictEqual(client._req, null);
  await end();
});

test('W15: setSocket on a Duplex in memory', async () => {
  const ws = new WebSocket(null, undefined, { autoPong: true });
  const pipe = new Pipe();
  let opened = 0;
  ws._isServer = false;
  ws.on('open', () => opened++);
  ws.setSocket(pipe, frame(0x81, 'head', { mask: false }), { maxPayload: 0 });
  assert.strictEqual(opened, 1);
  const [data] = await once(ws, 'message');
  assert.strictEqual(data.toString(), 'head');
});

test('deviation: a listener that throws does not lose the messages after it', () => {
  const output = run(`
    ws.on('message', (data) => {
      console.log(data.toString());
      if (data.toString() === 'a') throw new Error('own');
    });
    pipe.push(Buffer.concat(['a', 'b', 'c'].map((text) => frame(0x81, text))));
    setTimeout(() => pipe.push(frame(0x81, 'd')), 20);`);
  assert.strictEqual(output, 'a\nthrown own\nb\nc\nd\n');
});

test('deviation: nor does one that throws for each message', () => {
  const output = run(`
    const { deflateRawSync } = require('zlib');
    const long = connect(WebSocket, { offer: 'permessage-deflate' });
    long.ws.on('message', (data) => {
      throw new Error(data.length);
    });
    // Long enough for the thread pool: what comes meanwhile waits in the stream.
    const payload = deflateRawSync(require('crypto').randomBytes(200000));
    long.pipe.push(frame(0xc2, payload));
    setImmediate(() => ['a', 'bb', 'ccc'].forEach((text) => long.pipe.push(frame(0x81, text))));
    long.ws.on('close', () => console.log('close'));
    process.on('uncaughtException', (err) => err.message === '3' && long.pipe.destroy());`);
  assert.strictEqual(output, 'thrown 200000\nthrown 1\nthrown 2\nthrown 3\nclose\n');
});

test('a socket that throws does not hold up other connections', () => {
  const output = run(`
    const throwing = connect(WebSocket).ws;
    throwing._socket._write = () => {
      throw new Error('socket');
    };
    throwing.send('one');
    ws.send('two', () => console.log('two'));
    setTimeout(() => ws.send('three', () => console.log('three')), 20);
    setTimeout(() => process.exit(), 100);`);
  assert.strictEqual(output, 'thrown socket\ntwo\nthree\n');
});

test('a listener may write to a chunk, and transfer its memory', async () => {
  const { pipe, trace, ws } = connect(WebSocket);
  const chunk = Buffer.concat([frame(0x82, 'aaaa'), frame(0x82, 'bbbb'), frame(0x82, 'cccc')]);
  const memory = new ArrayBuffer(chunk.length);
  Buffer.from(memory).set(chunk);
  let count = 0;
  ws.on('message', (data) => {
    count++;
    data.fill(0);
    if (count === 2) structuredClone(memory, { transfer: [memory] });
  });
  pipe.push(Buffer.from(memory));
  await settle();
  assert.deepStrictEqual(trace.slice(0, 2), [
    ['message', '61616161', true],
    ['message', '62626262', true]
  ]);
  assert.strictEqual(trace[2][3], 'WS_ERR_TRANSFERRED_CHUNK');
  pipe.destroy();
});

test('a connection within the listener of another one', async () => {
  const inner = connect(WebSocket);
  const outer = connect(WebSocket);
  outer.ws.on('message', () => {
    inner.ws._receiver.write(Buffer.concat([frame(0x81, 'x'), frame(0x82, 'y')]));
  });
  outer.pipe.push(Buffer.concat(['a', 'b', 'c'].map((text) => frame(0x81, text))));
  await settle();
  assert.deepStrictEqual(outer.trace.map(([, data]) => data), ['61', '62', '63']);
  assert.deepStrictEqual(inner.trace.map(([, data]) => data), ['78', '79', '78', '79', '78', '79']);
});

test('nothing is left in the addon when connections have ended', async () => {
  const native = require('../lib/native');
  const before = native.openCount();
  for (let i = 0; i < 50; i++) {
    const { pipe, ws } = connect(WebSocket);
    pipe.push(i % 2 === 0 ? frame(0x88) : frame(0x83));
    ws.send('a', { fin: false });
    await settle(4);
    pipe.destroy();
  }
  await settle();
  assert.strictEqual(native.openCount(), before);
});

test('deviation: a length that is not in its shortest form is refused', async () => {
  for (const form of [16, 64]) {
    const { pipe, trace } = connect(WebSocket);
    pipe.push(frame(0x81, 'a', { form }));
    await settle();
    assert.match(trace[0][2], /not in its shortest form/);
    assert.deepStrictEqual(parseFrames(pipe.bytes)[0].payload, closePayload(1002));
    pipe.destroy();
  }
});

test('deviation: bad UTF-8 is told when it comes', async () => {
  const { pipe, trace } = connect(WebSocket);
  pipe.push(frame(0x01, [0xff]));
  await settle();
  assert.deepStrictEqual(trace[0].slice(0, 2), ['error', 'Error']);
  assert.deepStrictEqual(parseFrames(pipe.bytes)[0].payload, closePayload(1007));
  pipe.destroy();
});

test('W5: long strings of all kinds of characters leave as they are', async () => {
  for (const character of ['a', '\u00e9', '\u20ac', '\u{1f600}', '\ud800']) {
    for (const bytes of [5461, 16_380, 16_384, 16_385, 65_535, 65_536, 200_000]) {
      const text = character.repeat(Math.ceil(bytes / Buffer.byteLength(character)));
      for (const isServer of [true, false]) {
        const { pipe, ws } = connect(WebSocket, { isServer });
        for (let i = 0; i < 5; i++) ws.send(text);
        await settle(2);
        const frames = parseFrames(pipe.bytes);
        assert.strictEqual(frames.length, 5);
        for (const { first, payload } of frames) {
          assert.strictEqual(first, 0x81);
          assert.ok(payload.equals(Buffer.from(text)), `${bytes} bytes of ${character}`);
        }
        pipe.destroy();
      }
    }
  }
});
