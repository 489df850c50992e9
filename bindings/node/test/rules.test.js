// Rules of the protocol are the core's: JavaScript has no numbers of its own, and the core judges any
// header fields as `ws` does.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const ours = require('..');
const theirs = require('ws');
const { accepting, answering, ask, request } = require('./helpers/raw');
const { random } = require('./helpers/random');

const LIBRARIES = [ours, theirs];
const ROUNDS = Number(process.env.ROUNDS ?? 120);
const SEED = Number(process.env.SEED ?? 15);

/** Close codes, lengths of control frames and of keys, bits of a header, the GUID, and versions. */
const NUMBERS = /\b(10(0[0-9]|1[0-5])|12[3567]|0x[48]0|258EAFA5|13)\b/;

test('no number of the protocol is written in JavaScript', () => {
  const directory = path.join(__dirname, '../lib');
  // Those are numbers of the addon's own.
  const names = fs
    .readdirSync(directory, { recursive: true })
    .filter((name) => name.endsWith('.js') && name !== 'records.js');
  const lines = names.flatMap((name) =>
    fs
      .readFileSync(path.join(directory, name), 'utf8')
      .split('\n')
      .map((line) => `${name}: ${line}`)
  );
  assert.ok(lines.length > 1000);
  assert.deepStrictEqual(
    lines.filter((line) => NUMBERS.test(line) && !/^\S+ *(\/\/|\*|\/\*\*)/.test(line)),
    // The texts of errors by the addon's numbers.
    ['errors.js:   13: [Error, () => `${INVALID}invalid UTF-8 sequence`, \'WS_ERR_INVALID_UTF8\'],']
  );
});

const EXTENSIONS = [
  undefined,
  '',
  '=',
  'other',
  'permessage-deflate',
  'permessage-deflate,',
  ' permessage-deflate ; client_no_context_takeover',
  'permessage-deflate; client_max_window_bits=9',
  'permessage-deflate; server_max_window_bits="12"',
  'permessage-deflate; server_no_context_takeover=1',
  'permessage-deflate; a; a',
  'permessage-deflate, permessage-deflate; b',
  'permessage-deflate, other, permessage-deflate',
  'Permessage-Deflate',
  'p\u00e9rmessage-deflate'
];
const PROTOCOLS = [undefined, 'a', '', 'a', 'b', 'A', 'a, b', 'a,', ',a', 'a b', '\u00e9', 'b,a,b'];

const RESPONSE = {
  Upgrade: ['websocket', 'WebSocket', 'websocket, other', 'other', '', undefined],
  Connection: ['Upgrade', 'upgrade', 'keep-alive, Upgrade', 'close', undefined],
  'Sec-WebSocket-Accept': ['right', 'wrong', '', undefined],
  'Sec-WebSocket-Protocol': PROTOCOLS,
  'Sec-WebSocket-Extensions': EXTENSIONS
};
const ASKED = [[], 'a', ['a', 'b'], ['b', 'a', 'c']];
const DEFLATE = [true, true, false, { clientMaxWindowBits: 10 }, { clientNoContextTakeover: true }];

/** One of each list, mostly its first. */
const pickAll = ({ below, pick }, lists) =>
  Object.fromEntries(
    Object.entries(lists).map(([name, list]) => [name, below(10) < 6 ? list[0] : pick(list)])
  );

/** What a client makes of an answer. */
async function outcome({ WebSocket }, fields, protocols, perMessageDeflate) {
  const { 'Sec-WebSocket-Accept': accept, ...rest } = fields;
  const { port, server } = await answering((socket, { key }) => {
    socket.unref();
    socket.write(accepting(key, accept === 'right' ? rest : fields), 'latin1');
  });
  server.unref();
  const ws = new WebSocket(`ws://127.0.0.1:${port}`, protocols, { perMessageDeflate });
  const result = await new Promise((resolve) => {
    ws.on('open', () => resolve('open'));
    ws.on('error', (err) => resolve(`${err.constructor.name} ${err.message} ${err.code}`));
  });
  ws.terminate();
  server.close();
  return [result, ws.protocol, ws.extensions];
}

test('any answer of a server is judged as by ws', async () => {
  const numbers = random(SEED);
  const { pick } = numbers;
  const outcomes = new Set();

  for (let round = 0; round < ROUNDS; round++) {
    const fields = pickAll(numbers, RESPONSE);
    const [protocols, deflate] = [pick(ASKED), pick(DEFLATE)];
    const [seen, expected] = await Promise.all(
      LIBRARIES.map((library) => outcome(library, fields, protocols, deflate))
    );
    assert.deepStrictEqual(seen, expected, JSON.stringify({ deflate, fields, protocols, round }));
    outcomes.add(seen.join());
  }

  assert.ok(outcomes.size > 8, [...outcomes].join('\n'));
});

const REQUEST = {
  Upgrade: ['websocket', 'WebSocket', 'websocket, other', 'other', '', undefined],
  'Sec-WebSocket-Key': [
    'dGhlIHNhbXBsZSBub25jZQ==',
    'AQIDBAUGBwgJCgsMDQ4PEC==',
    'dGhlIHNhbXBsZSBub25jZQ',
    'short',
    '',
    undefined
  ],
  'Sec-WebSocket-Version': ['13', '8', '7', '14', '', 'x', undefined],
  'Sec-WebSocket-Protocol': PROTOCOLS,
  'Sec-WebSocket-Extensions': EXTENSIONS,
  'Content-Length': [undefined, '0']
};
const METHODS = ['GET', 'GET', 'GET', 'GET', 'GET', 'POST'];

test('any request of a client is answered as by ws', async () => {
  const numbers = random(SEED);
  const options = { host: '127.0.0.1', perMessageDeflate: true, port: 0 };
  const servers = LIBRARIES.map(({ WebSocketServer }) => new WebSocketServer(options));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const answers = new Set();

  for (let round = 0; round < ROUNDS; round++) {
    const fields = pickAll(numbers, REQUEST);
    const bytes = Buffer.from(request(fields, { method: numbers.pick(METHODS) }), 'latin1');
    const [seen, expected] = await Promise.all(
      servers.map((server) => ask(server.address().port, bytes, { untilEnd: false }))
    );
    assert.strictEqual(seen, expected, JSON.stringify({ fields, round }));
    answers.add(seen);
  }

  assert.ok(answers.size > 8, [...answers].join('\n'));
  for (const server of servers) {
    for (const ws of server.clients) ws.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
});

test('subprotocols to ask for are judged as by ws', () => {
  const lists = [
    [''], ['a b'], ['a', 'a'], ['a,b'], ['a\0b'], ['\0'], [' a'], ['\u00e9'], [1], [null],
    ['a', undefined], [['a']], ['(a)'], ['a', 'b', 'a'], ''
  ];

  for (const list of lists) {
    const errors = LIBRARIES.map(({ WebSocket }) => {
      try {
        new WebSocket('ws://127.0.0.1:1', list).on('error', () => {});
        return null;
      } catch (err) {
        return [err.constructor.name, err.message];
      }
    });
    assert.deepStrictEqual(errors[0], errors[1], JSON.stringify(list));
    assert.notStrictEqual(errors[0], null, JSON.stringify(list));
  }
});

test('an upgrade request with a body is refused', async () => {
  const server = new ours.WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  for (const fields of [{ 'Content-Length': '1' }, { 'Transfer-Encoding': 'chunked' }]) {
    const answer = await ask(server.address().port, request(fields, { body: 'x' }));
    assert.match(answer, /^HTTP\/1.1 400 .*A request to upgrade must not have a body$/s);
  }
  await new Promise((resolve) => server.close(resolve));
});
