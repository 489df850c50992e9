// Each section of the README of `ws` has its place in docs/from-ws.md.
'use strict';

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { test } = require('node:test');

const SCRIPT = path.join(__dirname, '../../../scripts/check-ws-readme');
const README = path.join(__dirname, '../node_modules/ws/README.md');

test('docs/from-ws.md has a row for each section of the README of ws', () => {
  const { status, stdout, stderr } = spawnSync('python3', [SCRIPT, README], { encoding: 'utf8' });
  assert.strictEqual(status, 0, stdout + stderr);
});
