'use strict';

const native = require('./native');
const { DEFLATE, protocol } = require('./constants');
const { receiverError } = require('./errors');
const { toBuffer } = require('./data');
const extension = require('./extension');
const Limiter = require('./limiter');

/** Longer payloads are compressed on the thread pool. */
const MAX_DIRECT_LENGTH = 16 * 1024;

/** The same for decompression. What arrives on a connection is up to the addon. */
const MAX_DIRECT_INPUT = 8 * 1024;

// What the addon returns instead of a length.
const TOO_LONG = -1;
const FAULTY = -2;
const GONE = -3;

// Rules, by the numbers of `errors.js`.
const COMPRESSION = 14;
const MESSAGE_TOO_LONG = 15;

const DEFAULT_LEVEL = 6;
const DEFAULT_MEM_LEVEL = 8;
const DEFAULT_CONCURRENCY = 10;
const DEFAULT_THRESHOLD = 1024;

const ERRORS = {
  unknown: (name) => new Error(`Unknown parameter "${name}"`),
  repeated: (name) => new Error(`Parameter "${name}" must have only a single value`),
  invalid: (name, value) => new TypeError(`Invalid value for parameter "${name}": ${value}`),
  none: () => new Error('None of the extension offers can be accepted'),
  missing: (name) => new Error(`Missing parameter "${name}"`),
  unexpected: (name) =>
    name === 'client_max_window_bits'
      ? new Error(`Unexpected or invalid parameter "${name}"`)
      : new Error(`Unexpected parameter "${name}"`)
};

let lastNegotiation = { key: '', result: null };

/** One for all connections: the first one sets how many messages are compressed at a time. */
let limiter = null;

/**
 * permessage-deflate: what to agree on, and compression under that.
 */
class PerMessageDeflate {
  /**
   * @param {Object} [options]
   * @param {(Boolean|Number)} [options.clientMaxWindowBits] How far back a client may refer
   * @param {Boolean} [options.clientNoContextTakeover] Whether it may not at all
   * @param {Number} [options.concurrencyLimit=10] How many long messages to compress at a time
   * @param {Boolean} [options.isServer=false] Which end of the connection this is
   * @param {Number} [options.maxPayload=0] How long a decompressed message may be
   * @param {(Boolean|Number)} [options.serverMaxWindowBits] How far back a server may refer
   * @param {Boolean} [options.serverNoContextTakeover] Whether it may not at all
   * @param {Number} [options.threshold=1024] From which length on messages are compressed, where
   *     they do not refer to earlier ones
   * @param {Object} [options.zlibDeflateOptions] `level`, `memLevel` and `strategy` of zlib
   */
  constructor(options = {}) {
    this._options = options;
    this._isServer = !!options.isServer;
    this._maxPayload = options.maxPayload | 0;
    this._threshold = options.threshold ?? DEFAULT_THRESHOLD;
    /** What was agreed on. */
    this.params = null;
    /** The same as the addon takes it. */
    this._agreed = null;
    this._compression = -1;
    this._decompression = -1;
    this._isClosed = false;
    /** One call of `compress` at a time uses the context. */
    this._turns = null;

    limiter ??= new Limiter(options.concurrencyLimit ?? DEFAULT_CONCURRENCY);
  }

  static get extensionName() {
    return DEFLATE;
  }

  /** What to agree on, as the addon takes it. */
  get _wanted() {
    const { _isServer: isServer, _options: options } = this;
    const takeover = (none, mayRefuse) => (none ? 0 : none === false && mayRefuse ? 2 : 1);
    const window = (bits, isUnspecified) =>
      typeof bits === 'number' ? bits : bits === false && isUnspecified ? -1 : 0;

    return [
      +isServer,
      takeover(options.serverNoContextTakeover, isServer),
      takeover(options.clientNoContextTakeover, !isServer),
      window(options.serverMaxWindowBits, isServer),
      window(options.clientMaxWindowBits, true)
    ];
  }

  /** A client's offer, as it stands in the header. */
  _offerText() {
    return native.offerDeflate(...this._wanted);
  }

  /**
   * Makes a client's offer.
   *
   * @return {Object} Values by parameter
   */
  offer() {
    return toParams(extension.parse(this._offerText())[DEFLATE][0]);
  }

  /**
   * Judges offers of a client, or the answer of a server.
   *
   * @param {Object[]} configurations Of each, lists of values by parameter
   * @return {Object} What was agreed on: values by parameter
   * @throws {Error} Nothing can be agreed on
   */
  accept(configurations) {
    const [result, ...details] = this._negotiate(configurations);

    if (result !== 'ok') throw ERRORS[result](...details);

    this._agreed = details[0];
    const params = toParams(extension.parse(this._agreed)[DEFLATE][0]);
    const accepted = configurations.find((offer) => this._negotiate([offer])[0] === 'ok');
    this.params = inOrderOf(accepted, params);
    return this.params;
  }

  _negotiate(configurations) {
    const header = extension.format({ [DEFLATE]: configurations });
    const key = `${this._wanted} ${header}`;

    // Most clients of a server offer the same. So its connections share the text of the result.
    if (key !== lastNegotiation.key) {
      const result = JSON.parse(native.negotiateDeflate(...this._wanted, header));
      lastNegotiation = { key, result };
    }

    return lastNegotiation.result;
  }

  /** Frees what compression takes. */
  cleanup() {
    this._isClosed = true;
    if (this._compression !== -1) native.closeCompression(this._compression);
    if (this._decompression !== -1) native.closeDecompression(this._decompression);
    this._compression = -1;
    this._decompression = -1;
  }

  /** Whether what is compressed here may refer to earlier messages. */
  get _takesOver() {
    return !this.params[`${this._isServer ? 'server' : 'client'}_no_context_takeover`];
  }

  /** Whether a message of this length is worth compressing. */
  _isWorth(length) {
    return this._takesOver || length >= this._threshold;
  }

  /**
   * Compresses the payload of a frame.
   *
   * @param {(Buffer|String)} data The payload
   * @param {Boolean} fin Whether it ends its message
   * @param {Function} callback Gets an error, or `null` and the compressed payload
   */
  compress(data, fin, callback) {
    const payload = toBuffer(data);

    this._inTurn((done) => {
      const finish = (compressed) => {
        done();
        if (compressed === null) callback(new Error('The compression was closed'));
        else callback(null, compressed);
      };

      if (this._isClosed || payload.length > MAX_DIRECT_LENGTH) {
        this._compressLater(payload, fin, finish);
      } else {
        const compressed = this._compressNow(payload, fin);
        setImmediate(finish, compressed);
      }
    });
  }

  /** Runs a job when those before it are done, and as many others at a time as is allowed. */
  _inTurn(job) {
    this._turns ??= new Limiter(1);
    this._turns.add((next) => {
      limiter.add((done) =>
        job(() => {
          done();
          next();
        })
      );
    });
  }

  /**
   * Compresses a payload at once.
   *
   * @param {Buffer} payload
   * @param {Boolean} fin Whether it ends its message
   * @return {Buffer}
   */
  _compressNow(payload, fin) {
    const length = native.compress(this._openCompression(), payload, +!!fin);
    return this._takeCompressed(length);
  }

  /** Compresses a payload on the thread pool; the callback gets `null` after `cleanup`. */
  _compressLater(payload, fin, callback) {
    if (this._isClosed) {
      process.nextTick(callback, null);
      return;
    }

    native.compressLater(this._openCompression(), payload, +!!fin, (length) => {
      callback(length === -1 || this._isClosed ? null : this._takeCompressed(length));
    });
  }

  _takeCompressed(length) {
    const compressed = Buffer.allocUnsafe(length);
    native.takeCompressed(this._compression, compressed);
    return compressed;
  }

  _openCompression() {
    if (this._compression === -1) {
      const { level, memLevel, strategy } = this._options.zlibDeflateOptions ?? {};
      this._compression = native.openCompression(
        this._agreed ?? DEFLATE,
        +this._isServer,
        level === undefined || level === -1 ? DEFAULT_LEVEL : level,
        memLevel ?? DEFAULT_MEM_LEVEL,
        strategy ?? 0
      );
    }

    return this._compression;
  }

  /**
   * Decompresses the payload of a frame.
   *
   * @param {Buffer} data The payload
   * @param {Boolean} fin Whether it ends its message
   * @param {Function} callback Gets an error, or `null` and the decompressed payload
   */
  decompress(data, fin, callback) {
    const payload = toBuffer(data);

    this._inTurn((done) => {
      const finish = (length) => {
        const id = this._decompression;
        let err = null;
        let decompressed;

        if (length === GONE || this._isClosed) {
          err = new Error('The decompression was closed');
        } else if (length === FAULTY) {
          err = receiverError(COMPRESSION, native.faultIn(id), protocol.INVALID_PAYLOAD);
        } else if (length === TOO_LONG) {
          err = receiverError(MESSAGE_TOO_LONG, 0, protocol.TOO_BIG);
        } else {
          decompressed = Buffer.allocUnsafe(length);
          native.takeDecompressed(id, decompressed);
        }

        done();
        if (err !== null) callback(err);
        else callback(null, decompressed);
      };

      if (this._isClosed) {
        process.nextTick(finish, GONE);
        return;
      }

      const args = [this._openDecompression(), payload, +!!fin, Math.max(this._maxPayload, 0)];
      if (payload.length > MAX_DIRECT_INPUT) native.decompressLater(...args, finish);
      else setImmediate(finish, native.decompress(...args));
    });
  }

  _openDecompression() {
    if (this._decompression === -1) {
      const agreed = this._agreed ?? DEFLATE;
      this._decompression = native.openDecompression(agreed, +this._isServer);
    }

    return this._decompression;
  }
}

/** Parameters as users see them: windows as numbers. */
function toParams(offer) {
  const params = Object.create(null);
  for (const [name, [value]] of Object.entries(offer)) params[name] = value === true ? true : +value;
  return params;
}

/** The same parameters, those of an offer first. */
function inOrderOf(offer, params) {
  const ordered = Object.create(null);

  for (const name of [...Object.keys(offer), ...Object.keys(params)]) {
    if (name in params) ordered[name] = params[name];
  }

  return ordered;
}

PerMessageDeflate.MAX_DIRECT_LENGTH = MAX_DIRECT_LENGTH;
PerMessageDeflate._limit = (job) => limiter.add(job);

module.exports = PerMessageDeflate;
