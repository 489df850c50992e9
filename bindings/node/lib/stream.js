'use strict';

const { Duplex } = require('stream');

const { CLOSED, CONNECTING } = require('./constants');

/**
 * Wraps a connection in a stream: each chunk that is written is a message.
 *
 * @param {WebSocket} websocket The connection
 * @param {Object} [options] Those of the stream
 * @return {Duplex}
 */
function createWebSocketStream(websocket, options) {
  const stream = new WebSocketStream(websocket, options);

  // `v7` tells text by its type.
  websocket.on('message', (message, isBinary = typeof message !== 'string') => {
    stream._onMessage(message, isBinary);
  });
  websocket.once('error', (err) => stream._onError(err));
  websocket.once('close', () => stream._onClose());
  return stream;
}

class WebSocketStream extends Duplex {
  constructor(websocket, options = {}) {
    super({
      ...options,
      autoDestroy: false,
      emitClose: false,
      objectMode: false,
      writableObjectMode: false
    });
    this._websocket = websocket;
    // After an error the close frame that tells of it has to get out.
    this._terminateOnDestroy = true;

    this.on('end', () => {
      if (!this.destroyed && this._writableState.finished) this.destroy();
    });
    this.on('error', this._onOwnError);
  }

  /** Destroys the stream, also when nobody else listens for its errors. */
  _onOwnError(err) {
    this.removeListener('error', this._onOwnError);
    this.destroy();
    if (this.listenerCount('error') === 0) this.emit('error', err);
  }

  _onMessage(message, isBinary) {
    const isText = !isBinary && this._readableState.objectMode;
    const data = isText ? message.toString() : message;
    if (!this.push(data)) this._websocket.pause();
  }

  _onError(err) {
    if (this.destroyed) return;
    this._terminateOnDestroy = false;
    this.destroy(err);
  }

  _onClose() {
    if (!this.destroyed) this.push(null);
  }

  /** Calls a function when the connection is open. */
  _whenOpen(action) {
    if (this._websocket.readyState === CONNECTING) this._websocket.once('open', action);
    else action();
  }

  _read() {
    if (this._websocket.isPaused) this._websocket.resume();
  }

  _write(chunk, encoding, callback) {
    this._whenOpen(() => this._websocket.send(chunk, callback));
  }

  _final(callback) {
    this._whenOpen(() => this._close(callback));
  }

  _close(callback) {
    const websocket = this._websocket;

    // The connection has ended, or never was.
    if (websocket._socket === null) return;

    if (websocket._socket._writableState.finished) {
      callback();
      if (this._readableState.endEmitted) this.destroy();
    } else {
      websocket._socket.once('finish', () => callback());
      websocket.close();
    }
  }

  _destroy(err, callback) {
    const websocket = this._websocket;

    if (websocket.readyState === CLOSED) {
      callback(err);
      process.nextTick(() => this.emit('close'));
      return;
    }

    let isTold = false;

    websocket.once('error', (error) => {
      isTold = true;
      callback(error);
    });
    websocket.once('close', () => {
      if (!isTold) callback(err);
      process.nextTick(() => this.emit('close'));
    });

    if (this._terminateOnDestroy) websocket.terminate();
  }
}

module.exports = createWebSocketStream;
