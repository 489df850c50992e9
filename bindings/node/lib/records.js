// What the addon tells of what it has received, in arrays of numbers: `records.rs`.
'use strict';

const { FastBuffer } = require('./constants');

const MAX_RECORDS = 1024;
/** Numbers at the beginning of an array, and of each record. */
const HEADER = 2;
const STRIDE = 3;

/** An array for records, and its bytes as the addon takes them. */
class Records {
  constructor() {
    this.ints = new Int32Array(HEADER + STRIDE * MAX_RECORDS);
    this.bytes = new FastBuffer(this.ints.buffer);
  }
}

module.exports = {
  HEADER,
  Records,
  STRIDE,
  // What an event is.
  TEXT: 1,
  BINARY: 2,
  TEXT_PIECE: 3,
  BINARY_PIECE: 4,
  PING: 5,
  PONG: 6,
  CLOSE: 7,
  ERROR: 8,
  KIND: 0x0f,
  TAKEN: 0x10,
  LAST: 0x20,
  INFLATED: 0x40,
  FRAME_END: 0x80,
  CODE_SHIFT: 8,
  // What is to come, in the second number of an array.
  INCOMPLETE: 1,
  LATER: 2
};
