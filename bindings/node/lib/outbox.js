// Frames on their way to a socket: all that arise in a turn leave in one write.
'use strict';

const { AsyncResource } = require('async_hooks');

const native = require('./native');
const { FastBuffer, NONE } = require('./constants');

/** Frames are written into blocks that all connections share. */
const BLOCK_LENGTH = 64 * 1024;

/** Payloads up to this length are copied into a block. */
const MAX_COPIED_LENGTH = 16 * 1024;

/** Writes up to this length are joined, when they lie in several places. */
const MAX_JOINED_LENGTH = 16 * 1024;

let block = Buffer.alloc(0);
let blockEnd = 0;

/** Outboxes with something to write at the end of this turn. */
let scheduled = [];

class Outbox {
  /**
   * @param {stream.Duplex} socket Where to write to
   */
  constructor(socket) {
    this.socket = socket;
    /** The range of the block that has been filled, and not written. */
    this.block = null;
    this.start = 0;
    this.end = 0;
    /** What goes before it. */
    this.parts = NONE;
    this.callbacks = NONE;
    this.corked = false;
    this.scheduled = false;
    /** Nothing is written before this turn of the event loop has ended. */
    this.held = false;
    /** The limit of what may wait, if there is one. */
    this.backpressure = null;
    /** Called when what has piled up was written. */
    this.onDrain = null;
    /** What has piled up is in the socket, which tells when it was written. */
    this.waitsForDrain = false;
    /** It is still to be compressed or read. */
    this.isPiling = false;
  }

  /** Holds back what is sent until the next turn, as if compression had taken a while. */
  hold() {
    if (this.held) return;
    this.held = true;
    setImmediate(() => this._release());
  }

  _release() {
    this.held = false;

    if (this.socket.destroyed) {
      const callbacks = this.callbacks;
      this.callbacks = NONE;
      this.parts = NONE;
      this.block = null;
      if (callbacks.length > 0) {
        callAll(
          callbacks,
          new Error('The socket was closed while data was being compressed')
        );
      }
      return;
    }

    this.flush();
  }

  /** How many bytes have not been written. */
  get length() {
    const length = this.block === null ? 0 : this.end - this.start;
    return this.parts.reduce((sum, part) => sum + part.length, length);
  }

  /** Adds a frame with a payload of at most `MAX_COPIED_LENGTH` bytes. */
  addFrame(head, key, payload) {
    let end = native.frameBytes(block, blockEnd, head, key, payload);

    if (end === 0) {
      renewBlock();
      end = native.frameBytes(block, blockEnd, head, key, payload);
    }

    this._extend(end);
  }

  /** The same for a string that takes no more bytes than that. */
  addTextFrame(head, key, text) {
    // A part of it would be written in vain.
    if (text.length > block.length - blockEnd) renewBlock();
    let end = native.frameText(block, blockEnd, head, key, text, text.length);

    if (end === 0) {
      renewBlock();
      end = native.frameText(block, blockEnd, head, key, text, text.length);
    }

    this._extend(end);
  }

  /** Adds a close frame; returns whether its code may be sent. */
  addCloseFrame(head, key, code, reason) {
    let end = native.frameClose(block, blockEnd, head, key, code, reason);

    if (end === 0) {
      renewBlock();
      end = native.frameClose(block, blockEnd, head, key, code, reason);
    }

    if (end === -1) return false;
    this._extend(end);
    return true;
  }

  /** Adds bytes that stay where they are, and writes everything now: their owner may change them. */
  addBytes(list, callback) {
    this._closeRange();
    for (const bytes of list) {
      if (bytes.length > 0) this._addPart(this.held ? Buffer.from(bytes) : bytes);
    }
    if (callback !== undefined) this._addCallback(callback);
    this.flush();
  }

  /** Adds a frame that nobody changes, such as one for many connections. */
  addShared(bytes) {
    this._closeRange();
    this._addPart(bytes);
    this.schedule();
  }

  /** Sees to it that everything is written when this turn ends. */
  schedule(callback) {
    if (callback !== undefined) this._addCallback(callback);
    if (this.corked || this.scheduled || this.held) return;
    this.scheduled = true;
    if (scheduled.push(this) === 1) process.nextTick(flushScheduled);
  }

  get pending() {
    return this.block !== null || this.parts.length > 0;
  }

  /** Writes everything. */
  flush() {
    if (this.held) return;

    if (this.parts.length === 0) {
      if (this.block === null) return;
      const { block, start, end } = this;
      this.block = null;
      this._write(new FastBuffer(block.buffer, block.byteOffset + start, end - start));
      return;
    }

    this._closeRange();
    const parts = this.parts;
    this.parts = NONE;
    const length = parts.reduce((sum, part) => sum + part.length, 0);

    if (length <= MAX_JOINED_LENGTH || parts.length === 1) {
      this._write(parts.length === 1 ? parts[0] : Buffer.concat(parts, length));
      return;
    }

    this.socket.cork();
    const last = parts.pop();
    for (const part of parts) this.socket.write(part);
    this._write(last);
    this.socket.uncork();
  }

  /** Writes everything, also what is held back. */
  flushHeld() {
    this.held = false;
    this.flush();
  }

  _write(bytes) {
    if (this.backpressure !== null) this._pushCallback(this.backpressure.onWritten);
    const mayGoOn = this._writeWithCallbacks(bytes);
    if (this.backpressure !== null) this.backpressure.onWrite(mayGoOn);
    else if (mayGoOn === false) this._waitForDrain();
  }

  _writeWithCallbacks(bytes) {
    if (this.callbacks.length === 0) return this.socket.write(bytes);
    const callbacks = this.callbacks;
    this.callbacks = NONE;
    if (callbacks.length === 1) return this.socket.write(bytes, callbacks[0]);
    return this.socket.write(bytes, (err) => callAll(callbacks, err));
  }

  /** More than the socket likes waits to get here. */
  beginPiling() {
    if (this.backpressure !== null) this.backpressure.needsDrain = true;
    else this.isPiling = true;
  }

  /** All of that is here. */
  endPiling() {
    if (!this.isPiling) return;
    this.isPiling = false;
    // What is left in the socket is not more than that.
    if (!this.waitsForDrain && this.onDrain !== null) process.nextTick(this.onDrain, this.socket);
  }

  _waitForDrain() {
    if (this.onDrain === null || this.waitsForDrain) return;
    this.waitsForDrain = true;
    this.socket.once('drain', () => {
      this.waitsForDrain = false;
      if (!this.isPiling) this.onDrain(this.socket);
    });
  }

  _extend(end) {
    if (this.block === block && this.end === blockEnd) {
      this.end = end;
    } else {
      this._closeRange();
      this.block = block;
      this.start = blockEnd;
      this.end = end;
    }

    blockEnd = end;
  }

  _addPart(bytes) {
    if (this.parts === NONE) this.parts = [bytes];
    else this.parts.push(bytes);
  }

  /** Adds a callback, which is called in the context of the call that it was passed to. */
  _addCallback(callback) {
    if (typeof callback !== 'function') return;
    this._pushCallback(AsyncResource.bind(callback, 'bowsprit.send'));
  }

  _pushCallback(callback) {
    if (this.callbacks === NONE) this.callbacks = [callback];
    else this.callbacks.push(callback);
  }

  _closeRange() {
    if (this.block === null) return;
    const { block, start, end } = this;
    this._addPart(new FastBuffer(block.buffer, block.byteOffset + start, end - start));
    this.block = null;
  }
}

function renewBlock() {
  block = Buffer.allocUnsafeSlow(BLOCK_LENGTH);
  blockEnd = 0;
}

function flushScheduled() {
  const outboxes = scheduled;
  scheduled = [];

  for (let i = 0; i < outboxes.length; i++) {
    outboxes[i].scheduled = false;

    try {
      outboxes[i].flush();
    } catch (err) {
      // What a custom socket throws is not to hold up the others.
      scheduled = outboxes.slice(i + 1).concat(scheduled);
      process.nextTick(flushScheduled);
      throw err;
    }
  }
}

/** Calls all callbacks, also when one throws. */
function callAll(callbacks, err) {
  for (let i = 0; i < callbacks.length; i++) {
    try {
      callbacks[i](err);
    } catch (thrown) {
      const rest = callbacks.slice(i + 1);
      if (rest.length > 0) process.nextTick(callAll, rest, err);
      throw thrown;
    }
  }
}

// Whoever sends and ends the process at once has handed the message to the kernel.
process.on('exit', flushScheduled);

Outbox.MAX_COPIED_LENGTH = MAX_COPIED_LENGTH;

module.exports = Outbox;
