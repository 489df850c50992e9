'use strict';

const { Writable } = require('stream');

const native = require('./native');
const { DEFLATE, EMPTY, FastBuffer, kOwned } = require('./constants');
const { Pieces, join } = require('./pieces');
const { receiverError } = require('./errors');
const { isShared, toArrayBuffer } = require('./data');
const PerMessageDeflate = require('./deflate');
const {
  BINARY,
  BINARY_PIECE,
  CLOSE,
  CODE_SHIFT,
  ERROR,
  FRAME_END,
  HEADER,
  INCOMPLETE,
  INFLATED,
  KIND,
  LAST,
  LATER,
  PING,
  Records,
  STRIDE,
  TAKEN,
  TEXT,
  TEXT_PIECE
} = require('./records');

// Rules, by the numbers of `errors.js`.
const LENGTH_SIGN = 4;
const COMPRESSION = 14;
const TOO_LONG = 15;

// Instead of a number of the addon: nothing has come yet, or nothing more will.
const UNUSED = -2;
const FREED = -1;

/** Stands for what has not been handled, while a thread of the pool handles it. */
const AWAY = Object.freeze({});

// A listener may have another receiver receive: each level of nesting has an array of its own.
const arrays = [new Records()];
let depth = 0;

const registry = new FinalizationRegistry((id) => native.closeReceiver(id));

/**
 * Turns bytes into 'message', 'ping', 'pong' and 'conclude'. What is wrong with them is an 'error'.
 *
 * @extends Writable
 */
class Receiver extends Writable {
  /**
   * @param {Object} [options]
   * @param {Boolean} [options.allowSynchronousEvents=true] Whether several events may be emitted
   *     in the same turn of the event loop
   * @param {String} [options.binaryType=nodebuffer] What binary messages are handed out as
   * @param {Object} [options.extensions] The extensions that were agreed on
   * @param {Boolean} [options.isServer=false] Which end of the connection this is
   * @param {Number} [options.maxBufferedChunks=0] How many chunks an incomplete frame may come in
   * @param {Number} [options.maxFragments=0] How many fragments a message may have
   * @param {Number} [options.maxPayload=0] How long a message may be
   * @param {Boolean} [options.skipUTF8Validation=false] Whether text may be anything
   */
  constructor(options = {}) {
    super();

    this._allowSynchronousEvents = options.allowSynchronousEvents ?? true;
    this._extensions = options.extensions || {};
    this._isServer = !!options.isServer;
    this._maxBufferedChunks = options.maxBufferedChunks | 0;
    this._maxFragments = options.maxFragments | 0;
    this._maxPayload = options.maxPayload | 0;
    this._skipUTF8Validation = !!options.skipUTF8Validation;

    /** The addon's number for it. */
    this._id = UNUSED;
    // Who owns it sees to it that it is freed.
    this._isOwned = options[kOwned] === true;

    /** What has come of a message in pieces. */
    this._pieces = null;
    this._type = options.binaryType || 'nodebuffer';
    /** Chunks that the frame under way has come in. */
    this._chunks = 0;
    /** What of a chunk has not been handled, while events wait for a turn or for the pool. */
    this._rest = null;
    /** The event that waited for it may be emitted. */
    this._turnReached = false;
    /** Calls of `write` may be handled at once, without the queue of the stream. */
    this._direct = true;
    this._concluded = false;
    this._failure = null;
    /** To call when nothing waits any more. */
    this._whenIdle = null;
  }

  /** What binary messages are handed out as. */
  get _binaryType() {
    return this._type;
  }

  set _binaryType(type) {
    const changes = (type === 'fragments') !== (this._type === 'fragments');
    this._type = type;
    // On the thread pool, it is told when it comes back.
    if (changes && this._id >= 0 && this._rest !== AWAY) this._splitMessages();
  }

  _splitMessages() {
    native.splitMessages(this._id, +(this._type === 'fragments'));
  }

  /**
   * @override
   */
  write(chunk, encoding, callback) {
    if (
      !this._direct ||
      this._rest !== null ||
      encoding !== undefined ||
      callback !== undefined ||
      !(chunk instanceof Uint8Array)
    ) {
      return super.write(chunk, encoding, callback);
    }

    this._accept(chunk);
    if (this._failure !== null) this.destroy(this._failure);
    return true;
  }

  /**
   * @override
   */
  end(...args) {
    this._direct = false;
    return super.end(...args);
  }

  /**
   * @override
   */
  _write(chunk, encoding, callback) {
    if (this._rest !== null) {
      this._whenIdle = () => this._write(chunk, encoding, callback);
      return;
    }

    try {
      this._accept(chunk);
    } catch (err) {
      // Thrown from here, it would keep the stream from ever going on.
      process.nextTick(rethrow, err);
    }

    this._callWhenIdle(callback);
  }

  /**
   * @override
   */
  _final(callback) {
    this._callWhenIdle((err) => {
      this._free();
      callback(err);
    });
  }

  /**
   * @override
   */
  _destroy(err, callback) {
    this._direct = false;
    this._concluded = true;
    this._rest = null;
    this._pieces = null;
    this._free();
    callback(err);
  }

  /** Has the addon keep something, as there is something to receive. */
  _open() {
    const deflate = this._extensions[DEFLATE];
    this._id = native.openReceiver(
      +this._isServer,
      this._maxPayload,
      this._maxFragments,
      +this._skipUTF8Validation,
      deflate ? deflate._agreed : undefined
    );
    if (!this._isOwned) registry.register(this, this._id, this);
    if (this._type === 'fragments') this._splitMessages();
  }

  /** Gives back what the addon keeps. */
  _free() {
    if (this._id >= 0) {
      if (!this._isOwned) registry.unregister(this);
      native.closeReceiver(this._id);
    }

    this._id = FREED;
  }

  _callWhenIdle(callback) {
    if (this._rest !== null) this._whenIdle = () => callback(this._failure);
    else callback(this._failure);
  }

  /** Handles a new chunk. */
  _accept(chunk) {
    if (this._concluded) return;

    if (this._maxBufferedChunks > 0 && this._chunks >= this._maxBufferedChunks) {
      this._fail(receiverError('bufferedChunks'));
      return;
    }

    if (this._id === UNUSED) this._open();
    // Other threads may write to it.
    this._receive(isShared(chunk.buffer) ? Buffer.from(chunk) : chunk, 0);
  }

  /** Has the addon receive a chunk, from a position on, and emits what it finds. */
  _receive(chunk, position) {
    if (position > chunk.length) {
      this._fail(receiverError('transferred'));
      return;
    }

    if (depth === arrays.length) arrays.push(new Records());
    const { bytes, ints } = arrays[depth];
    let frames = 0;
    let count;
    depth++;

    try {
      do {
        count = native.receive(this._id, chunk, position, bytes);
        frames += count;
        position = ints[0];
        if (!this._emitAll(ints, count, chunk, position)) return;
        if ((ints[1] & LATER) !== 0) {
          this._receiveLater(chunk, position);
          return;
        }
        // What was taken out was all that could be looked at; there may be more.
      } while (count > 0 && (position < chunk.length || (ints[HEADER + STRIDE * (count - 1)] & TAKEN)));
    } finally {
      depth--;
    }

    this._chunks = (ints[1] & INCOMPLETE) === 0 ? 0 : frames > 0 ? 1 : this._chunks + 1;
  }

  /** Has a thread of the pool go on with a long compressed message. */
  _receiveLater(chunk, position) {
    this._rest = AWAY;

    PerMessageDeflate._limit((done) => {
      if (this._id === FREED) {
        done();
        return;
      }

      const { length } = chunk;
      if (position > length) {
        done();
        this._return(() => this._fail(receiverError('transferred')));
        return;
      }

      native.receiveLater(this._id, chunk, position, (used) => {
        done();
        if (this._id === FREED) return;
        const isUsedUp = position + used === length;
        this._return(() => {
          if (used === -1) this._fail(new Error('bowsprit: the addon has failed, a bug'));
          else if (isUsedUp) this._receive(EMPTY, 0);
          else this._receive(chunk, position + used);
        });
      });
    });
  }

  /** Emits the events of an array; returns whether the receiver may go on. */
  _emitAll(ints, count, chunk, position) {
    for (let i = 0; i < count; i++) {
      const at = HEADER + STRIDE * i;
      const flags = ints[at];

      try {
        if (!this._emitOne(flags, ints[at + 1], ints[at + 2], chunk)) {
          this._wait(chunk, position, ints.slice(at, HEADER + STRIDE * count));
          return false;
        }
      } catch (err) {
        // A listener has thrown. What comes after its event is not lost.
        this._wait(chunk, position, ints.slice(at + STRIDE, HEADER + STRIDE * count));
        throw err;
      }

      if (this._concluded) return false;
    }

    return true;
  }

  /** Goes on with a chunk in the next turn of the event loop. */
  _wait(chunk, position, later) {
    this._rest = { chunk, position, later };
    setImmediate(() => this._goOn());
  }

  _goOn() {
    if (this._rest === null) return;
    const { chunk, position, later } = this._rest;

    this._return(() => {
      const ints = new Int32Array(HEADER + later.length);
      ints.set(later, HEADER);
      if (this._emitAll(ints, later.length / STRIDE, chunk, position)) {
        this._receive(chunk, position);
      }
    });
  }

  /** Goes on with a chunk that has waited, in a turn of the event loop of its own. */
  _return(goOn) {
    const wasAway = this._rest === AWAY;
    this._turnReached = true;
    this._rest = null;
    if (wasAway) this._splitMessages();
    // A call of `write` in a listener has to queue behind what is left of this chunk.
    const direct = this._direct;
    this._direct = false;

    try {
      goOn();
    } finally {
      if (!this._concluded) this._direct = direct;
      if (this._rest === null) this._resumeStream();
    }
  }

  _resumeStream() {
    const callback = this._whenIdle;
    this._whenIdle = null;
    if (callback !== null) callback();
    else if (this._failure !== null) this.destroy(this._failure);
  }

  /** Emits an event; returns whether it has not to wait for a turn of the event loop. */
  _emitOne(flags, position, length, chunk) {
    const kind = flags & KIND;

    if (kind === TEXT || kind === BINARY) {
      if (!this._mayEmit(flags)) return false;
      const data = this._payload(flags, position, length, chunk);
      if (data === null) return true;
      this._emitMessage(kind === BINARY, data, data);
    } else if (kind === TEXT_PIECE || kind === BINARY_PIECE) {
      return this._addPiece(flags, position, length, chunk);
    } else if (kind === CLOSE) {
      this._conclude(flags >>> CODE_SHIFT, this._copy(flags, position, length, chunk));
    } else if (kind === ERROR) {
      this._violated(position, length, flags >>> CODE_SHIFT);
    } else {
      if (!this._mayEmit(flags)) return false;
      const name = kind === PING ? 'ping' : 'pong';
      this.emit(name, this._copy(flags, position, length, chunk));
    }

    return true;
  }

  _mayEmit(flags) {
    if (this._allowSynchronousEvents && (flags & INFLATED) === 0) return true;
    const reached = this._turnReached;
    this._turnReached = false;
    return reached;
  }

  _addPiece(flags, position, length, chunk) {
    const last = (flags & LAST) !== 0;
    if (last && !this._mayEmit(flags)) return false;
    const data = this._payload(flags, position, length, chunk);
    if (data === null) return true;
    this._pieces ??= new Pieces();
    this._pieces.add(data, (flags & FRAME_END) !== 0);

    if (last) {
      const isBinary = (flags & KIND) === BINARY_PIECE;
      const inFrames = isBinary && this._type === 'fragments';
      const pieces = inFrames ? this._pieces.frames() : this._pieces.list;
      this._pieces = null;
      this._emitMessage(isBinary, null, pieces);
    }

    return true;
  }

  /** The payload of an event: a view on its chunk, or what the addon had to put together. */
  _payload(flags, position, length, chunk) {
    if ((flags & TAKEN) !== 0) {
      const taken = Buffer.allocUnsafe(length);
      native.takePayload(this._id, taken);
      return taken;
    }

    if (position + length > chunk.length) {
      this._fail(receiverError('transferred'));
      return null;
    }

    return new FastBuffer(chunk.buffer, chunk.byteOffset + position, length);
  }

  /** The payload of a control frame, which pins no chunk. */
  _copy(flags, position, length, chunk) {
    if (length === 0) return EMPTY;
    const payload = this._payload(flags, position, length, chunk);
    return (flags & TAKEN) === 0 && payload !== null ? Buffer.from(payload) : payload || EMPTY;
  }

  /**
   * Emits a message.
   *
   * @param {Boolean} isBinary Whether it is binary
   * @param {Buffer|null} whole The message, if it came in one piece
   * @param {Buffer|Buffer[]} pieces Its pieces
   */
  _emitMessage(isBinary, whole, pieces) {
    this.emit('message', this._asType(isBinary, whole, pieces), isBinary);
  }

  /** A message as what it is to be handed out as; text is a Buffer. */
  _asType(isBinary, whole, pieces) {
    if (!isBinary || this._type === 'nodebuffer') return whole ?? join(pieces);
    if (this._type === 'arraybuffer') return toArrayBuffer(whole ?? join(pieces));
    const list = whole === null ? pieces : whole.length > 0 ? [whole] : [];
    return this._type === 'blob' ? new Blob(list) : list;
  }

  _conclude(code, reason) {
    this._concluded = true;
    this.emit('conclude', code, reason);
    this.end();
  }

  /** The peer has broken a rule, which the addon gives a number. */
  _violated(number, detail, statusCode) {
    if (number === COMPRESSION) detail = native.faultOf(this._id);
    // Without a limit, only what no number can hold is too long.
    if (number === TOO_LONG && this._maxPayload <= 0) number = LENGTH_SIGN;
    this._fail(receiverError(number, detail, statusCode));
  }

  _fail(err) {
    this._concluded = true;
    this._direct = false;
    this._failure = err;
  }
}

/** What a listener has thrown. */
function rethrow(err) {
  throw err;
}

module.exports = Receiver;
