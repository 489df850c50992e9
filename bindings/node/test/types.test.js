'use strict';

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');

const { check } = require('./helpers/compile');

const TYPES_OF_WS = path.join(__dirname, '../node_modules/@types/ws');
const here = path.join(__dirname, '..');

test('M4: programs for the types of ws compile against ours', () => {
  assert.deepStrictEqual(check(['common.cts'], { ws: [path.join(here, 'index.d.ts')] }), []);
  assert.deepStrictEqual(check(['module.mts'], { ws: [path.join(here, 'index.d.mts')] }), []);
});

test('M4: the same programs compile against those of ws', () => {
  assert.deepStrictEqual(check(['common.cts'], { ws: [path.join(TYPES_OF_WS, 'index.d.ts')] }), []);
});

test('M4: what is public can be assigned to that of ws, and the other way round', () => {
  const paths = {
    bowsprit: [path.join(here, 'index.d.ts')],
    ws: [path.join(TYPES_OF_WS, 'index.d.ts')]
  };
  assert.deepStrictEqual(check(['assignable.cts'], paths), []);
});
