// Finds the addon: a local build first, then the package for this platform.
'use strict';

const { version } = require('../package.json');

function libc() {
  if (process.platform !== 'linux') return '';
  // Without this, the report asks for the names of all addresses.
  process.report.excludeNetwork = true;
  const { header } = process.report.getReport();
  return header.glibcVersionRuntime ? '-gnu' : '-musl';
}

function load() {
  const tried = [];
  const candidates = [
    () => '../bowsprit.node',
    () => `@bowsprit/node-${process.platform}-${process.arch}${libc()}`
  ];

  for (const candidate of candidates) {
    const name = candidate();
    let addon;

    try {
      addon = require(name);
    } catch (err) {
      tried.push(`${name}: ${err.message.split('\n')[0]}`);
      continue;
    }

    if (addon.version() === version) return addon;
    tried.push(`${name}: its version is ${addon.version()}`);
  }

  throw new Error(
    `The native part of bowsprit ${version} was not found. Tried:\n` +
      tried.map((line) => `  ${line}\n`).join('') +
      'In a checkout, "npm run build" in bindings/node builds it; that takes a Rust toolchain.'
  );
}

module.exports = load();
