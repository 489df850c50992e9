// Compares the CPU time that a client takes to build a masked frame, from a string and from a
// Buffer: this package and `ws`, in turns, with a socket that takes everything at once.
//
//   node bench/frames.js [--rounds 9] [length]...
'use strict';

const { readFileSync } = require('fs');
const { parseArgs } = require('util');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '9' } }
});

const ALL = [20, 125, 1024, 16384, 65536, 1048576];
const LENGTHS = positionals.length > 0 ? positionals.map(Number) : ALL;
/** Frames that are sent in one turn, as in a burst. */
const BURST = 16;

class Socket {
  constructor() {
    this.bytes = 0;
    this.destroyed = false;
    this._writableState = { length: 0 };
  }

  write(bytes, callback) {
    this.bytes += bytes.length;
    if (callback) process.nextTick(callback);
    return true;
  }

  cork() {}

  uncork() {}
}

/** Nanoseconds that this thread has run. */
function now() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
}

/** Nanoseconds per frame. */
async function measure(Sender, data) {
  const socket = new Socket();
  const sender = new Sender(socket, {});
  const options = { binary: typeof data !== 'string', fin: true, mask: true, readOnly: true };
  const bursts = Math.ceil(Math.min(60_000, 2e8 / data.length) / BURST);
  const before = now();

  for (let i = 0; i < bursts; i++) {
    for (let j = 0; j < BURST; j++) sender.send(data, options);
    await null;
    await new Promise((resolve) => process.nextTick(resolve));
  }

  const time = now() - before;
  const header = data.length < 126 ? 6 : data.length < 65536 ? 8 : 14;
  const expected = bursts * BURST * (data.length + header);
  if (socket.bytes !== expected) throw new Error(`${socket.bytes} bytes instead of ${expected}`);
  return time / (bursts * BURST);
}

async function main() {
  const senders = [require('..').Sender, require('ws').Sender];
  console.log('ns per frame, least of all rounds: bowsprit, ws, ratio');

  for (const length of LENGTHS) {
    for (const data of ['a'.repeat(length), Buffer.alloc(length, 'a')]) {
      const best = [Infinity, Infinity];
      for (let round = 0; round < Number(values.rounds); round++) {
        for (const i of [0, 1]) best[i] = Math.min(best[i], await measure(senders[i], data));
      }
      const kind = typeof data === 'string' ? 'string' : 'Buffer';
      const [own, other] = best.map((time) => time.toFixed(0).padStart(8));
      const ratio = (best[0] / best[1]).toFixed(2);
      console.log(`${kind} ${String(length).padStart(8)} ${own} ${other}  ${ratio}`);
    }
  }
}

main();
