'use strict';

/** Options of 8 that 7 does not have, or does not take. */
const UNKNOWN = [
  'allowSynchronousEvents',
  'autoPong',
  'closeTimeout',
  'createConnection',
  'finishRequest',
  'generateMask',
  'protocols',
  'skipUTF8Validation',
  'WebSocket'
];

/** Options without those that 7 does not have. */
function known(options) {
  const rest = { ...options };
  for (const name of UNKNOWN) delete rest[name];
  return rest;
}

module.exports = known;
