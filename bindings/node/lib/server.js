'use strict';

const EventEmitter = require('events');
const http = require('http');

const { DEFAULTS, EMPTY, kServer, kWebSocket, protocol } = require('./constants');
const { checkBackpressure } = require('./backpressure');
const native = require('./native');
const { resolveHeartbeat } = require('./heartbeat');
const {
  Refusal,
  agree,
  checkRequest,
  chooseProtocol,
  readExtensions,
  readProtocols
} = require('./request');
const Sender = require('./sender');
const { isBlob, toBuffer } = require('./data');
const WebSocket = require('./websocket');

const RUNNING = 0;
const CLOSING = 1;
const CLOSED = 2;

/**
 * A WebSocket server, on its own HTTP server or that of somebody else.
 *
 * @extends EventEmitter
 */
class WebSocketServer extends EventEmitter {
  /**
   * @param {Object} options See the documentation; one of `port`, `server` and `noServer`
   * @param {Function} [callback] A listener of 'listening', if there is a `port`
   */
  constructor(options, callback) {
    super();

    options = {
      ...DEFAULTS,
      perMessageDeflate: false,
      handleProtocols: null,
      clientTracking: true,
      verifyClient: null,
      noServer: false,
      backlog: null,
      server: null,
      host: null,
      path: null,
      port: null,
      WebSocket,
      ...options
    };

    options.heartbeat = resolveHeartbeat(options.heartbeat);
    checkBackpressure(options);
    const hasPort = options.port !== null && options.port !== undefined;

    if (+hasPort + +!!options.server + +!!options.noServer !== 1) {
      throw new TypeError(
        'One and only one of the "port", "server", or "noServer" options must be specified'
      );
    }

    if (hasPort) {
      this._server = http.createServer(requireUpgrade);
      this._server.listen(options.port, options.host, options.backlog, callback);
    } else if (options.server) {
      this._server = options.server;
    }

    if (this._server) this._listen();
    if (options.perMessageDeflate === true) options.perMessageDeflate = {};

    if (options.clientTracking) {
      this.clients = new Set();
      this._closeWhenEmpty = false;
    }

    this.options = options;
    this._state = RUNNING;
  }

  _listen() {
    const listeners = {
      listening: () => this.emit('listening'),
      error: (err) => this.emit('error', err),
      upgrade: (req, socket, head) => {
        this.handleUpgrade(req, socket, head, (websocket) => {
          this.emit('connection', websocket, req);
        });
      }
    };

    for (const [name, listener] of Object.entries(listeners)) this._server.on(name, listener);

    this._unlisten = () => {
      for (const [name, listener] of Object.entries(listeners)) {
        this._server.removeListener(name, listener);
      }
    };
  }

  /**
   * @return {(Object|String|null)} What the server listens on; `null` if it does not
   */
  address() {
    if (this.options.noServer) throw new Error('The server is operating in "noServer" mode');
    return this._server ? this._server.address() : null;
  }

  /**
   * Accepts no more connections. Those that are open stay open.
   *
   * @param {Function} [callback] Called when the last of them has ended
   */
  close(callback) {
    if (this._state === CLOSED) {
      const notRunning = () => callback(new Error('The server is not running'));
      if (callback) this.once('close', notRunning);
      process.nextTick(() => this._emitClose());
      return;
    }

    if (callback) this.once('close', callback);
    if (this._state === CLOSING) return;
    this._state = CLOSING;

    const server = this._server;
    const isOwn = !this.options.noServer && !this.options.server;

    if (server) {
      this._unlisten();
      this._unlisten = null;
      this._server = null;
    }

    // An HTTP server of its own tells when all of its connections have ended.
    if (isOwn) server.close(() => this._emitClose());
    else if (this._waitsForClients()) this._closeWhenEmpty = true;
    else process.nextTick(() => this._emitClose());
  }

  _waitsForClients() {
    return this.clients !== undefined && this.clients.size > 0;
  }

  _emitClose() {
    this._state = CLOSED;
    this.emit('close');
  }

  /**
   * Whether a request is for this server.
   *
   * @param {http.IncomingMessage} req
   * @return {Boolean}
   */
  shouldHandle(req) {
    const { path } = this.options;
    if (!path) return true;
    return req.url.split('?', 1)[0] === path;
  }

  /**
   * Answers a request to upgrade.
   *
   * @param {http.IncomingMessage} req The request
   * @param {stream.Duplex} socket Its socket
   * @param {Buffer} head What has come after it
   * @param {Function} callback Gets the connection, and the request
   */
  handleUpgrade(req, socket, head, callback) {
    socket.on('error', socketOnError);

    try {
      const offer = checkRequest(req, this);
      this._verify(req, offer, socket, () => this._complete(offer, req, socket, head, callback));
    } catch (err) {
      if (!(err instanceof Refusal)) throw err;
      this._refuse(req, socket, err);
    }
  }

  /** What a request offers and asks for. */
  _readOffers(headers) {
    const protocols = readProtocols(headers['sec-websocket-protocol']);
    const extensions = readExtensions(headers['sec-websocket-extensions'], this.options);
    return { extensions, protocols };
  }

  _complete({ extensions, key, protocols }, req, socket, head, callback) {
    this.completeUpgrade(extensions, key, protocols, req, socket, head, callback);
  }

  _chooseProtocol(protocols, req) {
    return chooseProtocol(this.options, protocols, req);
  }

  _refuse(req, socket, refusal) {
    const { status, message, headers, isClientError } = refusal;

    if (isClientError && this.listenerCount('wsClientError') > 0) {
      const err = new Error(message);
      Error.captureStackTrace(err, this.handleUpgrade);
      this.emit('wsClientError', err, socket, req);
    } else {
      answer(socket, status, message, headers);
    }
  }

  /** Asks the user whether to accept the request. */
  _verify(req, offer, socket, accept) {
    const { verifyClient } = this.options;

    if (!verifyClient) {
      accept();
      return;
    }

    const info = {
      origin: req.headers[protocol.ORIGIN_HEADERS[offer.version]],
      secure: !!(req.socket.authorized || req.socket.encrypted),
      req
    };

    if (verifyClient.length === 2) {
      verifyClient(info, (verified, code, message, headers) => {
        if (verified) accept();
        else answer(socket, code || 401, message, headers);
      });
    } else if (verifyClient(info)) {
      accept();
    } else {
      answer(socket, 401);
    }
  }

  /**
   * Writes the answer that accepts a request.
   *
   * @param {Object} extensions The extensions that were agreed on
   * @param {String} key The key of the request
   * @param {Set} protocols The subprotocols that it asks for
   * @param {http.IncomingMessage} req The request
   * @param {stream.Duplex} socket Its socket
   * @param {Buffer} head What has come after it
   * @param {Function} callback Gets the connection, and the request
   */
  completeUpgrade(extensions, key, protocols, req, socket, head, callback) {
    // The client may have gone while the user was asked.
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return;
    }

    if (socket[kWebSocket]) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same ' +
          'socket, possibly due to a misconfiguration'
      );
    }

    if (this._state > RUNNING) {
      answer(socket, 503);
      return;
    }

    const websocket = new this.options.WebSocket(null, undefined, this.options);
    websocket[kServer] = this;
    const headers = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${native.acceptKey(key)}`,
      ...agree(extensions, this._chooseProtocol(protocols, req), websocket)
    ];

    // Listeners may add lines.
    this.emit('headers', headers, req);
    socket.write(headers.concat('', '').join('\r\n'));
    socket.removeListener('error', socketOnError);

    websocket._begin(socket, head, this.options);
    this._track(websocket);
    callback(websocket, req);
  }

  /**
   * Sends a message to all open connections. It is framed once.
   *
   * @param {*} data Its payload
   * @param {Object} [options]
   * @param {Boolean} [options.binary] Whether it is binary; strings are not
   * @param {WebSocket} [options.except] A connection that does not get it
   * @return {Number} How many connections get it
   */
  broadcast(data, options) {
    if (!this.clients) throw new Error('broadcast() needs the option "clientTracking"');

    if (typeof data === 'number') data = String(data);
    const { binary = typeof data !== 'string', except } = options ?? {};
    // How long a Blob is, each connection finds out.
    const payload = isBlob(data) ? data : toBuffer(data || EMPTY);
    let frame = null;
    let count = 0;

    for (const websocket of this.clients) {
      if (websocket === except || websocket.readyState !== WebSocket.OPEN) continue;

      if (websocket._backpressure !== null && websocket._backpressure.isFull()) {
        websocket._backpressure.refuse();
        continue;
      }

      count++;

      if (Buffer.isBuffer(payload) && websocket._sender.takesFrames()) {
        frame ??= Buffer.concat(Sender._message(payload, binary));
        websocket._sender.sendShared(frame);
      } else {
        websocket.send(payload, { binary });
      }
    }

    return count;
  }

  _track(websocket) {
    if (!this.clients) return;
    this.clients.add(websocket);

    websocket.on('close', () => {
      this.clients.delete(websocket);

      if (this._closeWhenEmpty && this.clients.size === 0) {
        process.nextTick(() => this._emitClose());
      }
    });
  }
}

/** The answer to a request that does not ask for an upgrade. */
function requireUpgrade(req, res) {
  const body = http.STATUS_CODES[426];
  res.writeHead(426, { 'Content-Length': body.length, 'Content-Type': 'text/plain' });
  res.end(body);
}

function socketOnError() {
  this.destroy();
}

/** Answers a request that is not accepted, and ends the connection. */
function answer(socket, status, message, headers) {
  message ||= http.STATUS_CODES[status];
  const all = {
    Connection: 'close',
    'Content-Type': 'text/html',
    'Content-Length': Buffer.byteLength(message),
    ...headers
  };
  const lines = Object.keys(all).map((name) => `${name}: ${all[name]}`);

  socket.once('finish', socket.destroy);
  socket.end(
    [`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`, ...lines, '', message].join('\r\n')
  );
}

module.exports = WebSocketServer;
