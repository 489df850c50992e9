// Each example of the READMEs of `ws`, 8 and 7, with this package in its place.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { after, test } = require('node:test');

const DRIVERS = require('./helpers/readme-drivers');
const { Program, prepare, readBlocks } = require('./helpers/readme');

const EDITIONS = [
  { from: 'ws', isModule: true, lacks: ['echo.websocket.org demo 1'], name: 'bowsprit' },
  { from: 'ws7', isModule: false, lacks: ['Round-trip time 1'], name: 'bowsprit/v7' }
];

const place = prepare();

after(() => fs.rmSync(place.directory, { force: true, recursive: true }));

for (const { from, isModule, lacks, name } of EDITIONS) {
  const file = path.join(__dirname, '../node_modules', from, 'README.md');
  const blocks = readBlocks(file);

  test(`all code blocks of the README of ${from} have a test`, () => {
    const known = Object.keys(DRIVERS).filter((title) => !lacks.includes(title));
    assert.deepStrictEqual([...blocks.keys()].sort(), known.sort());
  });

  for (const [title, code] of blocks) {
    test(`${name} runs the example of ${from}: ${title}`, async (t) => {
      // `WITH_WS=1` shows that what is asked for is what `ws` does.
      const used = process.env.WITH_WS ? from : name;
      const start = (port, text = code) => {
        const program = new Program(place, text, { isModule, name: used, port });
        t.after(() => program.child.kill());
        return program;
      };
      await DRIVERS[title](start, place, code, (other) => blocks.get(other));
    });
  }
}
