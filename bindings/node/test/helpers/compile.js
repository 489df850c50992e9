'use strict';

const path = require('path');

const ts = require('typescript');

const DIRECTORY = path.join(__dirname, '../types');

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

module.exports = { check };
