// The tests that @fastify/websocket ships.
'use strict';

const { readdirSync } = require('fs');
const { spawnSync } = require('child_process');
const path = require('path');

const directory = path.join(process.cwd(), 'node_modules/@fastify/websocket');
const files = readdirSync(path.join(directory, 'test')).filter((name) => name.endsWith('.test.js'));
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-reporter=dot', ...files.map((name) => path.join('test', name))],
  { cwd: directory, stdio: 'inherit' }
);
process.exitCode = status ?? 1;
