'use strict';

const { Duplex } = require('stream');

/** A socket in memory: what is written is kept, what is to be read is pushed. */
class Pipe extends Duplex {
  constructor(options = {}) {
    super({ ...options, allowHalfOpen: true });
    this.written = [];
    this.ended = false;
  }

  get bytes() {
    return Buffer.concat(this.written);
  }

  _read() {}

  _write(chunk, encoding, callback) {
    this.written.push(Buffer.from(chunk));
    // As a kernel with room does.
    callback();
  }

  _final(callback) {
    this.ended = true;
    callback();
  }
}

/** Lets everything happen that does not wait for a timer. */
async function settle(turns = 12) {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

module.exports = { Pipe, settle };
