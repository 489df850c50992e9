// Frames as bytes, made here and not by what is tested.
'use strict';

const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** How a length may be written. */
function lengthBytes(length, form) {
  const chosen = form ?? (length < 126 ? 7 : length < 65536 ? 16 : 64);
  if (chosen === 7) return [length, Buffer.alloc(0)];

  const bytes = Buffer.alloc(chosen / 8);
  if (chosen === 16) bytes.writeUInt16BE(length);
  else bytes.writeBigUInt64BE(BigInt(length));
  return [chosen === 16 ? 126 : 127, bytes];
}

/**
 * A frame.
 *
 * @param {Number} first The first byte
 * @param {(String|Buffer)} payload
 * @param {Object} [options]
 * @param {Boolean} [options.mask=true] Whether it is masked
 * @param {Number} [options.form] In how many bits the length is written
 */
function frame(first, payload = '', { mask = true, form } = {}) {
  const data = Buffer.from(payload);
  const [short, long] = lengthBytes(data.length, form);
  const head = Buffer.from([first, short | (mask ? 0x80 : 0)]);
  if (!mask) return Buffer.concat([head, long, data]);
  const masked = data.map((byte, i) => byte ^ KEY[i & 3]);
  return Buffer.concat([head, long, KEY, masked]);
}

/** The payload of a close frame. */
function closePayload(code, reason = '') {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return Buffer.concat([payload, Buffer.from(reason)]);
}

/** Takes frames apart again. */
function parseFrames(bytes) {
  const frames = [];
  let at = 0;

  while (at < bytes.length) {
    const first = bytes[at];
    const masked = (bytes[at + 1] & 0x80) !== 0;
    let length = bytes[at + 1] & 0x7f;
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    const key = masked ? bytes.subarray(at, at + 4) : null;
    if (masked) at += 4;
    const payload = Buffer.from(bytes.subarray(at, at + length));
    if (masked) payload.forEach((byte, i) => (payload[i] = byte ^ key[i & 3]));
    frames.push({ first, key, masked, payload });
    at += length;
  }

  return frames;
}

/** Cuts bytes at positions. */
function cut(bytes, positions) {
  const sorted = [...positions].sort((a, b) => a - b);
  return sorted.concat(bytes.length).map((end, i) => bytes.subarray(i === 0 ? 0 : sorted[i - 1], end));
}

module.exports = { KEY, closePayload, cut, frame, parseFrames };
