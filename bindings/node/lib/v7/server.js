'use strict';

const Base = require('../server');
const { readExtensions } = require('../request');
const known = require('./options');
const WebSocket = require('./websocket');

/**
 * A WebSocket server as in `ws` 7.
 *
 * @extends EventEmitter
 */
class WebSocketServer extends Base {
  constructor(options, callback) {
    super({ ...known(options), WebSocket }, callback);
  }

  /**
   * Accepts no more connections, and terminates those that are open.
   *
   * @param {Function} [callback] A listener of 'close'
   */
  close(callback) {
    if (callback) this.once('close', callback);
    super.close();
    for (const websocket of this.clients ?? []) websocket.terminate();
  }

  _waitsForClients() {
    return false;
  }

  /** A subprotocol may be anything. */
  _readOffers(headers) {
    const header = headers['sec-websocket-extensions'] || undefined;
    return { extensions: readExtensions(header, this.options) };
  }

  _chooseProtocol(_, req) {
    const header = req.headers['sec-websocket-protocol'];
    if (!header) return undefined;
    const protocols = header.split(',').map((protocol) => protocol.trim());
    const { options } = this;
    return options.handleProtocols ? options.handleProtocols(protocols, req) : protocols[0];
  }

  /** All is refused in the same way. */
  _refuse(req, socket) {
    super._refuse(req, socket, { status: 400, isClientError: false });
  }

  _complete({ extensions, key }, req, socket, head, callback) {
    this.completeUpgrade(key, extensions, req, socket, head, callback);
  }

  /**
   * Writes the answer that accepts a request.
   *
   * @param {String} key The key of the request
   * @param {Object} extensions The extensions that were agreed on
   * @param {http.IncomingMessage} req The request
   * @param {stream.Duplex} socket Its socket
   * @param {Buffer} head What has come after it
   * @param {Function} callback Gets the connection, and the request
   */
  completeUpgrade(key, extensions, req, socket, head, callback) {
    super.completeUpgrade(extensions, key, undefined, req, socket, head, callback);
  }
}

module.exports = WebSocketServer;
