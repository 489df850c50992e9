'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const ts = require('typescript');

const WebSocket = require('..');

const PACKAGE = path.join(__dirname, '..');
const read = (name) => fs.readFileSync(path.join(PACKAGE, name), 'utf8');
const api = read('docs/api.md');

/** The names in some text: those in headings and in code, and events in quotation marks. */
function namesIn(text) {
  const prose = text.replace(/^```[^]*?^```$/gm, '');
  const parts = [/^#+ (.+)$/gm, /`([^`]+)`/g, /('[\w-]+')/g].flatMap((pattern) =>
    [...prose.matchAll(pattern)].map(([, part]) => part)
  );
  return new Set(parts.flatMap((part) => part.match(/[A-Za-z_$][\w$-]*/g) ?? []));
}

/** The part under a heading, up to the next one that is not below it. */
function section(heading) {
  const start = api.search(new RegExp(`^#+ ${heading}`, 'm'));
  assert.notStrictEqual(start, -1, `there is no heading "${heading}"`);
  const [level] = api.slice(start).match(/^#+/);
  const rest = api.slice(start + level.length);
  const end = rest.search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return end === -1 ? rest : rest.slice(0, end);
}

/** Asserts that a section has all of these names. */
function assertDocumented(names, text, where) {
  const documented = namesIn(text);
  const missing = [...new Set(names)].filter((name) => !documented.has(name));
  assert.deepStrictEqual(missing, [], `not documented: ${where}`);
}

/** Names by declaration: `WebSocket.close`, `ServerOptions.port`, `on: 'close'` … */
function declarations() {
  const file = ts.createSourceFile('index.d.ts', read('index.d.ts'), ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node, owner) => {
    const name = node.name && ts.isIdentifier(node.name) ? node.name.text : undefined;

    if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) {
      found.push({ owner: '', name });
      ts.forEachChild(node, (child) => visit(child, name));
    } else if (ts.isTypeAliasDeclaration(node)) {
      found.push({ owner: '', name });
      if (!ts.isFunctionTypeNode(node.type)) ts.forEachChild(node, (child) => visit(child, name));
    } else if (ts.isFunctionDeclaration(node) || ts.isVariableDeclaration(node)) {
      found.push({ owner: '', name });
    } else if (ts.isMethodDeclaration(node) || ts.isPropertyDeclaration(node)) {
      found.push(memberOf(owner, name, node));
      visitOptions(node, visit);
    } else if (ts.isPropertySignature(node) || ts.isMethodSignature(node)) {
      found.push({ owner, name });
      visitOptions(node, visit);
    } else if (ts.isConstructorDeclaration(node)) {
      visitOptions(node, visit);
    } else {
      ts.forEachChild(node, (child) => visit(child, owner));
    }
  };

  visit(file, '');
  // Names that only the declarations have, and one of JavaScript.
  const internal = ['BufferLike', 'WebSocketAlias', 'valueOf'];
  return found.filter(({ name }) => name !== undefined && !internal.includes(name));
}

/** Overloads of `on` and the like stand for an event. */
function memberOf(owner, name, node) {
  const type = node.parameters?.[0]?.type;
  const event = type && ts.isLiteralTypeNode(type) ? type.literal.text : undefined;
  return event ? { owner, name: event, isEvent: true } : { owner, name };
}

/** The members of objects that a function takes. */
function visitOptions(node, visit) {
  for (const { type } of node.parameters ?? []) {
    if (type) ts.forEachChild(type, (child) => visit(child, ''));
  }
}

const all = declarations();
const of = (...owners) => all.filter(({ owner }) => owners.includes(owner));
// They come with every EventEmitter.
const INHERITED = ['on', 'once', 'off', 'addListener', 'removeListener'];
const names = (list) => list.map(({ name }) => name).filter((name) => !INHERITED.includes(name));

test('the declarations are found at all', () => {
  for (const name of ['maxFragments', 'broadcast', 'readOnly', 'sendAsync', 'wsClientError']) {
    assert.ok(all.some((one) => one.name === name), name);
  }
  assert.ok(all.length > 150, String(all.length));
});

test('every name that is declared is documented', () => {
  assertDocumented(names(all), api, 'api.md');
});

test('options, events and members are documented where they belong', () => {
  const { length } = of('WebSocket');
  assert.ok(length > 30);
  assertDocumented(names(of('ServerOptions')), section('Options of a server'), 'server options');
  assertDocumented(names(of('PerMessageDeflateOptions')), section('Compression'), 'compression');
  assertDocumented(names(of('WebSocket')), section('Class: WebSocket$'), 'WebSocket');
  assertDocumented(names(of('Server')), section('Class: WebSocketServer'), 'WebSocketServer');
  assertDocumented(names(of('Extended')), section('Additions'), 'additions');
  // Those of Node.js are documented there.
  assertDocumented(names(of('ClientOptions')), section('Class: WebSocket$'), 'client options');
});

test('what the package exports is documented', () => {
  assertDocumented(Object.keys(WebSocket), api, 'exports');
  for (const Class of [WebSocket, WebSocket.Server, WebSocket.PerMessageDeflate]) {
    const own = Object.getOwnPropertyNames(Class.prototype);
    const isPublic = (name) => name !== 'constructor' && !name.startsWith('_');
    assertDocumented(own.filter(isPublic), api, Class.name);
  }
});

test('every error code and every message of a refusal is documented', () => {
  const sources = fs
    .readdirSync(path.join(PACKAGE, 'lib'), { recursive: true })
    .filter((name) => name.endsWith('.js'))
    .map((name) => read(`lib/${name}`))
    .join('\n');
  const codes = sources.match(/\b(WS_ERR_\w+|Z_DATA_ERROR)\b/g);
  assert.ok(codes.length > 15);
  assertDocumented(codes, api, 'error codes');

  const refusals = [...read('lib/request.js').matchAll(/4\d\d,\s+'([^']+)'/g)];
  assert.ok(refusals.length > 5);
  for (const [, text] of refusals) assert.ok(section('Refusals').includes(text), text);
});

test('defaults are those of the code', () => {
  const { DEFAULTS } = require('../lib/constants');
  const text = section('Options of a server');

  for (const [name, value] of Object.entries(DEFAULTS)) {
    const [, cell] = text.match(new RegExp(`^\\| \`${name}\` \\| ([^|]*) \\|`, 'm')) ?? [];
    assert.strictEqual(cell?.replace(/`| \(.*/g, ''), String(value), name);
  }
});

/** What each item of the list of the API is called in the reference. */
const ITEMS = {
  M1: 'The module', M2: 'The module', M3: 'The module', M4: 'Types', M5: 'Environment variables',
  S1: 'new WebSocketServer\\(', S16: 'server.address', S17: 'server.close',
  S18: 'server.handleUpgrade', S19: 'server.shouldHandle', S21: 'Events of a server',
  S22: 'Refusals', C1: 'new WebSocket\\(', C2: 'URLs', C7: 'Options of a client',
  W1: 'WebSocket.CONNECTING', W3: 'websocket.binaryType', W4: 'websocket.send',
  W6: 'websocket.ping', W7: 'websocket.close', W8: 'websocket.terminate', W9: 'websocket.pause',
  W10: 'websocket.addEventListener', W11: 'websocket.onopen', W12: 'Event objects',
  W13: 'Events of a connection', W15: 'Members that other packages', X1: 'createWebSocketStream',
  X2: 'Class: Receiver', X3: 'Class: Sender', X4: 'Class: PerMessageDeflate', X5: 'extension'
};

/** Items that stand for several names. */
const GROUPS = {
  S2: ['port', 'host', 'backlog', 'callback'],
  S10: ['maxPayload', 'maxBufferedChunks', 'maxFragments', 'maxPendingAutoPongs'],
  S20: ['options', 'clients', 'completeUpgrade', '_server'],
  S23: ['headers'],
  C3: ['protocols', 'SyntaxError'],
  C5: ['origin', 'headers', 'auth', 'Authorization'],
  C9: ['skipUTF8Validation', 'autoPong', 'allowSynchronousEvents', 'closeTimeout'],
  C12: ['agent', 'createConnection', 'localAddress', 'family', 'lookup', 'signal'],
  C13: ['servername', 'rejectUnauthorized', 'checkServerIdentity', 'ca', 'cert', 'key'],
  C14: ['socketPath', 'hostname', 'protocol', 'timeout', 'method', 'host', 'path', 'port'],
  C15: ['Invalid', 'Server'],
  W2: ['readyState', 'url', 'protocol', 'extensions', 'isPaused', 'bufferedAmount'],
  W5: ['callback', 'TypeError'],
  W14: ['close']
};

test('every item of the list of the API has a heading or is an option in the reference', () => {
  const documented = namesIn(api);

  for (const line of read('test/api.tsv').trim().split('\n')) {
    const [number, what] = line.split('\t');
    const group = GROUPS[number] ?? [what];
    if (ITEMS[number]) section(ITEMS[number]);
    else assert.ok(group.every((name) => documented.has(name)), line);
  }
});
