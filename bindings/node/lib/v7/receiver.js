'use strict';

const { kOwned } = require('../constants');
const Base = require('../receiver');

/**
 * A receiver whose text and close reasons are strings.
 *
 * @extends Writable
 */
class Receiver extends Base {
  /**
   * @param {String} [binaryType=nodebuffer] What binary messages are handed out as
   * @param {Object} [extensions] The extensions that were agreed on
   * @param {Boolean} [isServer=false] Which end of the connection this is
   * @param {Number} [maxPayload=0] How long a message may be
   * @param {Number} [maxBufferedChunks=0] How many chunks an incomplete frame may come in
   * @param {Number} [maxFragments=0] How many fragments a message may have
   * @param {Boolean} [isOwned=false] Whether who makes it frees it
   */
  constructor(
    binaryType,
    extensions,
    isServer,
    maxPayload,
    maxBufferedChunks,
    maxFragments,
    isOwned = false
  ) {
    const limits = { maxBufferedChunks, maxFragments, maxPayload };
    super({ ...limits, binaryType, extensions, isServer, [kOwned]: isOwned });
  }

  _emitMessage(isBinary, whole, pieces) {
    const data = this._asType(isBinary, whole, pieces);
    this.emit('message', isBinary ? data : data.toString());
  }

  _conclude(code, reason) {
    super._conclude(code, reason.toString());
  }
}

module.exports = Receiver;
