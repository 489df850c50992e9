// JSON-RPC: methods, errors, notifications, events, namespaces, and coming back by itself.
'use strict';

const { assert, load, once, run, until, within } = require('./program');

const { Client, Server } = load('rpc-websockets');
const WebSocket = load('ws');

async function calls(client) {
  assert.strictEqual(await within('a sum', client.call('sum', [5, 3])), 8);
  assert.deepStrictEqual(await within('an object', client.call('echo', { a: 'ü' })), { a: 'ü' });
  const text = 'x'.repeat(2_000_000);
  assert.strictEqual((await within('2 MB', client.call('echo', { text }))).text, text);
  const many = Array.from({ length: 500 }, (_, i) => client.call('sum', [i, i]));
  (await within('500 sums', Promise.all(many))).forEach((sum, i) => assert.strictEqual(sum, 2 * i));
  await assert.rejects(within('an error', client.call('nothing')), { code: -32601 });
  await assert.rejects(within('a method that throws', client.call('fail')), { code: -32000 });
}

async function protectedMethods(client) {
  await assert.rejects(within('a refusal', client.call('secret')), { code: -32605 });
  assert.ok(await within('a login', client.login({ password: 'right' })));
  assert.strictEqual(await within('a secret', client.call('secret')), 42);
}

async function events(server, client) {
  server.event('news');
  const heard = new Promise((resolve) => client.once('news', (...args) => resolve(args)));
  await within('a subscription', client.subscribe('news'));
  server.emit('news', 'first', 2);
  assert.deepStrictEqual(await within('an event', heard), ['first', 2]);
  await within('the end of the subscription', client.unsubscribe('news'));
}

async function batches(port) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}`);
  await within('a connection', once(ws, 'open'));
  const batch = [1, 2].map((id) => ({ id, jsonrpc: '2.0', method: 'sum', params: [id, 1] }));
  ws.send(JSON.stringify(batch));
  const [data] = await within('an answer to a batch', once(ws, 'message'));
  assert.deepStrictEqual(JSON.parse(data).map(({ result }) => result), [2, 3]);
  ws.send('{');
  const [error] = await within('an answer to nonsense', once(ws, 'message'));
  assert.strictEqual(JSON.parse(error).error.code, -32700);
  ws.terminate();
}

async function main() {
  const server = new Server({ host: '127.0.0.1', port: 0 });
  await within('a server', once(server, 'listening'));
  const { port } = server.wss.address();
  const notified = [];
  server.register('sum', ([a, b]) => a + b);
  server.register('echo', (params) => params);
  server.register('note', ([text]) => notified.push(text));
  server.register('fail', () => {
    throw new Error('on purpose');
  });
  server.register('secret', () => 42).protected();
  server.setAuth(({ password }) => password === 'right');

  const options = { max_reconnects: 5, reconnect_interval: 20 };
  const client = new Client(`ws://127.0.0.1:${port}`, options);
  await within('a client', once(client, 'open'));
  await calls(client);
  await protectedMethods(client);
  await events(server, client);
  await client.notify('note', ['a notification']);
  await until('a notification', () => notified.length === 1);
  await batches(port);

  const again = once(client, 'open');
  for (const ws of server.wss.clients) ws.terminate();
  await within('a new connection', again);
  assert.strictEqual(await within('a sum again', client.call('sum', [1, 1])), 2);

  const closed = new Promise((resolve) => client.once('close', (code) => resolve(code)));
  client.close(4002, 'enough');
  assert.strictEqual(await within('an end', closed), 4002);
  await within('the end of the server', server.close());
}

run(main);
