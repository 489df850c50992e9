// The command line, as a server and as a client, on a terminal and with pipes.
'use strict';

const { spawn } = require('child_process');
const path = require('path');

const { assert, freePort, load, once, run, until, within } = require('./program');

const WebSocket = load('ws');

const WSCAT = path.join(process.cwd(), 'node_modules/wscat/bin/wscat');

/** An argument as a shell takes it for one. */
const quote = (arg) => `'${arg.replaceAll("'", "'\\''")}'`;

/** Starts wscat; with `terminal`, on one that `script` makes. */
function start(args, { terminal = false } = {}) {
  const command = [process.execPath, WSCAT, ...args];
  const child = terminal
    ? spawn('script', ['-qefc', command.map(quote).join(' '), '/dev/null'])
    : spawn(command[0], command.slice(1));
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => (output.text += data));
  }
  const shows = (text) =>
    until(`wscat shows ${text}`, () => output.text.includes(text)).catch((err) => {
      throw new Error(`${err.message}; it shows ${JSON.stringify(output.text)}`);
    });
  const type = (text) => child.stdin.write(text);
  return { child, exited: once(child, 'exit'), shows, type };
}

async function server(options) {
  const wss = new WebSocket.Server({ host: '127.0.0.1', port: 0, ...options });
  await once(wss, 'listening');
  return { url: `ws://127.0.0.1:${wss.address().port}`, wss };
}

async function onTerminal() {
  const port = await freePort();
  const one = start(['--listen', String(port), '--no-color'], { terminal: true });
  await one.shows('Listening on port');
  const two = start(['--connect', `127.0.0.1:${port}`, '--no-color', '--slash', '-P'], {
    terminal: true
  });
  await Promise.all([one.shows('Client connected'), two.shows('Connected (press CTRL+C')]);
  two.type('from the client ü\r');
  await one.shows('< from the client ü');
  one.type('from the server\r');
  await two.shows('< from the server');
  two.type('/ping abc\r');
  await two.shows('Received pong (data: "abc")');
  two.type('/close 4003 enough\r');
  await one.shows('Disconnected (code: 4003, reason: "enough")');
  await within('the end of the client', two.exited);
  one.type('\x04');
  await within('the end of the server', one.exited);
}

async function withPipes() {
  const { url, wss } = await server({ handleProtocols: () => 'chat', perMessageDeflate: true });
  const requests = [];
  wss.on('connection', (ws, { headers }) => {
    requests.push(headers);
    ws.on('message', (data) => ws.send(data.toString()));
  });
  const headers = ['-H', 'X-Test: 1', '--auth', 'me:secret', '-o', 'http://o'];
  const commands = ['-x', 'one', '-x', 'z'.repeat(5000), '-w', '1'];
  const executed = start(['-c', url, '-s', 'chat', ...headers, ...commands]);
  await executed.shows('one');
  await executed.shows('z'.repeat(5000));
  assert.deepStrictEqual((await within('an end', executed.exited))[0], 0);
  assert.strictEqual(requests[0]['x-test'], '1');
  assert.strictEqual(requests[0].authorization, `Basic ${btoa('me:secret')}`);
  assert.strictEqual(requests[0].origin, 'http://o');

  const piped = start(['-c', url, '-s', 'chat']);
  await until('a second connection', () => requests.length === 2);
  piped.type('a line\n');
  await piped.shows('a line');
  piped.child.stdin.end();
  assert.deepStrictEqual((await within('an end', piped.exited))[0], 0);
  wss.close();
}

async function errors() {
  const { url, wss } = await server({ verifyClient: () => false });
  const refused = start(['-c', url]);
  await refused.shows('error: Unexpected server response: 401');
  assert.strictEqual((await within('an end', refused.exited))[0], 255);
  wss.close();
  const nobody = start(['-c', `127.0.0.1:${await freePort()}`]);
  await nobody.shows('ECONNREFUSED');
  await within('an end', nobody.exited);
}

async function main() {
  await onTerminal();
  await withPipes();
  await errors();
}

run(main);
