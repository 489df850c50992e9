// Runs packages that depend on `ws` with this package in its place.
//
//   node dependents/run.js [--with-ws] [name]...
//
// Each is installed below target/node/dependents; every copy of `ws` there is replaced, one of
// major version 7 by `bowsprit/v7`, unless `--with-ws` asks to see that the programs pass with it as well.
'use strict';

const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const HOME = path.join(__dirname, '../../../target/node/dependents');
const PACKAGE = path.join(__dirname, '..');

const DEPENDENTS = {
  'socket.io': ['socket.io@4.8', 'socket.io-client@4.8'],
  'engine.io': ['engine.io@6.6', 'engine.io-client@6.6', 'ws@8.23.0'],
  'graphql-ws': ['graphql-ws@6', 'graphql@16', 'ws@8.23.0'],
  mqtt: ['mqtt@5', 'aedes@1', 'ws@8.23.0'],
  fastify: ['@fastify/websocket@11.3', 'fastify@5', '@fastify/type-provider-typebox', 'split2@4'],
  'ocpp-rpc': ['ocpp-rpc@2.2', 'mocha@10'],
  'express-ws': ['express-ws@5', 'express@4']
};

/** All directories of `ws` below a directory. */
function copiesOfWs(directory) {
  const found = [];

  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.name === 'ws' && path.basename(directory) === 'node_modules') found.push(full);
    else if (entry.isDirectory()) found.push(...copiesOfWs(full));
  }

  return found;
}

/** Puts this package in the place of a copy of `ws`; of major version 7, what stands in for that. */
function replace(copy) {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(copy, 'package.json'), 'utf8'));
  fs.rmSync(copy, { force: true, recursive: true });

  if (!version.startsWith('7.')) {
    fs.symlinkSync(PACKAGE, copy);
    return;
  }

  fs.mkdirSync(copy);
  fs.writeFileSync(path.join(copy, 'package.json'), JSON.stringify({ name, version }));
  const main = JSON.stringify(path.join(PACKAGE, 'v7'));
  fs.writeFileSync(path.join(copy, 'index.js'), `module.exports = require(${main});\n`);
}

function install(name, packages, withWs) {
  const directory = path.join(HOME, withWs ? 'with-ws' : 'with-bowsprit', name);
  const stamp = path.join(directory, 'installed');
  const wanted = packages.join(' ');

  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return directory;
  fs.rmSync(directory, { force: true, recursive: true });
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, 'package.json'), '{"private":true}');
  execFileSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', ...packages],
    { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] }
  );

  if (!withWs) {
    copiesOfWs(path.join(directory, 'node_modules')).forEach(replace);
  }

  fs.writeFileSync(stamp, wanted);
  return directory;
}

const args = process.argv.slice(2);
const withWs = args.includes('--with-ws');
const names = args.filter((arg) => !arg.startsWith('--'));
let failed = false;

for (const name of names.length > 0 ? names : Object.keys(DEPENDENTS)) {
  const cwd = install(name, DEPENDENTS[name], withWs);
  const begun = Date.now();
  const { status } = spawnSync(process.execPath, [path.join(__dirname, `${name}.js`)], {
    cwd,
    stdio: 'inherit',
    timeout: 60_000
  });
  console.log(`${status === 0 ? 'passed' : 'FAILED'}: ${name}, ${Date.now() - begun} ms`);
  failed ||= status !== 0;
}

process.exitCode = failed ? 1 : 0;
