'use strict';

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');

const ts = require('typescript');

const DIRECTORY = path.join(__dirname, 'types');
const TYPES_OF_WS = path.join(__dirname, '../node_modules/@types/ws');

/** What the compiler says of files, if these modules are found there. */
function check(files, paths) {
  const program = ts.createProgram(
    files.map((name) => path.join(DIRECTORY, name)),
    {
      esModuleInterop: true,
      lib: ['lib.es2022.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      noEmit: true,
      paths,
      skipLibCheck: false,
      strict: true,
      target: ts.ScriptTarget.ES2022,
      types: ['node']
    }
  );
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText, start }) => {
      const { line } = file ? file.getLineAndCharacterOfPosition(start) : { line: 0 };
      const text = ts.flattenDiagnosticMessageText(messageText, '\n');
      return `${file ? path.basename(file.fileName) : ''}:${line + 1} ${text}`;
    });
}

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
