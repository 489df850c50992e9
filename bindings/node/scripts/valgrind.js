// Runs `exercise.js` under valgrind, which sees the memory that the addon uses: reads and writes
// out of bounds or of freed blocks, values that nobody has set, blocks that are lost. What has a
// function of the addon among its callers is an error.
//
//   node scripts/valgrind.js [rounds]
//
// Exit codes: 1 there are errors, 3 this machine has no valgrind.
'use strict';

const { spawnSync } = require('child_process');
const { mkdtempSync, readFileSync, rmSync } = require('fs');
const os = require('os');
const path = require('path');

const ROUNDS = process.argv[2] ?? '6';
const ADDON = 'bowsprit.node';
const SHOWN = 5;

const directory = mkdtempSync(path.join(os.tmpdir(), 'bowsprit-valgrind-'));
const file = path.join(directory, 'errors.xml');

/** Exits with a message. */
function fail(message, status) {
  rmSync(directory, { force: true, recursive: true });
  console.error(`valgrind: ${message}`);
  process.exit(status);
}

const options = [
  // V8 writes code while it runs.
  '--smc-check=all-non-file',
  '--leak-check=full',
  '--show-leak-kinds=definite',
  '--num-callers=40',
  '--xml=yes',
  `--xml-file=${file}`
];
const program = [process.execPath, path.join(__dirname, 'exercise.js'), ROUNDS];
const { error, status, signal } = spawnSync('valgrind', [...options, ...program], {
  stdio: ['ignore', 'inherit', 'inherit']
});

if (error?.code === 'ENOENT') fail('there is none on this machine', 3);
if (status !== 0) fail(`the program has failed: ${error ?? signal ?? `status ${status}`}`, 1);

const text = (xml, name) => xml.match(new RegExp(`<${name}>([^<]*)</${name}>`))?.[1] ?? '?';
const frames = (stack) => stack.match(/<frame>[\s\S]*?<\/frame>/g) ?? [];
const xml = readFileSync(file, 'utf8');

// A file that is cut short, or something else, would have no errors.
if (!xml.includes('<state>FINISHED</state>')) fail('it has not told what it found', 1);

const errors = (xml.match(/<error>[\s\S]*?<\/error>/g) ?? []).filter(
  (found) => text(found, 'kind') !== 'Leak_PossiblyLost' && found.includes(`/${ADDON}</obj>`)
);

for (const found of errors.slice(0, SHOWN)) {
  console.error(`${text(found, 'kind')}: ${text(found, 'what')} ${text(found, 'text')}`);
  for (const place of frames(found)) {
    console.error(`    ${text(place, 'fn')} (${text(place, 'obj')})`);
  }
}

if (errors.length > 0) fail(`${errors.length} errors`, 1);
rmSync(directory, { recursive: true });
console.log('valgrind: no errors');
