// The `Sec-WebSocket-Protocol` header.
'use strict';

const native = require('./native');
const { headerError } = require('./errors');

/**
 * Reads a header.
 *
 * @param {String} header
 * @return {Set} The subprotocols, the most preferred first
 * @throws {SyntaxError} It does not match its grammar, or one stands there twice
 */
function parse(header) {
  const result = native.parseSubprotocols(header);
  if (typeof result === 'number') throw headerError(header, result);
  if (!result.startsWith('[')) throw new SyntaxError(`The "${result}" subprotocol is duplicated`);
  return new Set(JSON.parse(result));
}

module.exports = { parse };
