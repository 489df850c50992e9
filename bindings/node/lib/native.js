// Finds the addon: a local build first, then the package for this platform.
'use strict';

const { version } = require('../package.json');

/** The C library, as packages are named after it; both if the runtime does not tell. */
function libcs() {
  const { report } = process;
  if (!report?.getReport) return ['gnu', 'musl'];

  // Otherwise some versions ask the DNS for the name of every peer.
  const { excludeNetwork } = report;
  report.excludeNetwork = true;

  try {
    return [report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'];
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

function packages() {
  const name = `@bowsprit/node-${process.platform}-${process.arch}`;
  if (process.platform === 'linux') return libcs().map((libc) => `${name}-${libc}`);
  return [process.platform === 'win32' ? `${name}-msvc` : name];
}

/** Loads an addon; one of another version may not fit this JavaScript. */
function loadVersion(name) {
  const addon = require(name);
  const found = addon.version();
  if (found !== version) throw new Error(`its version is ${found}`);
  return addon;
}

function load() {
  const failures = [];

  for (const candidates of [() => ['../bowsprit.node'], packages]) {
    for (const name of candidates()) {
      try {
        return loadVersion(name);
      } catch (err) {
        failures.push(`  ${name}: ${String(err?.message ?? err).split('\n')[0]}\n`);
      }
    }
  }

  throw new Error(
    `The native part of bowsprit ${version} cannot be loaded. Tried:\n${failures.join('')}` +
      'Packages for this platform are optional dependencies: install without --omit=optional. ' +
      'In a checkout, "npm run build" in bindings/node builds it, which takes a Rust toolchain.'
  );
}

module.exports = load();
