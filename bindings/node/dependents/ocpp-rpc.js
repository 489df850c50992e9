// The tests that ocpp-rpc ships, but for the one that fails with `ws` from 8.14 on.
'use strict';

const { spawnSync } = require('child_process');
const path = require('path');

const directory = path.join(process.cwd(), 'node_modules/ocpp-rpc');
const { status } = spawnSync(
  process.execPath,
  [
    path.join(process.cwd(), 'node_modules/mocha/bin/mocha.js'),
    '--exit',
    '--reporter=dot',
    // Some compare Date.now() with a timer's delay, which may end in the millisecond before.
    '--retries=2',
    '--invert',
    '--grep=should reject on non-ws endpoint URL'
  ],
  { cwd: directory, stdio: 'inherit' }
);
process.exitCode = status ?? 1;
