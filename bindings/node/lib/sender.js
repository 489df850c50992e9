'use strict';

const native = require('./native');
const { DEFLATE, EMPTY, NONE, NOOP, protocol } = require('./constants');
const { generatedKey, randomKey } = require('./mask');
const { isBlob, toBuffer } = require('./data');
const Outbox = require('./outbox');
const PerMessageDeflate = require('./deflate');

const { MAX_COPIED_LENGTH } = Outbox;

// Heads of whole messages and of control frames, and what may be added to a head.
const { BINARY, CLOSE, COMPRESSED_BINARY, COMPRESSED_TEXT, PING, PONG, TEXT } = protocol;
const { FIN, MASKED, RSV1 } = protocol;

const { MAX_CONTROL_LENGTH, MAX_HEADER_LENGTH, MAX_REASON_LENGTH } = protocol;
const CODE_LENGTH = MAX_CONTROL_LENGTH - MAX_REASON_LENGTH;

// What the addon's `checkClose` returns.
const WRONG_CODE = 1;
const REASON_TOO_LONG = 2;

/** Strings up to this length take at most `MAX_COPIED_LENGTH` bytes. */
const MAX_COPIED_TEXT = Math.floor(MAX_COPIED_LENGTH / 3);

/**
 * Turns messages into frames, and writes them to a socket in the order of the calls.
 */
class Sender {
  /**
   * @param {stream.Duplex} socket The socket to write to
   * @param {Object} [extensions] The extensions that were agreed on
   * @param {Function} [generateMask] Puts a masking key into a Buffer
   */
  constructor(socket, extensions, generateMask) {
    this._socket = socket;
    this._extensions = extensions || {};
    this._deflate = this._extensions[DEFLATE] || null;
    this._generateMask = generateMask;
    this._outbox = new Outbox(socket);
    /** Bytes that wait in the queue. */
    this._bufferedBytes = 0;
    /** What waits for a Blob to be read or a message to be compressed. */
    this._queue = NONE;
    this._busy = false;
    /** The addon's number for the fragmented message that is under way. */
    this._fragmented = -1;
    /** Whether the message that is under way is compressed. */
    this._compress = false;
    this.onerror = NOOP;
  }

  /**
   * Makes a frame without sending it.
   *
   * @param {Buffer|String} data The payload
   * @param {Object} options
   * @param {Boolean} [options.fin=false] Whether this is the last frame of its message
   * @param {Function} [options.generateMask] Puts a masking key into a Buffer
   * @param {Boolean} [options.mask=false] Whether the payload is masked
   * @param {Buffer} [options.maskBuffer] Where `generateMask` puts the key
   * @param {Number} options.opcode What kind of frame
   * @param {Boolean} [options.readOnly=false] Without effect: `data` is never changed
   * @param {Boolean} [options.rsv1=false] Whether the payload is compressed
   * @return {Buffer[]} The frame, in one or two parts
   */
  static frame(data, options) {
    const payload = typeof data === 'string' ? Buffer.from(data) : toBuffer(data);
    const flags =
      options.opcode | (options.fin ? FIN : 0) | (options.rsv1 ? RSV1 : 0);

    if (options.mask) {
      const key = options.generateMask
        ? generatedKey(options.generateMask, options.maskBuffer)
        : randomKey();
      return [maskedFrame(flags | MASKED, key, payload)];
    }

    return unmaskedFrame(flags, payload);
  }

  /** Makes the frame of a server's message. */
  static _message(payload, binary) {
    return unmaskedFrame(binary ? BINARY : TEXT, payload);
  }

  /**
   * Sends a close frame.
   *
   * @param {Number} [code] Why
   * @param {String|Buffer} [data] More about it
   * @param {Boolean} [mask=false] Whether the frame is masked
   * @param {Function} [callback] Called when it is written
   */
  close(code, data, mask, callback) {
    const reason = data === undefined ? EMPTY : toBuffer(data);
    const key = this._key(mask);
    const head = CLOSE | (mask ? MASKED : 0);

    if (code !== undefined) checkClose(code, reason);

    this._enqueue(reason.length + CODE_LENGTH, callback, () => {
      if (code === undefined) this._outbox.addFrame(head, key, EMPTY);
      else this._outbox.addCloseFrame(head, key, code, reason);
      this._outbox.schedule(callback);
    });
  }

  /**
   * Sends a ping.
   *
   * @param {*} data Its payload
   * @param {Boolean} [mask=false] Whether the frame is masked
   * @param {Function} [callback] Called when it is written
   */
  ping(data, mask, callback) {
    this._control(PING, data, mask, callback);
  }

  /**
   * Sends a pong.
   *
   * @param {*} data Its payload
   * @param {Boolean} [mask=false] Whether the frame is masked
   * @param {Function} [callback] Called when it is written
   */
  pong(data, mask, callback) {
    this._control(PONG, data, mask, callback);
  }

  /**
   * Sends a message, or a fragment of one.
   *
   * @param {*} data Its payload
   * @param {Object} options
   * @param {Boolean} [options.binary=false] Whether it is binary
   * @param {Boolean} [options.compress=false] Whether it is compressed
   * @param {Boolean} [options.fin=false] Whether this is the last fragment
   * @param {Boolean} [options.mask=false] Whether the frame is masked
   * @param {Function} [callback] Called when it is written
   */
  send(data, options, callback) {
    const { binary, compress, fin, mask } = options;

    if (this._isPlain(compress) && fin && this._fragmented === -1) {
      this.sendWhole(data, binary, mask, callback);
      return;
    }

    this._sendAny(data, { binary, compress, fin, mask }, callback);
  }

  /** How many bytes have not been handed to the kernel. */
  get _waitingLength() {
    return this._socket._writableState.length + this._outbox.length + this._bufferedBytes;
  }

  /** Whether a message may leave as a frame that was made for several connections. */
  takesFrames() {
    return !this._busy && this._deflate === null && this._fragmented === -1;
  }

  /** Sends a frame that was made for several connections, and that nobody changes. */
  sendShared(frame) {
    this._outbox.addShared(frame);
  }

  /** Whether a message leaves at once, as it is. */
  _isPlain(compress) {
    return !this._busy && (this._deflate === null || !compress);
  }

  /** Sends a message in one frame, when nothing waits. */
  sendWhole(data, binary, mask, callback) {
    const head = (binary ? BINARY : TEXT) | (mask ? MASKED : 0);

    if (typeof data === 'string') {
      if (data.length <= MAX_COPIED_TEXT || Buffer.byteLength(data) <= MAX_COPIED_LENGTH) {
        this._outbox.addTextFrame(head, this._key(mask), data);
        this._outbox.schedule(callback);
      } else {
        this._outbox.addBytes([textFrame(head, this._key(mask), data)], callback);
      }

      return;
    } else if (isBlob(data)) {
      this._sendAny(data, { binary, compress: false, fin: true, mask }, callback);
      return;
    } else {
      data = toBuffer(data);
    }

    this._sendPayload(head, data, callback);
  }

  _sendPayload(head, payload, callback) {
    const key = this._key(head & MASKED);

    if (payload.length <= MAX_COPIED_LENGTH) {
      this._outbox.addFrame(head, key, payload);
      this._outbox.schedule(callback);
    } else if (head & MASKED) {
      this._outbox.addBytes([maskedFrame(head, key, payload)], callback);
    } else {
      const header = Buffer.allocUnsafe(MAX_HEADER_LENGTH);
      const end = native.frameHeader(header, 0, head, 0, payload.length);
      this._outbox.addBytes([header.subarray(0, end), payload], callback);
    }
  }

  /** Sends what may be a fragment, compressed, or a Blob. */
  _sendAny(data, options, callback) {
    if (isBlob(data)) {
      this._enqueue(data.size, callback, () =>
        this._readBlob(data, callback, (bytes) => this._dispatch(bytes, options, callback))
      );
      return;
    }

    const payload = typeof data === 'string' ? Buffer.from(data) : toBuffer(data);
    this._enqueue(payload.length, callback, () => this._dispatch(payload, options, callback));
  }

  /** Whether a message of this length is worth compressing. */
  _isWorth(length) {
    return this._deflate._isWorth(length);
  }

  _dispatch(payload, options, callback) {
    const { binary, fin, mask } = options;
    const isFirst = this._fragmented === -1;

    if (isFirst) {
      this._compress =
        !!options.compress && this._deflate !== null && this._isWorth(payload.length);
    }

    const flags = (mask ? MASKED : 0) | this._head(binary, fin, this._compress, isFirst);

    if (!this._compress) {
      this._sendPayload(flags, payload, callback);
    } else if (payload.length <= PerMessageDeflate.MAX_DIRECT_LENGTH) {
      this._outbox.hold();
      const compressed = this._deflate._compressNow(payload, fin);
      this._sendShorter(flags, payload, payload.length, compressed, callback);
    } else {
      this._compressLater(flags, payload, fin, callback);
    }
  }

  /**
   * Sends a compressed payload. A message in one frame that has not become shorter goes out as it
   * is, unless later ones may refer to it.
   *
   * @param {Number} length That of the payload before it was compressed: memory may be transferred
   */
  _sendShorter(head, payload, length, compressed, callback) {
    const isWhole = (head & RSV1) !== 0 && (head & FIN) !== 0;
    const isLonger = compressed.length >= length && payload.length === length;

    if (isWhole && isLonger && !this._deflate._takesOver) {
      this._sendPayload(head & ~RSV1, payload, callback);
    } else {
      this._sendPayload(head, compressed, callback);
    }
  }

  /** The head of a frame, without its mask. */
  _head(binary, fin, compress, isFirst) {
    if (fin && isFirst) {
      if (compress) return binary ? COMPRESSED_BINARY : COMPRESSED_TEXT;
      return binary ? BINARY : TEXT;
    }

    if (isFirst) this._fragmented = native.openSender();
    const head = native.nextFragment(this._fragmented, +!!binary, +!!fin, +compress);
    if (fin) this._endFragments();
    return head;
  }

  /** Compresses a payload on the thread pool. All that is sent meanwhile waits. */
  _compressLater(head, payload, fin, callback) {
    const { length } = payload;
    this._busy = true;
    this._pile(length);

    PerMessageDeflate._limit((done) => {
      this._deflate._compressLater(payload, fin, (compressed) => {
        done();

        if (compressed === null || this._socket.destroyed) {
          const message = 'The socket was closed while data was being compressed';
          this._abandon(callback, new Error(message));
          return;
        }

        this._bufferedBytes -= length;
        this._busy = false;
        this._sendShorter(head, payload, length, compressed, callback);
        this._workOff();
      });
    });
  }

  /** Gives back what the addon keeps, when nothing will be sent any more. */
  _free() {
    if (this._fragmented !== -1) this._endFragments();
  }

  _endFragments() {
    native.closeSender(this._fragmented);
    this._fragmented = -1;
  }

  /** Reads a Blob, and calls `action` with its bytes. All that is sent meanwhile waits. */
  _readBlob(blob, callback, action) {
    this._busy = true;
    this._pile(blob.size);

    const done = (memory) => {
      if (this._socket.destroyed) {
        const err = new Error('The socket was closed while the blob was being read');
        // A callback that throws must not reject the promise.
        process.nextTick(() => this._abandon(callback, err));
        return;
      }

      this._bufferedBytes -= blob.size;
      this._busy = false;
      action(toBuffer(memory));
      this._workOff();
    };

    const failed = (err) => {
      this._abandon(callback, err);
      this.onerror(err);
    };

    blob.arrayBuffer().then(done, (err) => process.nextTick(failed, err));
  }

  /** Sends frames that were made by `frame`. */
  sendFrame(list, callback) {
    let length = 0;
    for (const bytes of list) length += bytes.length;
    this._enqueue(length, callback, () => this._outbox.addBytes(list, callback));
  }

  _control(head, data, mask, callback) {
    const isLater = isBlob(data);
    const bytes = isLater ? null : toBuffer(data);
    const length = isLater ? data.size : bytes.length;

    if (length > MAX_CONTROL_LENGTH) {
      throw new RangeError(`The data size must not be greater than ${MAX_CONTROL_LENGTH} bytes`);
    }

    const send = (payload) => {
      this._outbox.addFrame(head | (mask ? MASKED : 0), this._key(mask), payload);
      this._outbox.schedule(callback);
    };

    this._enqueue(length, callback, () => {
      if (isLater) this._readBlob(data, callback, send);
      else send(bytes);
    });
  }

  /** Does something now, or when all before it is done. */
  _enqueue(length, callback, action) {
    if (!this._busy) {
      action();
      return;
    }

    this._pile(length);
    if (this._queue === NONE) this._queue = [];
    this._queue.push({ action, callback, length });
  }

  /** Does what has waited. */
  _workOff() {
    while (!this._busy && this._queue.length > 0) {
      const { action, length } = this._queue.shift();
      this._bufferedBytes -= length;
      action();
    }

    if (!this._busy) this._outbox.endPiling();
  }

  /** Counts bytes that cannot be written yet. */
  _pile(length) {
    this._bufferedBytes += length;
    if (this._bufferedBytes > this._socket.writableHighWaterMark) this._outbox.beginPiling();
  }

  /** Tells all who wait that nothing will be sent. */
  _abandon(callback, err) {
    const waiting = this._queue;
    this._queue = NONE;
    if (typeof callback === 'function') callback(err);

    for (const { callback } of waiting) {
      if (typeof callback === 'function') callback(err);
    }
  }

  _key(mask) {
    if (!mask) return 0;
    return this._generateMask ? generatedKey(this._generateMask) : randomKey();
  }
}

/** Checks the arguments of `close`, before anything has changed. */
function checkClose(code, reason) {
  const fault = typeof code === 'number' ? native.checkClose(code, reason) : WRONG_CODE;

  if (fault === WRONG_CODE) {
    throw new TypeError('First argument must be a valid error code number');
  }

  if (fault === REASON_TOO_LONG) {
    throw new RangeError(`The message must not be greater than ${MAX_REASON_LENGTH} bytes`);
  }
}

/** A frame in one or two parts. */
function unmaskedFrame(head, payload) {
  const header = Buffer.allocUnsafe(MAX_HEADER_LENGTH);
  const end = native.frameHeader(header, 0, head, 0, payload.length);
  return payload.length === 0 ? [header.subarray(0, end)] : [header.subarray(0, end), payload];
}

function maskedFrame(head, key, payload) {
  const frame = Buffer.allocUnsafe(MAX_HEADER_LENGTH + payload.length);
  return frame.subarray(0, native.frameBytes(frame, 0, head, key, payload));
}

/** A frame with a string, which is written where it is sent from. */
function textFrame(head, key, text) {
  const length = Buffer.byteLength(text);
  // The addon wants room for a character more.
  const frame = Buffer.allocUnsafe(MAX_HEADER_LENGTH + length + 5);
  return frame.subarray(0, native.frameText(frame, 0, head, key, text, length));
}

module.exports = Sender;
