'use strict';

const Base = require('../sender');

/** A sender that holds every message against the threshold, also with context takeover. */
class Sender extends Base {
  /**
   * @param {stream.Duplex} socket The socket to write to
   * @param {Object} [extensions] The extensions that were agreed on
   */
  constructor(socket, extensions) {
    super(socket, extensions);
  }

  _isWorth(length) {
    return length >= this._deflate._threshold;
  }
}

module.exports = Sender;
