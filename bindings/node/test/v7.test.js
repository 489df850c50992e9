// What `v7` exports, its listeners as in browsers, its streams, and what it has in addition.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const { test } = require('node:test');

const { LIBRARIES, connect, ours, plain, theirs } = require('./helpers/v7');
const { closePayload, frame } = require('./helpers/frames');
const { Pipe, settle } = require('./helpers/pipe');
const manifest = require('../package.json');

test('v7: the names of the module', async () => {
  assert.strictEqual(require('bowsprit/v7'), ours);
  for (const name of Object.keys(theirs))
    assert.strictEqual(typeof ours[name], typeof theirs[name], name);
  assert.strictEqual(ours.WebSocket, ours);
  assert.strictEqual(ours.WebSocketServer, ours.Server);
  assert.notStrictEqual(ours, require('bowsprit'));

  const module = await import('bowsprit/v7');
  assert.strictEqual(module.default, ours);
  const names = Object.keys(module).filter((name) => name !== 'default');
  assert.deepStrictEqual(names.sort(), [
    'Receiver',
    'Sender',
    'Server',
    'WebSocket',
    'WebSocketServer',
    'createWebSocketStream'
  ]);
  for (const name of names) assert.strictEqual(module[name], ours[name], name);
});

test('v7: the order in which 8 and 7 are loaded does not matter', () => {
  const names = [ours.Server, require('..').Server, ours.Receiver, require('..').Receiver];
  assert.strictEqual(new Set(names).size, 4);
  assert.ok(new ours.Server({ noServer: true }) instanceof require('..').Server);
});

test('v7: bundlers for browsers get a stub', () => {
  const { browser, import: module, require: common } = manifest.exports['./v7'];
  assert.strictEqual(browser, './browser.js');
  for (const file of [...Object.values(module), ...Object.values(common)]) {
    assert.ok(require('fs').existsSync(require('path').join(__dirname, '..', file)), file);
    assert.ok(manifest.files.includes(file.slice(2)), file);
  }
});

/** What both do with an open connection. */
async function compare(script, options) {
  const results = [];

  for (const library of LIBRARIES) {
    const trace = [];
    const connection = connect(library, options);
    await script(connection, (...args) => trace.push(args.map(plain)));
    await settle();
    connection.pipe.destroy();
    await settle();
    results.push(trace);
  }

  assert.deepStrictEqual(results[0], results[1]);
  return results[0];
}

const describeEvent = (ws, event) => [
  event.constructor.name,
  Object.keys(event).join(),
  event.type,
  event.target === ws,
  event.data,
  event.code,
  event.reason,
  event.wasClean,
  event.message
];

const END = [frame(0x81, 'text'), frame(0x82, 'bytes'), frame(0x88, closePayload(4000, 'bye'))];

test('v7: events as objects', async () => {
  for (const isProperty of [false, true]) {
    const trace = await compare(async ({ pipe, ws }, note) => {
      for (const type of ['open', 'message', 'close', 'error', 'ping']) {
        const listener = function (event) {
          note(type, this === ws, ...describeEvent(ws, event));
        };
        if (isProperty) ws[`on${type}`] = listener;
        else ws.addEventListener(type, listener);
      }
      ws.emit('open');
      for (const bytes of [...END.slice(0, 2), frame(0x89, 'p'), END[2]]) {
        pipe.push(Buffer.from(bytes));
        await settle(2);
      }
      ws.emit('error', new Error('own'));
      pipe.push(null);
      await settle();
    });
    assert.deepStrictEqual(
      trace.map(([type]) => type),
      ['open', 'message', 'message', ...(isProperty ? [] : ['ping']), 'error', 'close']
    );
  }
});

test('v7: adding and removing listeners', async () => {
  await compare(async ({ pipe, ws }, note) => {
    const listener = (event) => note('listener', event.type ?? 'raw');
    const raw = (data) => note('raw', data.data ?? data);
    const state = () =>
      note(
        ws.listenerCount('message'),
        typeof ws.onmessage,
        ws.onmessage === listener,
        ws.onmessage === raw
      );

    state();
    for (const nothing of [null, undefined, {}, { handleEvent() {} }, 'text']) {
      ws.addEventListener('message', nothing);
      ws.onmessage = nothing;
      state();
    }
    ws.addEventListener('message', listener);
    ws.addEventListener('message', listener);
    ws.on('message', raw);
    state();
    ws.removeEventListener('message', listener);
    ws.removeEventListener('message', raw);
    state();
    ws.addEventListener('message', listener, { once: true });
    ws.addEventListener('custom', (...args) => note('custom', ...args));
    ws.addEventListener('toString', () => note('toString'));
    ws.emit('custom', 1, 2);
    ws.emit('toString');
    state();
    ws.onmessage = listener;
    state();
    ws.onmessage = raw;
    ws.on('message', raw);
    state();
    pipe.push(frame(0x81, 'a'));
    await settle(2);
    ws.onmessage = null;
    state();
  });
});

test('v7: members of connections', () => {
  const names = ({ WebSocket }) => {
    const found = [];
    for (const name in connect({ WebSocket }).ws) {
      if (!/^(_|isPaused$)/.test(name)) found.push(name);
    }
    return found.sort();
  };
  assert.deepStrictEqual(names({ WebSocket: ours }), names({ WebSocket: theirs }));

  for (const { WebSocket } of LIBRARIES) {
    const { ws } = connect({ WebSocket });
    ws.binaryType = 'blob';
    assert.strictEqual(ws.binaryType, 'nodebuffer');
    ws.binaryType = 'fragments';
    assert.strictEqual(ws.binaryType, 'fragments');
    for (const [i, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) {
      assert.deepStrictEqual([WebSocket[name], ws[name]], [i, i]);
    }
    ws.terminate();
  }
});

test('v7: streams', async () => {
  const kinds = [{}, { readableObjectMode: true }, { encoding: 'utf8' }, { decodeStrings: false }];

  for (const options of kinds) {
    await compare(async ({ library, pipe, ws }, note) => {
      const stream = library.WebSocket.createWebSocketStream(ws, options);
      stream.on('data', (data) => note('data', data));
      for (const event of ['end', 'finish', 'close', 'error']) stream.on(event, () => note(event));
      stream.write('text');
      stream.write(Buffer.from('bytes'));
      for (const bytes of END) {
        pipe.push(Buffer.from(bytes));
        await settle(2);
      }
      stream.end('last');
      await settle();
      note('wire', pipe.bytes);
    });
    await compare(async ({ library, pipe, ws }, note) => {
      const stream = library.WebSocket.createWebSocketStream(ws, options);
      for (const event of ['end', 'finish', 'close']) stream.on(event, () => note(event));
      stream.on('error', (err) => note('error', err));
      pipe.push(frame(0x83));
      await settle();
      note(stream.destroyed, pipe.bytes);
    });
  }
});

test('v7: a reader of a stream that does not read pauses the connection', async () => {
  await compare(async ({ library, pipe, ws }, note) => {
    const stream = library.WebSocket.createWebSocketStream(ws, { readableHighWaterMark: 10 });
    for (let i = 0; i < 5; i++) {
      pipe.push(frame(0x81, 'a'.repeat(8)));
      await settle(2);
      note(pipe.isPaused());
    }
    stream.on('data', (data) => note(data));
    await settle();
    note(pipe.isPaused());
  });
});

test('v7: receivers and senders on their own', async () => {
  const results = [];

  for (const { WebSocket } of LIBRARIES) {
    const trace = [];
    const receiver = new WebSocket.Receiver('arraybuffer', {}, true, 10);
    for (const event of ['message', 'ping', 'conclude', 'error']) {
      receiver.on(event, (...args) => trace.push([event, ...args.map(plain)]));
    }
    for (const bytes of [END[0], END[1], frame(0x89, 'p'), END[2]])
      receiver.write(Buffer.from(bytes));
    await settle(2);
    const limited = new WebSocket.Receiver('nodebuffer', {}, false, 3);
    limited.on('error', (err) => trace.push(plain(err)));
    limited.write(frame(0x81, 'long', { mask: false }));
    await settle(2);

    const pipe = new Pipe();
    const sender = new WebSocket.Sender(pipe);
    sender.send('text', { binary: false, fin: true, mask: false });
    sender.ping('a', false);
    sender.close(1000, 'why', false);
    await settle(2);
    trace.push(plain(pipe.bytes));
    const made = WebSocket.Sender.frame(Buffer.from('abc'), { fin: true, opcode: 2 });
    trace.push(plain(Buffer.concat(made)));
    results.push(trace);
  }

  assert.deepStrictEqual(results[0], results[1]);
});

test('v7: what is there in addition', async () => {
  const server = new ours.Server({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const ws = new ours(`ws://127.0.0.1:${server.address().port}`);
  const [peer] = await once(server, 'connection');
  if (ws.readyState === 0) await once(ws, 'open');

  const taken = (async () => {
    const list = [];
    for await (const { data, isBinary } of ws) list.push([plain(data), isBinary]);
    return list;
  })();
  assert.strictEqual(server.broadcast('text'), 1);
  server.broadcast(Buffer.from('bytes'));
  await peer.sendAsync('last');
  peer.close();
  assert.deepStrictEqual(await taken, [
    ['text', false],
    ['Buffer 6279746573', true],
    ['last', false]
  ]);

  const failing = once(server, 'connectionError');
  const bad = new ours(`ws://127.0.0.1:${server.address().port}`);
  await once(bad, 'open');
  bad._socket.write(frame(0x83));
  const [err] = await failing;
  assert.strictEqual(err.code, 'WS_ERR_INVALID_OPCODE');
  bad.terminate();
  await once(bad, 'close');
  assert.strictEqual(bad.closeCause.code, 'WS_ERR_TERMINATED');
  await new Promise((resolve) => server.close(resolve));
});

test('deviation of v7: reasons may be Buffers, and messages Blobs', async () => {
  const { pipe, ws } = connect(LIBRARIES[0]);
  ws.send(new Blob(['blob']));
  ws.close(1000, Buffer.from('why'));
  await settle();
  assert.strictEqual(pipe.bytes.toString('latin1'), '\x82\x04blob\x88\x05\x03\xe8why');
  ws.terminate();
});
