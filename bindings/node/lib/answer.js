// What a client checks of the server's answer.
'use strict';

const native = require('./native');
const { DEFLATE } = require('./constants');
const extension = require('./extension');

// What the addon's `checkResponse` returns. What is wrong with the extensions comes last.
const FAULTS = [
  null,
  'Invalid Upgrade header',
  'Invalid Sec-WebSocket-Accept header',
  'Server sent no subprotocol',
  'Server sent a subprotocol but none was requested',
  'Server sent an invalid subprotocol',
  'Server sent a Sec-WebSocket-Extensions header but no extension was requested',
  'Invalid Sec-WebSocket-Extensions header',
  'Server indicated an extension that was not requested'
];
const FIRST_OF_EXTENSIONS = 6;

/**
 * Judges an answer, and gives a connection what was agreed on.
 *
 * @param {Object} headers Those of the answer
 * @param {Object} offer
 * @param {Set} offer.asked The subprotocols that were asked for
 * @param {PerMessageDeflate|null} offer.deflate The compression that was offered
 * @param {String} offer.key The key
 * @param {WebSocket} websocket
 * @return {String|null} What is wrong
 */
function judgeAnswer(headers, { asked, deflate, key }, websocket) {
  const protocol = headers['sec-websocket-protocol'];
  const extensions = headers['sec-websocket-extensions'];
  const fault = native.checkResponse(
    key,
    asked.size > 0 ? [...asked].join() : undefined,
    deflate !== null ? deflate._wanted.join() : undefined,
    headers.connection,
    headers.upgrade,
    headers['sec-websocket-accept'],
    protocol,
    extensions
  );

  if (fault === 0 || fault >= FIRST_OF_EXTENSIONS) websocket._protocol = protocol ?? '';

  if (fault === 0 && extensions !== undefined) {
    deflate.accept(extension.parse(extensions)[DEFLATE]);
    websocket._extensions[DEFLATE] = deflate;
  }

  return FAULTS[fault];
}

module.exports = { judgeAnswer };
