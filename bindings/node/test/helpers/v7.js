// The same scripts for `ws` 7 and for `v7`.
'use strict';

const assert = require('assert');
const { ClientRequest, IncomingMessage } = require('http');

const ours = require('../../v7');
const theirs = require('ws7');
const { describeError, describeWire, digest } = require('./trace');
const { Pipe, settle } = require('./pipe');

/** Compression is not exported by `ws` 7. */
const LIBRARIES = [
  {
    name: 'bowsprit/v7',
    WebSocket: ours,
    makeDeflate: (options, isServer, maxPayload) =>
      new (require('../../lib/deflate'))({ ...options, isServer, maxPayload }),
    parse: require('../../lib/extension').parse
  },
  {
    name: 'ws 7',
    WebSocket: theirs,
    makeDeflate: (options, isServer, maxPayload) =>
      new (require('ws7/lib/permessage-deflate'))(options, isServer, maxPayload),
    parse: require('ws7/lib/extension').parse
  }
];

/** A socket in memory that has what `ws` 7 calls. */
class Socket extends Pipe {
  setTimeout() {}

  setNoDelay() {}
}

/** Anything as something that can be compared. */
function plain(value) {
  if (Buffer.isBuffer(value)) return `Buffer ${digest(value)}`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${digest(Buffer.from(value))}`;
  if (value instanceof Error) return describeError(value);
  if (value instanceof IncomingMessage) return `message ${value.statusCode}`;
  if (value instanceof ClientRequest) return `request ${value.path}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'string' && value.length > 200) return `text ${digest(Buffer.from(value))}`;
  return value;
}

/** Records all events with all their arguments, also those that nobody listens to. */
function record(emitter, trace, name = 'ws') {
  const { emit } = emitter;
  emitter.emit = function (event, ...args) {
    if (!/Listener$/.test(event)) trace.push([name, event, ...args.map(plain)]);
    return emit.call(this, event, ...args);
  };
  // It must not end the process.
  emitter.on('error', () => {});
}

const LIMITS = {
  maxBufferedChunks: 256 * 1024,
  maxFragments: 16 * 1024,
  maxPayload: 100 * 1024 * 1024
};

/** A connection of a library on a socket in memory, on which the handshake is done. */
function connect(library, { isServer = true, binaryType, offer, deflate, ...rest } = {}) {
  const limits = { ...LIMITS, ...rest };
  const ws = new library.WebSocket(null, undefined, { maxPendingAutoPongs: 60, ...rest });
  const pipe = new Socket();
  const trace = [];

  ws._isServer = isServer;
  if (binaryType) ws.binaryType = binaryType;

  if (offer) {
    const agreed = library.makeDeflate(deflate, isServer, limits.maxPayload);
    agreed.accept(library.parse(offer)['permessage-deflate']);
    ws._extensions = { 'permessage-deflate': agreed };
  }

  record(ws, trace);
  ws.setSocket(
    pipe,
    Buffer.alloc(0),
    limits.maxPayload,
    limits.maxBufferedChunks,
    limits.maxFragments
  );
  record(ws._receiver, trace, 'receiver');
  return { library, pipe, trace, ws };
}

/** Events of the receiver that are those of any stream. */
const isOfStream = ([name, event]) =>
  name === 'receiver' && /^(close|finish|drain|prefinish)$/.test(event);

async function finish({ pipe, trace, ws }, turns) {
  await settle(turns);
  const before = ws.readyState;
  pipe.push(null);
  await settle();
  if (ws.readyState !== 3) pipe.destroy();
  await settle();
  return {
    before,
    ended: pipe.ended,
    extensions: ws.extensions,
    state: ws.readyState,
    trace: trace.filter((entry) => !isOfStream(entry)),
    wire: describeWire(pipe.bytes)
  };
}

/** Runs a script with both, and compares all that there is to see. */
async function compare(script, options, turns) {
  const results = [];

  for (const library of LIBRARIES) {
    const connection = connect(library, options);
    await script(connection);
    results.push(await finish(connection, turns));
  }

  assert.deepStrictEqual(results[0], results[1]);
  return results[0];
}

module.exports = { LIBRARIES, compare, connect, ours, plain, record, theirs };
