// Masking keys, as the addon takes them: numbers of 32 bits.
'use strict';

const { randomFillSync } = require('crypto');

const pool = new Int32Array(2048);
const given = Buffer.alloc(4);
let used = pool.length;

/** A key that nobody can predict. */
function randomKey() {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }

  const key = pool[used];
  // Who can read the memory of the process later does not find the keys of the past.
  pool[used++] = 0;
  return key;
}

/** The key that a function of the user puts into a Buffer. */
function generatedKey(generateMask, buffer = given) {
  generateMask(buffer);
  return buffer.readInt32LE(0);
}

module.exports = { generatedKey, randomKey };
