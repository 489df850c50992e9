// Limits how much may wait to be sent, and tells when it has been.
'use strict';

const { protocol } = require('./constants');

const POLICIES = ['close', 'refuse'];

/**
 * Checks the options `maxBufferedAmount` and `overflowPolicy`, and fills in the defaults.
 *
 * @param {Object} options
 * @param {Number} [options.maxBufferedAmount=0] In bytes; 0 for no limit
 * @param {String} [options.overflowPolicy=close] What happens to messages beyond it
 * @throws {TypeError|RangeError}
 */
function checkBackpressure(options) {
  options.maxBufferedAmount ??= 0;
  options.overflowPolicy ??= POLICIES[0];

  if (typeof options.maxBufferedAmount !== 'number' || !(options.maxBufferedAmount >= 0)) {
    throw new RangeError('The "maxBufferedAmount" option must be a number of bytes, or 0');
  }

  if (!POLICIES.includes(options.overflowPolicy)) {
    const names = POLICIES.map((name) => `"${name}"`);
    throw new TypeError(`The "overflowPolicy" option must be one of ${names.join(', ')}`);
  }
}

/** The limit of one connection. */
class Backpressure {
  /**
   * @param {Object} options
   * @param {Number} options.maxBufferedAmount In bytes
   * @param {String} options.overflowPolicy What happens to messages beyond it
   * @param {WebSocket} websocket
   */
  constructor({ maxBufferedAmount, overflowPolicy }, websocket) {
    this._max = maxBufferedAmount;
    this._closes = overflowPolicy === 'close';
    this._websocket = websocket;
    /** More has waited than that, or than the socket likes, and not all of it has been written. */
    this.needsDrain = false;
    /** Called with each write that is complete. */
    this.onWritten = (err) => {
      if (err || !this.needsDrain || websocket._sender._waitingLength > 0) return;
      this.needsDrain = false;
      emitDrain(websocket);
    };
  }

  /** Whether no message is accepted at the moment. */
  isFull() {
    const { _sender: sender } = this._websocket;
    if (sender._waitingLength <= this._max) return false;
    // Perhaps the kernel takes what has only waited for the end of this turn.
    sender._outbox.flush();
    return sender._waitingLength > this._max;
  }

  /** Something was written, which the socket may have buffered. */
  onWrite(mayGoOn) {
    this.needsDrain ||= mayGoOn === false || this._websocket._sender._waitingLength > this._max;
  }

  /** Does not accept a message. */
  refuse(callback) {
    const err = new Error(`More than ${this._max} bytes wait to be sent`);
    err.code = 'WS_ERR_BUFFER_FULL';
    this.needsDrain = true;

    if (this._closes) {
      this._websocket._closeCause ??= err;
      this._websocket.close(protocol.TRY_AGAIN_LATER);
    }

    if (typeof callback === 'function') process.nextTick(callback, err);
  }
}

/** All that has piled up was written. Who watches all events of `ws` sees those of `ws` only. */
function emitDrain(websocket) {
  if (websocket._readyState !== websocket.OPEN) return;
  if (websocket.listenerCount('drain') > 0) websocket.emit('drain');
}

module.exports = { Backpressure, checkBackpressure, emitDrain };
