'use strict';

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');

const { check } = require('./helpers/compile');

const here = path.join(__dirname, '..');
const theirs = path.join(here, 'node_modules/@types/ws7/index.d.ts');

test('v7: programs for the types of ws 7 compile against ours, and against those of ws 7', () => {
  assert.deepStrictEqual(check(['v7.cts'], { ws: [path.join(here, 'v7.d.ts')] }), []);
  assert.deepStrictEqual(check(['v7.cts'], { ws: [theirs] }), []);
  assert.deepStrictEqual(check(['v7.mts'], { ws: [path.join(here, 'v7.d.mts')] }), []);
});

test('v7: what is public can be assigned to that of ws 7, and the other way round', () => {
  // Ours are found by the manifest.
  assert.deepStrictEqual(check(['v7-assignable.cts'], { ws: [theirs] }), []);
});
