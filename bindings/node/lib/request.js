// What a server checks of a request to upgrade, and what it answers.
'use strict';

const native = require('./native');
const { DEFLATE, VERSIONS } = require('./constants');
const extension = require('./extension');
const PerMessageDeflate = require('./deflate');
const subprotocol = require('./subprotocol');

/** A request that is not accepted. */
class Refusal extends Error {
  constructor(status, message, headers) {
    super(message);
    this.status = status;
    this.headers = headers;
    /** 'wsClientError' tells of it. */
    this.isClientError = true;
  }
}

// What the addon's `checkRequest` returns.
const FAULTS = [
  null,
  [405, 'Invalid HTTP method'],
  [400, 'Invalid Upgrade header'],
  [400, 'Missing or invalid Sec-WebSocket-Key header'],
  [
    400,
    'Missing or invalid Sec-WebSocket-Version header',
    { 'Sec-WebSocket-Version': [...VERSIONS].reverse().join(', ') }
  ],
  [400, 'A request to upgrade must not have a body']
];

/**
 * Checks a request.
 *
 * @param {http.IncomingMessage} req
 * @param {WebSocketServer} server
 * @return {{extensions: Object, key: String, protocols: Set, version: String}} What it asks for
 * @throws {Refusal}
 */
function checkRequest(req, server) {
  const { headers } = req;
  const key = headers['sec-websocket-key'];
  // Who makes a request without a socket may write numbers.
  const text = (name) => (headers[name] === undefined ? undefined : String(headers[name]));
  const version = text('sec-websocket-version');
  const fault = FAULTS[
    native.checkRequest(
      req.method,
      headers.upgrade,
      key,
      version,
      text('content-length'),
      text('transfer-encoding')
    )
  ];

  if (fault !== null) throw new Refusal(...fault);

  if (!server.shouldHandle(req)) {
    const refusal = new Refusal(400);
    refusal.isClientError = false;
    refusal.message = undefined;
    throw refusal;
  }

  return { ...server._readOffers(headers), key, version };
}

function readProtocols(header) {
  if (header === undefined) return new Set();

  try {
    return subprotocol.parse(header);
  } catch {
    throw new Refusal(400, 'Invalid Sec-WebSocket-Protocol header');
  }
}

function readExtensions(header, options) {
  if (!options.perMessageDeflate || header === undefined) return {};

  try {
    const offers = extension.parse(header);
    if (!offers[DEFLATE]) return {};

    const deflate = new PerMessageDeflate({
      ...options.perMessageDeflate,
      isServer: true,
      maxPayload: options.maxPayload
    });
    deflate.accept(offers[DEFLATE]);
    return { [DEFLATE]: deflate };
  } catch {
    throw new Refusal(400, 'Invalid or unacceptable Sec-WebSocket-Extensions header');
  }
}

/**
 * Chooses a subprotocol.
 *
 * @param {Object} options Those of the server
 * @param {Set} protocols Those that the request asks for
 * @param {http.IncomingMessage} req
 * @return {(String|undefined)} Anything falsy for none
 */
function chooseProtocol(options, protocols, req) {
  if (protocols.size === 0) return undefined;
  if (options.handleProtocols) return options.handleProtocols(protocols, req);
  return protocols.values().next().value;
}

/**
 * Gives a connection what was agreed on.
 *
 * @param {Object} extensions
 * @param {String} protocol Anything falsy for none
 * @param {WebSocket} websocket
 * @return {String[]} Lines for the answer
 */
function agree(extensions, protocol, websocket) {
  const lines = [];

  if (protocol) {
    lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    websocket._protocol = protocol;
  }

  const deflate = extensions[DEFLATE];

  if (deflate) {
    const value = extension.format({ [DEFLATE]: [deflate.params] });
    lines.push(`Sec-WebSocket-Extensions: ${value}`);
    websocket._extensions = extensions;
  }

  return lines;
}

module.exports = {
  Refusal,
  agree,
  checkRequest,
  chooseProtocol,
  readExtensions,
  readProtocols
};
