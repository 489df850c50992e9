'use strict';

const Base = require('../websocket');
const { DEFAULTS, kWebSocket } = require('../constants');
const { enumerable } = require('../events');
const { connect } = require('./client');
const { EventTarget, defineProperties } = require('./events');
const Receiver = require('./receiver');
const Sender = require('./sender');

const BINARY_TYPES = ['nodebuffer', 'arraybuffer', 'fragments'];

/**
 * A WebSocket connection as in `ws` 7.
 *
 * @extends EventEmitter
 */
class WebSocket extends Base {
  constructor(address, protocols, options) {
    super(address, protocols, options);
    this._closeMessage = '';
  }

  _connect(address, protocols, options) {
    connect(this, address, protocols, options);
  }

  _settle(options) {
    const { autoPong, closeTimeout } = DEFAULTS;
    super._settle({ ...options, autoPong, closeTimeout });
  }

  get binaryType() {
    return super.binaryType;
  }

  set binaryType(type) {
    if (BINARY_TYPES.includes(type)) super.binaryType = type;
  }

  _begin(socket, head, options) {
    const { maxBufferedChunks, maxFragments, maxPayload } = options;
    this.setSocket(socket, head, maxPayload, maxBufferedChunks, maxFragments, options);
  }

  /**
   * Takes over a socket on which the opening handshake is done.
   *
   * @param {stream.Duplex} socket The socket
   * @param {Buffer} head What has come of the first frames
   * @param {Number} [maxPayload=0] How long a message may be
   * @param {Number} [maxBufferedChunks=0] How many chunks an incomplete frame may come in
   * @param {Number} [maxFragments=0] How many fragments a message may have
   * @param {Object} [options] All options, for those that `ws` 7 does not have
   */
  setSocket(socket, head, maxPayload, maxBufferedChunks, maxFragments, options) {
    super.setSocket(socket, head, { ...options, maxBufferedChunks, maxFragments, maxPayload });
  }

  _openReceiver({ binaryType, extensions, isServer, maxBufferedChunks, maxFragments, maxPayload }) {
    const limits = [maxPayload, maxBufferedChunks, maxFragments];
    const receiver = new Receiver(binaryType, extensions, isServer, ...limits, true);
    receiver.on('message', receiverOnMessage);
    return receiver;
  }

  _openSender(socket) {
    return new Sender(socket, this._extensions);
  }

  /** The error comes at once, 'close' later. */
  _failAborted(req, err) {
    req.once('abort', () => this.emitClose());
    this._errorEmitted = true;
    this.emit('error', err);
  }

  _callRefused(callback) {
    callback(this._notOpen());
  }
}

function receiverOnMessage(data) {
  this[kWebSocket].emit('message', data);
}

defineProperties(WebSocket.prototype);
Object.assign(WebSocket.prototype, EventTarget);
enumerable(WebSocket, ['binaryType']);

module.exports = WebSocket;
