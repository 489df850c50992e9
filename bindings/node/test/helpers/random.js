'use strict';

/** Numbers from a seed: mulberry32. */
function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { below, next, pick: (list) => list[below(list.length)] };
}

/** Bytes that cannot be compressed. */
function noise(length, seed = 1) {
  const { next } = random(seed);
  return Buffer.from(Array.from({ length }, () => next() * 256));
}

/** Text that can. */
function prose(length, seed = 1) {
  const { pick } = random(seed);
  const words = 'the quick brown fox jumps over a lazy dog and runs away 0123 4567'.split(' ');
  let text = '';
  while (text.length < length) text += `${pick(words)} `;
  return text.slice(0, length);
}

module.exports = { noise, prose, random };
