// The client's opening handshake: a request of Node.js, and what its answer has to be.
'use strict';

const { randomBytes } = require('crypto');
const http = require('http');
const https = require('https');
const net = require('net');
const tls = require('tls');

const native = require('./native');
const { CLOSING, CONNECTING, DEFAULTS, VERSIONS, protocol } = require('./constants');
const { parseAddress, parseSocketAddress } = require('./address');
const { judgeAnswer } = require('./answer');
const { checkBackpressure } = require('./backpressure');
const { resolveHeartbeat } = require('./heartbeat');
const PerMessageDeflate = require('./deflate');

const MAX_REDIRECTS = 10;
const NONCE_LENGTH = 16;

/** Header names as `ws` writes them. */
const SPELLED = { origin: 'Origin', 'sec-websocket-origin': 'Sec-WebSocket-Origin' };

const kAborted = Symbol('aborted');

/**
 * Connects a WebSocket.
 *
 * @param {WebSocket} websocket
 * @param {(String|URL)} address Where to
 * @param {(String|String[])} [protocols] The subprotocols to ask for
 * @param {Object} [options] Those of the constructor
 */
function connect(websocket, address, protocols, options) {
  const list = protocols === undefined ? (options?.protocols ?? []) : protocols;
  const handshake = new Handshake(websocket, Array.isArray(list) ? list : [list], options);
  handshake.start(address);
}

class Handshake {
  constructor(websocket, protocols, options) {
    this.websocket = websocket;
    this.protocols = protocols;
    /** The caller's; their secrets may be dropped by a redirect. */
    this.options = options ?? {};
    this.first = null;
  }

  /** Sends a request, the first or one that a redirect leads to. */
  start(address) {
    const options = this._resolveOptions();
    options.heartbeat = resolveHeartbeat(options.heartbeat);
    checkBackpressure(options);
    this.websocket._settle(options);

    if (!VERSIONS.includes(options.protocolVersion)) {
      throw new RangeError(
        `Unsupported protocol version: ${options.protocolVersion} ` +
          `(supported versions: ${VERSIONS.join(', ')})`
      );
    }

    let url;

    try {
      url = this._parse(address);
    } catch (err) {
      if (this.websocket._redirects === 0) throw err;
      this.websocket._failHandshake(err);
      return;
    }

    this.websocket._url = url.href;
    this.url = url;
    this.key = native.keyFor(randomBytes(NONCE_LENGTH));
    this._describeRequest(options);
    this._send(options);
  }

  /** Reads an address. */
  _parse(address) {
    return parseAddress(address);
  }

  get _isSecure() {
    return this.url.protocol === 'wss:';
  }

  _resolveOptions() {
    return {
      ...DEFAULTS,
      protocolVersion: protocol.DEFAULT_VERSION,
      perMessageDeflate: true,
      followRedirects: false,
      maxRedirects: MAX_REDIRECTS,
      ...this.options,
      socketPath: undefined,
      hostname: undefined,
      protocol: undefined,
      protocols: undefined,
      timeout: undefined,
      method: 'GET',
      host: undefined,
      path: undefined,
      port: undefined
    };
  }

  /** Fills in what the URL and the options of the handshake say. */
  _describeRequest(options) {
    const { _isSecure: isSecure, url } = this;

    options.createConnection ??= isSecure ? connectTls : connectNet;
    options.defaultPort ||= isSecure ? 443 : 80;
    options.port = url.port || options.defaultPort;
    options.host = url.hostname.replace(/^\[|\]$/g, '');
    options.path = url.pathname + url.search;
    options.timeout = options.handshakeTimeout;
    options.headers = this._mergeHeaders(options.headers, {
      'Sec-WebSocket-Version': options.protocolVersion,
      'Sec-WebSocket-Key': this.key,
      Connection: 'Upgrade',
      Upgrade: 'websocket'
    });

    this._offerExtensions(options);
    this._offerProtocols(options);

    if (options.origin) {
      const name = protocol.ORIGIN_HEADERS[options.protocolVersion];
      options.headers[SPELLED[name]] = options.origin;
    }

    if (url.username || url.password) options.auth = this._credentials();
    if (url.protocol === 'ws+unix:') Object.assign(options, parseSocketAddress(url));
  }

  /** The header fields of the caller, and those of the handshake, which win. */
  _mergeHeaders(headers, own) {
    return { ...headers, ...own };
  }

  _credentials() {
    return `${unescape(this.url.username)}:${unescape(this.url.password)}`;
  }

  _offerExtensions(options) {
    this.deflate = null;
    if (!options.perMessageDeflate) return;
    this.deflate = new PerMessageDeflate({
      ...options.perMessageDeflate,
      isServer: false,
      maxPayload: options.maxPayload
    });
    options.headers['Sec-WebSocket-Extensions'] = this.deflate._offerText();
  }

  _offerProtocols(options) {
    const names = this.protocols;
    this.asked = new Set(names);
    if (names.length === 0) return;

    if (
      !names.every((name) => typeof name === 'string') ||
      !native.mayRequest(names.join('\0'), names.length)
    ) {
      throw new SyntaxError('An invalid or duplicated subprotocol was specified');
    }

    options.headers['Sec-WebSocket-Protocol'] = names.join(',');
  }

  _send(options) {
    const { websocket } = this;
    const request = this._isSecure ? https.request : http.request;

    if (options.followRedirects) this._keepSecrets(options);

    const req = (websocket._req = request(options));
    if (websocket._redirects > 0) websocket.emit('redirect', websocket.url, req);

    if (options.timeout) {
      req.on('timeout', () => {
        abort(websocket, req, 'Opening handshake has timed out');
      });
    }

    req.on('error', (err) => {
      if (websocket._req === null || req[kAborted]) return;
      websocket._req = null;
      websocket._failHandshake(err);
    });
    req.on('response', (res) => this._onResponse(req, res, options));
    req.on('upgrade', (res, socket, head) => this._onUpgrade(res, socket, head, options));

    if (options.finishRequest) options.finishRequest(req, websocket);
    else req.end();
  }

  /**
   * Sees to it that nothing secret goes to another host, or unencrypted, unless a listener of
   * 'redirect' takes care of that.
   */
  _keepSecrets(options) {
    const { websocket, url } = this;
    const isLocal = url.protocol === 'ws+unix:';
    const host = isLocal ? options.socketPath : url.host;

    if (websocket._redirects === 0) {
      this.first = { host, isLocal, isSecure: this._isSecure };
      const headers = Object.entries(this.options.headers ?? {});
      this.options = {
        ...this.options,
        headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))
      };
    } else if (websocket.listenerCount('redirect') === 0) {
      const isSameHost = this.first.isLocal === isLocal && this.first.host === host;

      if (!isSameHost || (this.first.isSecure && !this._isSecure)) {
        this._dropSecrets(options, isSameHost);
      }
    }

    // What the URL says goes for the server of the first one as well.
    if (options.auth && !this.options.headers.authorization) {
      this.options.headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
  }

  _dropSecrets(options, isSameHost) {
    const secret = isSameHost ? ['authorization', 'cookie'] : ['authorization', 'cookie', 'host'];

    for (const headers of [options.headers, this.options.headers]) {
      for (const name of Object.keys(headers)) {
        if (secret.includes(name.toLowerCase())) delete headers[name];
      }
    }

    options.auth = undefined;
    this.options.auth = undefined;
  }

  _onResponse(req, res, options) {
    const { websocket } = this;
    const { statusCode } = res;
    const { location } = res.headers;
    const isRedirect = statusCode >= 300 && statusCode < 400 && location;

    if (isRedirect && options.followRedirects) {
      this._follow(req, location, options);
    } else if (!websocket.emit('unexpected-response', req, res)) {
      abort(websocket, req, `Unexpected server response: ${statusCode}`);
    }
  }

  _follow(req, location, options) {
    const { websocket } = this;

    if (++websocket._redirects > options.maxRedirects) {
      abort(websocket, req, 'Maximum redirects exceeded');
      return;
    }

    req[kAborted] = true;
    req.abort();

    let address;

    try {
      address = this._resolveLocation(location);
    } catch (err) {
      websocket._failHandshake(err);
      return;
    }

    this.start(address);
  }

  /** Where a redirect leads. */
  _resolveLocation(location) {
    try {
      return new URL(location, this.url);
    } catch {
      throw new SyntaxError(`Invalid URL: ${location}`);
    }
  }

  _onUpgrade(res, socket, head, options) {
    const { websocket } = this;

    websocket.emit('upgrade', res);
    // A listener may have closed the connection.
    if (websocket._readyState !== CONNECTING) return;
    websocket._req = null;

    const fault = judgeAnswer(this._headersOf(res), this, websocket);

    if (fault !== null) {
      abort(websocket, socket, fault);
      return;
    }

    websocket._begin(socket, head, options);
  }

  /** The fields of the server's answer. */
  _headersOf(res) {
    return res.headers;
  }
}

/** User information of a URL, as it is meant. */
function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function connectNet(options) {
  options.path = options.socketPath;
  return net.connect(options);
}

function connectTls(options) {
  options.path = undefined;
  // An address is no name to ask a server for.
  if (!options.servername && options.servername !== '') {
    options.servername = net.isIP(options.host) ? '' : options.host;
  }
  return tls.connect(options);
}

/**
 * Ends a handshake that has not come to its end.
 *
 * @param {WebSocket} websocket
 * @param {(http.ClientRequest|stream.Duplex)} stream The request, or its socket
 * @param {String} message Why
 */
function abort(websocket, stream, message) {
  websocket._readyState = CLOSING;
  const err = new Error(message);

  if (stream.setHeader === undefined) {
    stream.destroy(err);
    stream.once('error', (error) => websocket.emit('error', error));
    stream.once('close', () => websocket.emitClose());
    return;
  }

  stream[kAborted] = true;
  stream.abort();
  // Node.js does not always do so when the request is complete.
  if (stream.socket && !stream.socket.destroyed) stream.socket.destroy();
  websocket._failAborted(stream, err);
}

module.exports = { Handshake, abort, connect };
