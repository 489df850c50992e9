// Compares the CPU time of a server's main thread per message: this package, `ws` with bufferutil,
// and a bare socket, in turns.
//
//   node bench/run.js [--rounds 9] [--seconds 0.5] [connections:length:depth[:kind]]...
//
// Kinds: echo, deflate, deflate-no-takeover, inflate (short answers), broadcast (a loop over
// `clients`), broadcast(), without-bufferutil (an echo; `ws` masks in JavaScript).
'use strict';

const { fork } = require('child_process');
const { readFileSync } = require('fs');
const path = require('path');
const { parseArgs } = require('util');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '0.5' },
    libraries: { type: 'string', default: 'bowsprit,ws,socket' }
  }
});

const LIBRARIES = values.libraries.split(',');
const ALL = [
  '32:20:1',
  '32:20:16',
  '32:20:64',
  '32:1024:16',
  '16:16384:1',
  '16:16384:4',
  '10:1048576:1',
  '16:16384:1:without-bufferutil',
  '10:1048576:1:without-bufferutil',
  '32:1024:1:deflate-no-takeover',
  '32:1024:1:deflate',
  '16:16384:1:deflate',
  '1000:128:1:broadcast',
  '1000:128:16:broadcast',
  '1000:128:1:broadcast()',
  '1000:128:16:broadcast()'
];
const SETTINGS = positionals.length > 0 ? positionals : ALL;

const next = (child) => new Promise((resolve) => child.once('message', resolve));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Nanoseconds that the main thread of a process has run. */
function mainThread(pid) {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]);
}

/** Nanoseconds that all threads of a process have run. */
function allThreads(pid) {
  const [, utime, stime] = readFileSync(`/proc/${pid}/stat`, 'utf8').match(/\) (?:\S+ ){11}(\d+) (\d+)/);
  return (Number(utime) + Number(stime)) * 1e7;
}

async function measure(library, load, { connections, depth, kind, length }) {
  const env = { ...process.env };
  if (kind === 'without-bufferutil') env.WS_NO_BUFFER_UTIL = '1';
  const server = fork(path.join(__dirname, 'server.js'), [library, kind], { env });
  const { port } = await next(server);

  load.send({ open: { connections, depth, kind: kind.replace('()', ''), length, library, port } });
  await next(load);
  load.send('start');
  await sleep(300);

  const count = async () => {
    load.send('count');
    const { messages } = await next(load);
    return [messages, mainThread(server.pid), allThreads(server.pid)];
  };
  const before = await count();
  await sleep(Number(values.seconds) * 1000);
  const after = await count();

  server.kill();
  const messages = after[0] - before[0];
  return [1, 2].map((i) => (after[i] - before[i]) / messages / 1000);
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function main() {
  const load = fork(path.join(__dirname, 'load.js'));

  console.log('µs of the main thread (of all threads) per message, and that of ours to that of ws');

  for (const setting of SETTINGS) {
    const [connections, length, depth, kind = 'echo'] = setting.split(':');
    const settings = { connections: +connections, depth: +depth, kind, length: +length };
    const libraries = LIBRARIES.filter((library) => library !== 'socket' || kind === 'echo');
    const results = Object.fromEntries(libraries.map((library) => [library, []]));

    for (let round = 0; round < Number(values.rounds); round++) {
      for (const library of libraries) results[library].push(await measure(library, load, settings));
    }

    const times = (i) => libraries.map((library) => median(results[library].map((time) => time[i])));
    const [main, all] = [times(0), times(1)];
    const cells = libraries.map((library, i) => `${library} ${main[i].toFixed(2)} (${all[i].toFixed(2)})`);
    const ratio = (list) => (list[0] / list[1]).toFixed(2);
    console.log(`${setting.padEnd(30)} ${cells.join('  ')}  ratio ${ratio(main)} (${ratio(all)})`);
  }

  load.disconnect();
}

main();
