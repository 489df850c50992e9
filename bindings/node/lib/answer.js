// What a client checks of the server's answer.
'use strict';

const native = require('./native');
const { DEFLATE } = require('./constants');
const extension = require('./extension');

/**
 * @param {Object} headers Those of the answer
 * @param {Object} offer
 * @param {Set} offer.asked The subprotocols that were asked for
 * @param {PerMessageDeflate|null} offer.deflate The compression that was offered
 * @param {String} offer.key The key
 * @return {String|null} What is wrong
 */
function answerFault(headers, { asked, deflate, key }) {
  if (!native.isUpgradeToWebSocket(headers.upgrade)) return 'Invalid Upgrade header';

  if (headers['sec-websocket-accept'] !== native.acceptKey(key)) {
    return 'Invalid Sec-WebSocket-Accept header';
  }

  return (
    protocolFault(headers['sec-websocket-protocol'], asked) ??
    extensionFault(headers['sec-websocket-extensions'], deflate)
  );
}

function protocolFault(protocol, asked) {
  if (protocol === undefined) return asked.size > 0 ? 'Server sent no subprotocol' : null;
  if (asked.size === 0) return 'Server sent a subprotocol but none was requested';
  return asked.has(protocol) ? null : 'Server sent an invalid subprotocol';
}

function extensionFault(header, deflate) {
  if (header === undefined) return null;

  if (deflate === null) {
    return 'Server sent a Sec-WebSocket-Extensions header but no extension was requested';
  }

  let answers;

  try {
    answers = extension.parse(header);
  } catch {
    return 'Invalid Sec-WebSocket-Extensions header';
  }

  const names = Object.keys(answers);
  if (names.length !== 1 || names[0] !== DEFLATE) {
    return 'Server indicated an extension that was not requested';
  }

  try {
    deflate.accept(answers[DEFLATE]);
    return null;
  } catch {
    return 'Invalid Sec-WebSocket-Extensions header';
  }
}

module.exports = { answerFault };
