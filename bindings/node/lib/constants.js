'use strict';

const native = require('./native');

/** Numbers and names of the protocol. */
const protocol = JSON.parse(native.constants());

module.exports = {
  protocol,
  EMPTY: Buffer.alloc(0),
  FastBuffer: Buffer[Symbol.species],
  NOOP: () => {},
  // What every connection would have an empty list of its own for; nobody adds to it.
  NONE: Object.freeze([]),
  CONNECTING: 0,
  OPEN: 1,
  CLOSING: 2,
  CLOSED: 3,
  STATES: ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'],
  BINARY_TYPES: ['nodebuffer', 'arraybuffer', 'fragments', 'blob'],
  DEFLATE: protocol.DEFLATE,
  VERSIONS: Object.keys(protocol.ORIGIN_HEADERS).map(Number),
  DEFAULTS: {
    allowSynchronousEvents: true,
    autoPong: true,
    closeTimeout: 30_000,
    maxBufferedChunks: 256 * 1024,
    maxFragments: 16 * 1024,
    maxPayload: 100 * 1024 * 1024,
    maxPendingAutoPongs: 60,
    skipUTF8Validation: false
  },
  kOwned: Symbol('owned'),
  kServer: Symbol('server'),
  kStatusCode: Symbol('status-code'),
  kWebSocket: Symbol('websocket')
};
