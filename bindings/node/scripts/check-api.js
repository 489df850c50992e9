// Compares the list of the public API with the tests, whose names begin with its numbers.
'use strict';

const fs = require('fs');
const path = require('path');

const directory = path.join(__dirname, '../test');
const items = fs
  .readFileSync(path.join(directory, 'api.tsv'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('\t'));
const tested = new Set();

for (const name of fs.readdirSync(directory).filter((name) => name.endsWith('.test.js'))) {
  const text = fs.readFileSync(path.join(directory, name), 'utf8');

  for (const [, numbers] of text.matchAll(/^\s*test\(\s*['`]((?:[MSCWX]\d+(?:, )?)+):/gm)) {
    for (const number of numbers.split(', ')) tested.add(number);
  }
}

const missing = items.filter(([number]) => !tested.has(number));
const unknown = [...tested].filter((number) => !items.some(([known]) => known === number));

for (const [number, what] of missing) console.error(`no test carries the number ${number}: ${what}`);
for (const number of unknown) console.error(`a test carries a number that is not listed: ${number}`);
console.log(`${items.length - missing.length} of ${items.length} items have a test`);
process.exitCode = missing.length + unknown.length > 0 ? 1 : 0;
