// What messages can be given as, and handed out as.
'use strict';

const { FastBuffer } = require('./constants');

/**
 * Finds the bytes of a message. Only memory that other threads share is copied.
 *
 * @param {*} data What was given
 * @return {Buffer}
 * @throws {TypeError} That of `Buffer.from`, for what is no data
 */
function toBuffer(data) {
  if (Buffer.isBuffer(data)) return isShared(data.buffer) ? Buffer.from(data) : data;
  if (data instanceof ArrayBuffer) return new FastBuffer(data);

  if (ArrayBuffer.isView(data)) {
    const view = new FastBuffer(data.buffer, data.byteOffset, data.byteLength);
    return isShared(data.buffer) ? Buffer.from(view) : view;
  }

  return Buffer.from(data);
}

function isShared(memory) {
  return typeof SharedArrayBuffer !== 'undefined' && memory instanceof SharedArrayBuffer;
}

/**
 * An ArrayBuffer of just these bytes.
 *
 * @param {Buffer} buffer
 * @return {ArrayBuffer}
 */
function toArrayBuffer(buffer) {
  if (buffer.byteLength === buffer.buffer.byteLength) return buffer.buffer;
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}

/**
 * @param {*} value
 * @return {Boolean} Whether it is a Blob, of whatever class
 */
function isBlob(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof value.arrayBuffer === 'function' &&
    typeof value.type === 'string' &&
    typeof value.stream === 'function' &&
    /^(Blob|File)$/.test(value[Symbol.toStringTag])
  );
}

module.exports = { isBlob, isShared, toArrayBuffer, toBuffer };
