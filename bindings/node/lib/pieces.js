'use strict';

/** The pieces of a message that have come. */
class Pieces {
  constructor() {
    this.list = [];
    /** How many there are at the end of each frame. */
    this.frameEnds = [];
  }

  add(piece, endsFrame) {
    if (piece.length > 0) this.list.push(piece);
    if (endsFrame) this.frameEnds.push(this.list.length);
  }

  /** The payloads of the frames, but for empty ones. */
  frames() {
    let begin = 0;
    const frames = this.frameEnds.map((end) => {
      const pieces = this.list.slice(begin, end);
      begin = end;
      return pieces;
    });
    return frames.filter((pieces) => pieces.length > 0).map(join);
  }
}

function join(pieces) {
  return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
}

module.exports = { Pieces, join };
