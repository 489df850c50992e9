'use strict';

const EventEmitter = require('events');

const {
  BINARY_TYPES,
  CLOSED,
  CLOSING,
  CONNECTING,
  DEFLATE,
  EMPTY,
  NOOP,
  OPEN,
  STATES,
  kOwned,
  kServer,
  kStatusCode,
  kWebSocket,
  protocol
} = require('./constants');
const { Backpressure, checkBackpressure, emitDrain } = require('./backpressure');
const { EventTarget, defineProperties, enumerable } = require('./events');
const { isBlob, toBuffer } = require('./data');
const { Heartbeat, resolveHeartbeat } = require('./heartbeat');
const Receiver = require('./receiver');
const Sender = require('./sender');

const { ABNORMAL, NO_STATUS_RECEIVED } = protocol;

const kSocket = Symbol('socket');

/**
 * A WebSocket connection.
 *
 * @extends EventEmitter
 */
class WebSocket extends EventEmitter {
  /**
   * Connects to a server.
   *
   * @param {(String|URL|null)} address Where to; `null` for a connection that a server has accepted
   * @param {(String|String[])} [protocols] The subprotocols to ask for
   * @param {Object} [options] See the documentation
   */
  constructor(address, protocols, options) {
    super();

    this._backpressure = null;
    this._binaryType = BINARY_TYPES[0];
    this._closeCause = null;
    this._closeCode = ABNORMAL;
    this._closeFrameReceived = false;
    this._closeFrameSent = false;
    this._closeMessage = EMPTY;
    this._closeTimer = null;
    this._errorEmitted = false;
    this._extensions = {};
    this._heartbeat = null;
    this._paused = false;
    this._protocol = '';
    this._readyState = CONNECTING;
    this._receiver = null;
    this._sender = null;
    this[kSocket] = null;

    if (address === null) {
      this._isServer = true;
      this._settle(options ?? {});
      return;
    }

    this._bufferedAmount = 0;
    this._isServer = false;
    this._redirects = 0;

    if (protocols !== null && typeof protocols === 'object' && !Array.isArray(protocols)) {
      options = protocols;
      protocols = undefined;
    }

    this._connect(address, protocols, options);
  }

  /** Begins a client's opening handshake. */
  _connect(address, protocols, options) {
    // Loaded here, as it needs this class.
    require('./client').connect(this, address, protocols, options);
  }

  /** Keeps the options that matter while the connection is open. */
  _settle(options) {
    this._autoPong = options.autoPong;
    this._closeTimeout = options.closeTimeout;
    this._maxPendingAutoPongs = options.maxPendingAutoPongs | 0;
    this._pendingAutoPongs = 0;
    this._onPongWritten = null;
  }

  /** What binary messages are handed out as. */
  get binaryType() {
    return this._binaryType;
  }

  set binaryType(type) {
    if (!BINARY_TYPES.includes(type)) return;
    this._binaryType = type;
    if (this._receiver) this._receiver._binaryType = type;
  }

  /** What has ended the connection, other than `close` and the peer: an Error with a `code`. */
  get closeCause() {
    return this._closeCause;
  }

  /** How many bytes wait to be sent. */
  get bufferedAmount() {
    const socket = this._socket;
    if (!socket) return this._bufferedAmount;
    return this._sender._waitingLength;
  }

  /** The names of the extensions that were agreed on. */
  get extensions() {
    return Object.keys(this._extensions).join();
  }

  /** Whether receiving is paused. */
  get isPaused() {
    return this._paused;
  }

  /** The subprotocol that was agreed on. */
  get protocol() {
    return this._protocol;
  }

  /** How far the connection has come. */
  get readyState() {
    return this._readyState;
  }

  /** The URL that was connected to. */
  get url() {
    return this._url;
  }

  /** The socket, which has been given all frames that were sent. */
  get _socket() {
    const socket = this[kSocket];
    if (socket !== null && this._sender._outbox.pending) this._sender._outbox.flush();
    return socket;
  }

  set _socket(socket) {
    this[kSocket] = socket;
  }

  /** Takes over a socket, with the options of the client or server. */
  _begin(socket, head, options) {
    this.setSocket(socket, head, options);
  }

  /**
   * Takes over a socket on which the opening handshake is done.
   *
   * @param {stream.Duplex} socket The socket
   * @param {Buffer} head What has come of the first frames
   * @param {Object} options The options of the receiver, `generateMask`, `heartbeat`,
   *     `maxBufferedAmount` and `overflowPolicy`
   */
  setSocket(socket, head, options) {
    const heartbeat = resolveHeartbeat(options.heartbeat);
    const receiver = this._openReceiver({
      allowSynchronousEvents: options.allowSynchronousEvents,
      binaryType: this._binaryType,
      extensions: this._extensions,
      isServer: this._isServer,
      maxBufferedChunks: options.maxBufferedChunks,
      maxFragments: options.maxFragments,
      maxPayload: options.maxPayload,
      skipUTF8Validation: options.skipUTF8Validation,
      [kOwned]: true
    });
    const sender = this._openSender(socket, options.generateMask);

    this._receiver = receiver;
    this._sender = sender;
    this[kSocket] = socket;
    receiver[kWebSocket] = this;
    sender[kWebSocket] = this;
    socket[kWebSocket] = this;

    receiver.on('conclude', receiverOnConclude);
    receiver.on('drain', receiverOnDrain);
    receiver.on('error', receiverOnError);
    receiver.on('ping', receiverOnPing);
    receiver.on('pong', receiverOnPong);
    sender.onerror = senderOnError;

    // Not every Duplex has them.
    if (socket.setTimeout) socket.setTimeout(0);
    if (socket.setNoDelay) socket.setNoDelay();
    if (head.length > 0) socket.unshift(head);

    socket.on('close', socketOnClose);
    socket.on('data', socketOnData);
    socket.on('end', socketOnEnd);
    socket.on('error', socketOnError);

    this._limitBuffer(options);
    if (heartbeat !== null) this._heartbeat = new Heartbeat(heartbeat, this);

    this._readyState = OPEN;
    this.emit('open');
  }

  /** Makes the receiver, and has it pass on messages. */
  _openReceiver(options) {
    const receiver = new Receiver(options);
    receiver.on('message', receiverOnMessage);
    return receiver;
  }

  _openSender(socket, generateMask) {
    return new Sender(socket, this._extensions, generateMask);
  }

  /** Has 'drain' emitted, and limits what may wait to be sent. */
  _limitBuffer({ maxBufferedAmount, overflowPolicy }) {
    const limit = { maxBufferedAmount, overflowPolicy };
    const outbox = this._sender._outbox;
    checkBackpressure(limit);
    outbox.onDrain = socketOnDrain;
    if (limit.maxBufferedAmount === 0) return;
    this._backpressure = outbox.backpressure = new Backpressure(limit, this);
  }

  /** Emits 'close': nothing comes after it. */
  emitClose() {
    if (this[kSocket] !== null) {
      if (this._extensions[DEFLATE]) this._extensions[DEFLATE].cleanup();
      this._receiver.removeAllListeners();
      this._receiver._free();
      this._sender._free();
    }

    this._readyState = CLOSED;
    this.emit('close', this._closeCode, this._closeMessage);
  }

  /**
   * Begins or goes on with the closing handshake.
   *
   * @param {Number} [code] Why
   * @param {(String|Buffer)} [data] More about it
   */
  close(code, data) {
    if (this._readyState === CLOSED) return;

    if (this._readyState === CONNECTING) {
      this._abort();
      return;
    }

    if (this._readyState === CLOSING) {
      this._endWhenClosed();
      return;
    }

    this._readyState = CLOSING;

    try {
      this._sender.close(code, data, !this._isServer, (err) => {
        // The socket tells of its errors itself.
        if (err) return;
        this._closeFrameSent = true;
        this._endWhenClosed();
      });
    } catch (err) {
      this._readyState = OPEN;
      throw err;
    }

    this._startCloseTimer();
  }

  /** Ends the socket if nothing more is to be sent or received. */
  _endWhenClosed() {
    // Without a frame that was sent there may not even be a receiver.
    if (!this._closeFrameSent) return;
    if (this._closeFrameReceived || this._receiver._failure !== null) this._socket.end();
  }

  /** Sends a ping, because nothing has come from the peer for a while. */
  _sendHeartbeat(callback) {
    this._sender.ping(EMPTY, !this._isServer, callback);
  }

  /** Nothing has come from the peer since that ping either. */
  _onHeartbeatTimeout() {
    this._noteCause('WS_ERR_HEARTBEAT_TIMEOUT', 'The peer did not answer a ping in time');
    this.terminate();
  }

  /** Once closing has begun, it has a time limit of its own. */
  _stopHeartbeat() {
    if (this._heartbeat === null) return;
    this._heartbeat.stop();
    this._heartbeat = null;
  }

  _startCloseTimer() {
    this._stopHeartbeat();
    const socket = this[kSocket];
    this._closeTimer = setTimeout(() => {
      this._noteCause('WS_ERR_CLOSE_TIMEOUT', 'The peer did not answer the close frame in time');
      socket.destroy();
    }, this._closeTimeout);
  }

  _abort() {
    const message = 'WebSocket was closed before the connection was established';
    require('./client').abort(this, this._req, message);
  }

  /** Tells of an opening handshake that has failed. */
  _failHandshake(err) {
    this._readyState = CLOSING;
    this._errorEmitted = true;
    this.emit('error', err);
    this.emitClose();
  }

  /** The same when its request has just been aborted. */
  _failAborted(req, err) {
    process.nextTick(() => this._failHandshake(err));
  }

  /** Stops receiving. */
  pause() {
    if (this._readyState === CONNECTING || this._readyState === CLOSED) return;
    this._paused = true;
    pauseSocket(this);
  }

  /** Goes on with receiving. */
  resume() {
    if (this._readyState === CONNECTING || this._readyState === CLOSED) return;
    this._paused = false;
    if (!this._receiver.writableNeedDrain) resumeSocket(this);
  }

  /**
   * Sends a ping.
   *
   * @param {*} [data] Its payload
   * @param {Boolean} [mask] Whether to mask it; as the role demands by default
   * @param {Function} [callback] Called when it is written
   */
  ping(data, mask, callback) {
    this._control('ping', data, mask, callback);
  }

  /**
   * Sends a pong.
   *
   * @param {*} [data] Its payload
   * @param {Boolean} [mask] Whether to mask it; as the role demands by default
   * @param {Function} [callback] Called when it is written
   */
  pong(data, mask, callback) {
    this._control('pong', data, mask, callback);
  }

  _control(name, data, mask, callback) {
    this._throwIfConnecting();

    if (typeof data === 'function') [data, mask, callback] = [undefined, undefined, data];
    else if (typeof mask === 'function') [mask, callback] = [undefined, mask];

    if (typeof data === 'number') data = data.toString();

    if (this._readyState !== OPEN) {
      this._refuse(data, callback);
      return;
    }

    this._sender[name](data || EMPTY, mask ?? !this._isServer, callback);
  }

  /**
   * Sends a message.
   *
   * @param {*} data Its payload
   * @param {Object} [options]
   * @param {Boolean} [options.binary] Whether it is binary; strings and numbers are not
   * @param {Boolean} [options.compress=true] Whether it is compressed, if that was agreed on
   * @param {Boolean} [options.fin=true] Whether this is the last fragment of it
   * @param {Boolean} [options.mask] Whether to mask it; as the role demands by default
   * @param {Function} [callback] Called when it is written
   */
  send(data, options, callback) {
    this._throwIfConnecting();

    if (typeof options === 'function') [options, callback] = [undefined, options];
    if (typeof data === 'number') data = data.toString();

    if (this._readyState !== OPEN) {
      this._refuse(data, callback);
      return;
    }

    if (this._backpressure !== null && this._backpressure.isFull()) {
      this._backpressure.refuse(callback);
      return;
    }

    const sender = this._sender;
    const binary = typeof data !== 'string';
    const compress = this._extensions[DEFLATE] !== undefined;

    if (options === undefined || options === null) {
      if (sender._fragmented === -1 && sender._isPlain(compress)) {
        sender.sendWhole(data || EMPTY, binary, !this._isServer, callback);
        return;
      }

      options = {};
    }

    const all = { binary, compress: true, fin: true, mask: !this._isServer, ...options };
    if (!compress) all.compress = false;
    sender.send(data || EMPTY, all, callback);
  }

  _throwIfConnecting() {
    if (this._readyState === CONNECTING) {
      throw new Error('WebSocket is not open: readyState 0 (CONNECTING)');
    }
  }

  /** Tells that what was to be sent cannot be. */
  _refuse(data, callback) {
    if (data) {
      const length = isBlob(data) ? data.size : toBuffer(data).length;
      // As in browsers, where it only grows after the connection was closed.
      if (this[kSocket]) this._sender._bufferedBytes += length;
      else this._bufferedAmount += length;
    }

    if (callback) this._callRefused(callback);
  }

  _callRefused(callback) {
    process.nextTick(callback, this._notOpen());
  }

  _notOpen() {
    const state = `${this._readyState} (${STATES[this._readyState]})`;
    return new Error(`WebSocket is not open: readyState ${state}`);
  }

  /** Ends the connection at once. */
  terminate() {
    if (this._readyState === CLOSED) return;

    if (this._readyState === CONNECTING) {
      this._abort();
      return;
    }

    const socket = this._socket;

    if (socket) {
      this._noteCause('WS_ERR_TERMINATED', 'The connection was terminated');
      this._readyState = CLOSING;
      socket.destroy();
    }
  }

  /** Keeps the first reason why there will be no close frame. */
  _noteCause(code, message) {
    if (this._closeCause === null && !this._closeFrameReceived) {
      this._closeCause = Object.assign(new Error(message), { code });
    }
  }

  /**
   * Sends a message.
   *
   * @param {*} data Its payload
   * @param {Object} [options] Those of `send`
   * @return {Promise} Fulfilled when it is written
   */
  sendAsync(data, options) {
    return new Promise((resolve, reject) => {
      this.send(data, options ?? {}, (err) => (err ? reject(err) : resolve()));
    });
  }

  /**
   * Messages as `{ data, isBinary }`, until the connection is closed. While more than a few wait to
   * be taken, receiving is paused. Leaving the loop early terminates the connection.
   */
  [Symbol.asyncIterator]() {
    return iterate(this);
  }
}

[CONNECTING, OPEN, CLOSING, CLOSED].forEach((value, index) => {
  const descriptor = { enumerable: true, value };
  Object.defineProperty(WebSocket, STATES[index], descriptor);
  Object.defineProperty(WebSocket.prototype, STATES[index], descriptor);
});

enumerable(WebSocket, [
  'binaryType',
  'bufferedAmount',
  'extensions',
  'isPaused',
  'protocol',
  'readyState',
  'url'
]);
defineProperties(WebSocket.prototype);
Object.assign(WebSocket.prototype, EventTarget);

/** How many messages may wait for a loop. */
const MAX_WAITING = 16;

async function* iterate(websocket) {
  const waiting = [];
  let isClosed = websocket._readyState === CLOSED;
  let failure = null;
  let wake = null;
  const notify = () => {
    if (wake !== null) wake();
    wake = null;
  };
  const listeners = {
    message: (data, isBinary = typeof data !== 'string') => {
      if (waiting.push({ data, isBinary }) === MAX_WAITING) websocket.pause();
      notify();
    },
    error: (err) => {
      failure = err;
    },
    close: () => {
      isClosed = true;
      notify();
    }
  };
  for (const [name, listener] of Object.entries(listeners)) websocket.on(name, listener);

  try {
    for (;;) {
      while (waiting.length > 0) {
        const message = waiting.shift();
        if (waiting.length === 0 && websocket.isPaused) websocket.resume();
        yield message;
      }

      if (isClosed) break;
      await new Promise((resolve) => (wake = resolve));
    }

    if (failure !== null) throw failure;
  } finally {
    // What has been received and not looked at may be wrong, which is nobody's concern any more.
    if (websocket._readyState !== CLOSED) websocket.on('error', NOOP);
    for (const [name, listener] of Object.entries(listeners)) {
      websocket.removeListener(name, listener);
    }
    websocket.terminate();
  }
}

function receiverOnConclude(code, reason) {
  const websocket = this[kWebSocket];

  websocket._closeFrameReceived = true;
  websocket._closeMessage = reason;
  websocket._closeCode = code;

  if (!stopReading(websocket)) return;
  if (code === NO_STATUS_RECEIVED) websocket.close();
  else websocket.close(code, reason);
}

/** Has the socket discard what comes; returns whether there still is a connection. */
function stopReading(websocket) {
  websocket._stopHeartbeat();
  const socket = websocket[kSocket];
  if (socket[kWebSocket] === undefined) return false;
  socket.removeListener('data', socketOnData);
  process.nextTick(() => socket.resume());
  return true;
}

function receiverOnDrain() {
  const websocket = this[kWebSocket];
  if (!websocket.isPaused) resumeSocket(websocket);
}

function pauseSocket(websocket) {
  if (websocket._heartbeat !== null) websocket._heartbeat.setWaiting(false);
  websocket[kSocket].pause();
}

function resumeSocket(websocket) {
  if (websocket._heartbeat !== null) websocket._heartbeat.setWaiting(true);
  websocket[kSocket].resume();
}

function receiverOnError(err) {
  const websocket = this[kWebSocket];

  if (stopReading(websocket)) websocket.close(err[kStatusCode]);
  emitError(websocket, err);
}

/** An error is emitted once; that of a server's connection which nobody listens to, by its server. */
function emitError(websocket, err) {
  if (websocket._errorEmitted) return;
  websocket._errorEmitted = true;
  websocket._closeCause ??= err;

  const server = websocket[kServer];
  if (server !== undefined && websocket.listenerCount('error') === 0) {
    server.emit('connectionError', err, websocket);
  } else {
    websocket.emit('error', err);
  }
}

function receiverOnFinish() {
  this[kWebSocket].emitClose();
}

function receiverOnMessage(data, isBinary) {
  this[kWebSocket].emit('message', data, isBinary);
}

function receiverOnPing(data) {
  const websocket = this[kWebSocket];
  const { _maxPendingAutoPongs: max } = websocket;

  if (websocket._autoPong && websocket._readyState === OPEN) {
    if (max > 0 && websocket._pendingAutoPongs >= max) {
      websocket.terminate();
    } else {
      websocket._onPongWritten ??= () => websocket._pendingAutoPongs--;
      websocket._pendingAutoPongs++;
      websocket.pong(data, !websocket._isServer, websocket._onPongWritten);
    }
  }

  websocket.emit('ping', data);
}

function receiverOnPong(data) {
  this[kWebSocket].emit('pong', data);
}

/** Reading a Blob has failed: what would come after it cannot be sent. */
function senderOnError(err) {
  const websocket = this[kWebSocket];

  if (websocket._readyState === CLOSED) return;

  if (websocket._readyState === OPEN) {
    websocket._readyState = CLOSING;
    websocket._startCloseTimer();
  }

  websocket[kSocket].end();
  emitError(websocket, err);
}

function socketOnData(chunk) {
  const websocket = this[kWebSocket];
  const outbox = websocket._sender._outbox;
  const wasCorked = outbox.corked;

  if (websocket._heartbeat !== null) websocket._heartbeat.onReceived();
  // All that is sent by listeners while this chunk is handled leaves in one write.
  outbox.corked = true;

  try {
    if (!websocket._receiver.write(chunk)) pauseSocket(websocket);
  } finally {
    outbox.corked = wasCorked;
    outbox.flush();
  }
}

function socketOnDrain(socket) {
  if (socket[kWebSocket]) emitDrain(socket[kWebSocket]);
}

function socketOnEnd() {
  const websocket = this[kWebSocket];

  websocket._stopHeartbeat();
  websocket._readyState = CLOSING;
  websocket._receiver.end();
  websocket._sender._outbox.flushHeld();
  this.end();
}

function socketOnClose() {
  const websocket = this[kWebSocket];
  const receiver = websocket._receiver;

  this.removeListener('close', socketOnClose);
  this.removeListener('data', socketOnData);
  this.removeListener('end', socketOnEnd);

  websocket._stopHeartbeat();
  websocket._readyState = CLOSING;
  takeUnread(this, websocket);
  websocket._noteCause('WS_ERR_NO_CLOSE_FRAME', 'The socket ended without a close frame');
  receiver.end();
  this[kWebSocket] = undefined;
  clearTimeout(websocket._closeTimer);

  // An error that has not been emitted yet comes before 'close'.
  if (receiver.writableFinished || receiver._writableState.errorEmitted) {
    websocket.emitClose();
  } else {
    receiver.on('error', receiverOnFinish);
    receiver.on('finish', receiverOnFinish);
  }
}

/** What a paused socket has read is received before the end. */
function takeUnread(socket, websocket) {
  const receiver = websocket._receiver;
  if (socket._readableState.endEmitted || websocket._closeFrameReceived || receiver.errored) return;
  const chunk = socket.read();
  if (chunk !== null) receiver.write(chunk);
}

function socketOnError(err) {
  const websocket = this[kWebSocket];

  this.removeListener('error', socketOnError);
  this.on('error', NOOP);

  if (websocket) {
    if (!websocket._closeFrameReceived) websocket._closeCause ??= err;
    websocket._readyState = CLOSING;
    this.destroy();
  }
}

module.exports = WebSocket;
