// Routes, parameters, middleware, sessions in headers, broadcasting, closing and errors: `ws` 7.
'use strict';

const assert = require('assert');
const { createServer } = require('http');
const { once } = require('events');
const load = require('module').createRequire(`${process.cwd()}/`);

const express = load('express');
const expressWs = load('express-ws');
const WebSocket = load('ws');

/** An application with routes for each of the things that are tried. */
function application(seen) {
  const app = express();
  const server = createServer(app);
  const { getWss } = expressWs(app, server, { wsOptions: { perMessageDeflate: true } });
  const router = express.Router();

  app.use((req, res, next) => {
    req.user = req.headers['x-user'];
    next();
  });
  app.get('/page', (req, res) => res.send('page'));
  app.ws('/echo', (ws, req) => {
    ws.on('message', (...args) => {
      seen.push(args);
      ws.send(typeof args[0] === 'string' ? `${req.user}: ${args[0]}` : args[0]);
    });
    ws.on('close', (...args) => seen.push(['close', ...args]));
    ws.on('error', (err) => seen.push(['error', err.code]));
  });
  router.ws('/:room', (ws, req) => {
    ws.room = `${req.params.room} ${req.query.a}`;
    ws.on('message', (text) => {
      for (const client of getWss().clients) {
        if (client.room === ws.room && client.readyState === 1) client.send(text);
      }
    });
  });
  app.use('/rooms', router);
  app.ws('/refused', (ws, req, next) => next(new Error('refused')));
  app.ws('/slow', async (ws) => {
    await new Promise((resolve) => setImmediate(resolve));
    ws.close(4001, 'too slow');
  });
  app.use((err, req, res, next) => {
    seen.push(['refused', err.message]);
    res.status(500).end();
    void next;
  });
  return { server, wss: getWss() };
}

async function connect(url, options) {
  const ws = new WebSocket(url, options);
  await once(ws, 'open');
  return ws;
}

/** What `close` says, when nobody has sent anything. */
async function closed(url) {
  const ws = new WebSocket(url);
  return once(ws, 'close');
}

async function echo(url, seen) {
  const ws = await connect(`${url}/echo`, { headers: { 'X-User': 'somebody' } });
  ws.send('text');
  assert.deepStrictEqual(await once(ws, 'message'), ['somebody: text']);
  ws.send(Buffer.from('bytes'));
  assert.deepStrictEqual(await once(ws, 'message'), [Buffer.from('bytes')]);
  ws.send('long '.repeat(10_000));
  const [long] = await once(ws, 'message');
  assert.strictEqual(long, `somebody: ${'long '.repeat(10_000)}`);
  ws.close(4000, 'bye');
  assert.deepStrictEqual(await once(ws, 'close'), [4000, 'bye']);
  while (seen.length < 4) await new Promise((resolve) => setImmediate(resolve));
  assert.deepStrictEqual(seen[0], ['text']);
  assert.deepStrictEqual(seen.pop(), ['close', 4000, 'bye']);
}

async function broadcast(url) {
  const rooms = ['one?a=1', 'one?a=1', 'two?a=1', 'one?a=2'];
  const all = await Promise.all(rooms.map((room) => connect(`${url}/rooms/${room}`)));
  const others = [];
  for (const ws of all.slice(2)) ws.on('message', (text) => others.push(text));
  const heard = all.slice(0, 2).map((ws) => once(ws, 'message'));
  all[0].send('to the room');
  for (const args of await Promise.all(heard)) assert.deepStrictEqual(args, ['to the room']);
  assert.deepStrictEqual(others, []);
  return all;
}

async function violate(url, seen) {
  const ws = await connect(`${url}/echo`);
  ws.on('error', () => {});
  ws._socket.write(Buffer.from([0xff, 0x80, 0, 0, 0, 0]));
  const [code, reason] = await once(ws, 'close');
  assert.deepStrictEqual([code, reason], [1002, '']);
  while (seen.at(-1)[0] !== 'close') await new Promise((resolve) => setImmediate(resolve));
  assert.deepStrictEqual(seen.slice(-2), [
    ['error', 'WS_ERR_UNEXPECTED_RSV_2_3'],
    ['close', 1006, '']
  ]);
}

async function main() {
  const seen = [];
  const { server, wss } = application(seen);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address();
  const url = `ws://127.0.0.1:${port}`;

  assert.strictEqual(await (await fetch(`http://127.0.0.1:${port}/page`)).text(), 'page');
  await echo(url, seen);
  assert.deepStrictEqual(await closed(`${url}/slow`), [4001, 'too slow']);
  assert.deepStrictEqual(await closed(`${url}/refused`), [1005, '']);
  assert.deepStrictEqual(seen.pop(), ['refused', 'refused']);
  assert.deepStrictEqual(await closed(`${url}/nowhere`), [1005, '']);
  await violate(url, seen);

  const all = await broadcast(url);
  const ends = all.map((ws) => once(ws, 'close'));
  const ended = new Promise((resolve) => wss.close(resolve));
  for (const end of ends) assert.deepStrictEqual(await end, [1006, '']);
  await ended;
  assert.strictEqual(wss.clients.size, 0);
  server.close();
}

main().then(() => process.exit(0));
