'use strict';

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const vm = require('node:vm');

const WebSocket = require('..');

const EXAMPLES = path.join(__dirname, '../examples');

/** Starts an example; it ends with the test. `line` waits for a line that matches. */
function start(t, name, { args = [], env = {} } = {}) {
  const child = spawn(process.execPath, [path.join(EXAMPLES, name), ...args], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit']
  });
  const waiting = new Set();
  let output = '';

  t.after(() => child.kill());
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    for (const check of waiting) check();
  });

  const line = (pattern) =>
    new Promise((resolve, reject) => {
      const check = () => {
        const match = output.match(pattern);
        if (match) resolve(match);
      };

      waiting.add(check);
      child.on('exit', () => reject(new Error(`${name} has ended; it printed: ${output}`)));
      check();
    });

  const address = line(/^\w+:\/\/(localhost:\d+)$/m).then(([, host]) => host);
  // An example may end without having printed one.
  address.catch(() => {});
  return { address, child, line };
}

/** A client whose messages, as text, can be waited for. */
async function connect(t, url, options) {
  const ws = new WebSocket(url, options);
  const messages = [];
  let wake = () => {};

  t.after(() => ws.terminate());
  ws.on('message', (data) => {
    messages.push(data.toString());
    wake();
  });
  await once(ws, 'open');

  const next = async () => {
    while (messages.length === 0) await new Promise((resolve) => (wake = resolve));
    return messages.shift();
  };
  return { next, ws };
}

/** What is known of a page: its elements, and a promise for the next change that `check` wants. */
async function open(t, host) {
  const html = await (await fetch(`http://${host}/`)).text();
  const elements = new Map();
  const sockets = [];
  let wake = () => {};

  for (const [, id] of html.matchAll(/ id="(\w+)"/g)) {
    const values = { textContent: '', value: '' };
    const set = (target, name, value) => {
      target[name] = value;
      wake();
      return true;
    };
    elements.set(id, new Proxy(values, { set }));
  }

  t.after(() => {
    for (const ws of sockets) {
      ws.onclose = null;
      ws.terminate();
    }
  });
  class Socket extends WebSocket {
    constructor(...args) {
      super(...args);
      sockets.push(this);
    }
  }
  let cookie;
  const context = {
    WebSocket: Socket,
    document: { getElementById: (id) => elements.get(id) },
    fetch: async (url, init) => {
      const headers = cookie ? { cookie } : {};
      const response = await fetch(new URL(url, `http://${host}`), { ...init, headers });
      cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
      return response;
    },
    location: { host },
    setTimeout
  };
  vm.runInNewContext(html.match(/<script>([^]*)<\/script>/)[1], context);

  const until = async (check) => {
    while (!check((id) => elements.get(id).textContent)) {
      await new Promise((resolve) => (wake = resolve));
    }
  };
  return { elements, sockets, until };
}

test('server-stats', async (t) => {
  const page = await open(t, await start(t, 'server-stats').address);
  await page.until((text) => /^\d+\.\d MB$/.test(text('rss')) && text('connections') === 1);
  await connect(t, page.sockets[0].url);
  // Every second.
  await page.until((text) => text('connections') === 2);
});

test('browser', async (t) => {
  const { elements, sockets, until } = await open(t, await start(t, 'browser').address);
  await until((text) => text('state') === 'connected');
  elements.get('text').value = 'grüße';
  elements.get('form').onsubmit({ preventDefault() {} });
  await until((text) => text('log') === '> grüße\n< grüße\n');

  sockets[0].terminate();
  await until((text) => text('state').startsWith('closed: 1006'));
  await until((text) => text('state') === 'connected');
});

test('broadcast', async (t) => {
  const example = start(t, 'broadcast.js');
  const url = `ws://${await example.address}`;
  const [sender, one, two] = [await connect(t, url), await connect(t, url), await connect(t, url)];
  sender.ws.send('hello');
  assert.deepStrictEqual([await one.next(), await two.next()], ['hello', 'hello']);
  one.ws.send('again');
  assert.deepStrictEqual([await sender.next(), await two.next()], ['again', 'again']);
  await example.line(/^5 bytes to 2 clients$/m);
});

test('heartbeat', async (t) => {
  const example = start(t, 'heartbeat.js', { env: { INTERVAL: '50' } });
  const url = `ws://${await example.address}`;
  const alive = await connect(t, url);
  const silent = await connect(t, url, { autoPong: false });
  const [code] = await once(silent.ws, 'close');
  assert.strictEqual(code, 1006);
  await example.line(/^closed: 1006$/m);
  await once(alive.ws, 'ping');
  assert.strictEqual(alive.ws.readyState, WebSocket.OPEN);
});

test('ssl', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bowsprit-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(directory, name));
  // As the example says.
  const command = fs
    .readFileSync(path.join(EXAMPLES, 'ssl.js'), 'utf8')
    .match(/openssl (req [^]*?)\n\/\/ {3}node/)[1]
    .replace(/\\\n\/\//g, '');
  execFileSync('openssl', command.trim().split(/\s+/), { cwd: directory, stdio: 'ignore' });

  const example = start(t, 'ssl.js', { args: [cert, key] });
  const ended = once(example.child, 'exit');
  await example.line(/^the server has received: a secret$/m);
  await example.line(/^the client has closed: 1005$/m);
  assert.deepStrictEqual(await ended, [0, null]);
});

test('express-session', async (t) => {
  const host = await start(t, 'express-session').address;
  const { elements, sockets, until } = await open(t, host);
  const click = (id) => elements.get(id).onclick();

  click('send');
  await until((text) => text('log') === 'connect first\n');
  await click('login');
  await until((text) => /\/login: 200 {"user":"[-\w]{36}"}\n/.test(text('log')));

  // What a browser does by itself: the cookie and the origin.
  const cookie = await login(host);
  const url = `ws://${host}`;
  const [one, two] = [
    await connect(t, url, { headers: { cookie }, origin: `http://${host}` }),
    await connect(t, url, { headers: { cookie }, origin: `http://${host}` })
  ];
  one.ws.send('hello');
  assert.match(await one.next(), /^[-\w]{36} says: hello$/);

  for (const [options, status] of [
    [{ origin: `http://${host}` }, 401],
    [{ headers: { cookie } }, 403],
    [{ headers: { cookie }, origin: 'http://elsewhere.example' }, 403]
  ]) {
    const ws = new WebSocket(url, options);
    const [err] = await once(ws, 'error');
    assert.strictEqual(err.message, `Unexpected server response: ${status}`);
  }

  // The page's own attempt has no cookie here.
  click('connect');
  await until((text) => text('log').includes('cannot connect: log in first\nclosed: 1006'));
  assert.strictEqual(sockets.length, 1);

  const closed = Promise.all([once(one.ws, 'close'), once(two.ws, 'close')]);
  await fetch(`http://${host}/logout`, { method: 'DELETE', headers: { cookie } });
  for (const [code, reason] of await closed) {
    assert.deepStrictEqual([code, reason.toString()], [4001, 'logged out']);
  }
});

async function login(host) {
  const response = await fetch(`http://${host}/login`, { method: 'POST' });
  return response.headers.get('set-cookie').split(';')[0];
}

test('each example has a test, and the list has each', () => {
  const list = fs.readFileSync(path.join(EXAMPLES, 'README.md'), 'utf8');
  const tests = fs.readFileSync(__filename, 'utf8');

  for (const name of fs.readdirSync(EXAMPLES).filter((name) => name !== 'README.md')) {
    assert.ok(list.includes(`[${name}](`), name);
    assert.ok(tests.includes(`\ntest('${path.basename(name, '.js')}', `), name);
  }
});
