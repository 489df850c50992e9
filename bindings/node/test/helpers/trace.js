// What a connection does, as a list that can be compared.
'use strict';

const { createHash } = require('crypto');

const { parseFrames } = require('./frames');
const { Pipe, settle } = require('./pipe');

/** Bytes as text; of many, only what tells them apart. */
function digest(bytes) {
  const text = bytes.toString('hex');
  if (text.length <= 400) return text;
  return `${text.slice(0, 200)}… ${bytes.length} ${createHash('sha1').update(bytes).digest('hex')}`;
}

const hex = (data) =>
  Array.isArray(data)
    ? data.map(hex)
    : data instanceof ArrayBuffer
      ? `arraybuffer ${digest(Buffer.from(data))}`
      : Buffer.isBuffer(data)
        ? digest(data)
        : `${data?.constructor?.name}`;

const describeError = (err) => [err.constructor.name, err.message, err.code];

/** What was sent: frames, and bytes that are none. */
function describeWire(bytes) {
  try {
    return parseFrames(bytes).map(({ first, masked, payload }) => [
      first.toString(16),
      masked,
      digest(payload)
    ]);
  } catch {
    return digest(bytes);
  }
}

/** Records the events of a connection. */
function record(ws, trace) {
  ws.on('message', (data, isBinary) => trace.push(['message', hex(data), isBinary]));
  ws.on('ping', (data) => trace.push(['ping', hex(data)]));
  ws.on('pong', (data) => trace.push(['pong', hex(data)]));
  ws.on('error', (err) => trace.push(['error', ...describeError(err)]));
  ws.on('close', (code, reason) => trace.push(['close', code, hex(reason)]));
}

const DEFAULTS = {
  allowSynchronousEvents: true,
  autoPong: true,
  closeTimeout: 30_000,
  maxBufferedChunks: 256 * 1024,
  maxFragments: 16 * 1024,
  maxPayload: 100 * 1024 * 1024,
  maxPendingAutoPongs: 60,
  skipUTF8Validation: false
};

/**
 * A connection of a library on a pipe, on which the handshake is done.
 *
 * @param {Function} WebSocket The class
 * @param {Object} [options] Those of a server or client; `isServer`, `params` of compression
 * @return {{ws, pipe, trace}}
 */
function connect(WebSocket, options = {}) {
  const { isServer = true, offer, ...rest } = options;
  const settings = { ...DEFAULTS, ...rest };
  const ws = new WebSocket(null, undefined, settings);
  const pipe = new Pipe();
  const trace = [];

  ws._isServer = isServer;
  if (rest.binaryType) ws.binaryType = rest.binaryType;
  if (offer) ws._extensions = agree(WebSocket, isServer, offer, settings);
  record(ws, trace);
  ws.setSocket(pipe, Buffer.alloc(0), {
    ...settings,
    generateMask: (buffer) => buffer.fill(7)
  });
  return { pipe, trace, ws };
}

function agree(WebSocket, isServer, offer, settings) {
  const { PerMessageDeflate, extension } = WebSocket;
  const deflate = new PerMessageDeflate({
    ...settings.perMessageDeflate,
    isServer,
    maxPayload: settings.maxPayload
  });
  deflate.accept(extension.parse(offer)['permessage-deflate']);
  return { 'permessage-deflate': deflate };
}

/** Ends a connection, and returns all that there was to see. */
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
    trace,
    wire: describeWire(pipe.bytes),
    state: ws.readyState
  };
}

module.exports = { connect, describeError, describeWire, digest, finish, hex, record };
