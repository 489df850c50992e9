// A client's opening handshake as in `ws` 7.
'use strict';

const { URL } = require('url');

const { Handshake: Base } = require('../client');
const known = require('./options');

class Handshake extends Base {
  constructor(websocket, protocols, options) {
    super(websocket, protocols, known(options));
  }

  start(address) {
    super.start(address);
    // As it was given.
    this.websocket._url = String(address);
  }

  /** Anything that has a host is an address. */
  _parse(address) {
    const url = new URL(address);
    const isLocal = url.protocol === 'ws+unix:';

    if (!url.host && !(isLocal && url.pathname)) {
      throw new Error(`Invalid URL: ${address}`);
    }

    return url;
  }

  get _isSecure() {
    return this.url.protocol === 'wss:' || this.url.protocol === 'https:';
  }

  _describeRequest(options) {
    const { defaultPort } = options;
    super._describeRequest(options);
    // That option is for the `Host` header only.
    if (defaultPort) options.port = this.url.port || (this._isSecure ? 443 : 80);
  }

  /** The caller's win. */
  _mergeHeaders(headers, own) {
    return { ...own, ...headers };
  }

  _offerProtocols(options) {
    const text = this.protocols;
    this.asked = new Set(text ? text.split(/, */) : []);
    if (text) options.headers['Sec-WebSocket-Protocol'] = text;
  }

  /** As they stand in the URL. */
  _credentials() {
    return `${this.url.username}:${this.url.password}`;
  }

  _resolveLocation(location) {
    return new URL(location, this.url);
  }

  /** Empty fields are as good as none. */
  _headersOf(res) {
    const { headers } = res;
    const extensions = headers['sec-websocket-extensions'];
    return {
      ...headers,
      'sec-websocket-extensions': extensions === '' && this.deflate ? undefined : extensions,
      'sec-websocket-protocol': headers['sec-websocket-protocol'] || undefined
    };
  }
}

/**
 * Connects a WebSocket.
 *
 * @param {WebSocket} websocket
 * @param {(String|URL)} address Where to
 * @param {(String|String[])} [protocols] The subprotocols to ask for
 * @param {Object} [options] Those of the constructor
 */
function connect(websocket, address, protocols, options) {
  const text = Array.isArray(protocols) ? protocols.join(', ') : protocols;
  new Handshake(websocket, text, options).start(address);
}

module.exports = { connect };
