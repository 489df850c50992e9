// The texts of what the receiver finds wrong, by the numbers that the addon gives.
'use strict';

const { kStatusCode, protocol } = require('./constants');

const INVALID = 'Invalid WebSocket frame: ';

const OPCODE = [
  RangeError,
  (opcode) => `${INVALID}invalid opcode ${opcode}`,
  'WS_ERR_INVALID_OPCODE'
];
const CONTROL_LENGTH = [
  RangeError,
  (length) => `${INVALID}invalid payload length ${length}`,
  'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'
];

const TABLE = {
  1: [RangeError, () => `${INVALID}RSV2 and RSV3 must be clear`, 'WS_ERR_UNEXPECTED_RSV_2_3'],
  2: OPCODE,
  3: [
    RangeError,
    () => `${INVALID}the payload length is not in its shortest form`,
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'
  ],
  4: [
    RangeError,
    () => 'Unsupported WebSocket frame: payload length > 2^53 - 1',
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
    protocol.TOO_BIG
  ],
  5: [RangeError, () => `${INVALID}FIN must be set`, 'WS_ERR_EXPECTED_FIN'],
  6: CONTROL_LENGTH,
  7: [RangeError, () => `${INVALID}MASK must be set`, 'WS_ERR_EXPECTED_MASK'],
  8: [RangeError, () => `${INVALID}MASK must be clear`, 'WS_ERR_UNEXPECTED_MASK'],
  9: OPCODE,
  10: OPCODE,
  11: CONTROL_LENGTH,
  12: [
    RangeError,
    (code) => `${INVALID}invalid status code ${code}`,
    'WS_ERR_INVALID_CLOSE_CODE'
  ],
  13: [Error, () => `${INVALID}invalid UTF-8 sequence`, 'WS_ERR_INVALID_UTF8'],
  14: [Error, (fault) => fault, 'Z_DATA_ERROR'],
  15: [RangeError, () => 'Max payload size exceeded', 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  16: [RangeError, () => 'Too many message fragments', 'WS_ERR_TOO_MANY_BUFFERED_PARTS'],
  17: [Error, () => 'too many final blocks in a compressed message', 'Z_DATA_ERROR'],
  18: [RangeError, () => `${INVALID}RSV1 must be clear`, 'WS_ERR_UNEXPECTED_RSV_1'],
  // Found by the receiver itself.
  bufferedChunks: [
    RangeError,
    () => 'Too many buffered chunks',
    'WS_ERR_TOO_MANY_BUFFERED_PARTS',
    protocol.POLICY_VIOLATION
  ],
  transferred: [
    Error,
    () => 'The memory of a received chunk was transferred before all of it was read',
    'WS_ERR_TRANSFERRED_CHUNK',
    protocol.INTERNAL_ERROR
  ]
};

/**
 * Makes the error for a rule that the peer has broken.
 *
 * @param {Number|String} number Which rule
 * @param {(Number|String)} [detail] What the text has of it
 * @param {Number} [statusCode] What the peer is told, unless the table has another code
 * @return {Error} With `code`, and the status code under a symbol
 */
function receiverError(number, detail, statusCode) {
  const [Class, text, code, ownStatusCode] = TABLE[number];
  const err = new Class(text(detail));

  err.code = code;
  if (code === 'Z_DATA_ERROR') err.errno = -3;
  err[kStatusCode] = ownStatusCode ?? statusCode;
  return err;
}

/** The error for a header that does not match its grammar from a position on. */
function headerError(header, position) {
  return new SyntaxError(
    position >= header.length
      ? 'Unexpected end of input'
      : `Unexpected character at index ${position}`
  );
}

module.exports = { headerError, receiverError };
