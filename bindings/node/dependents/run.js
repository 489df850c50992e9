// Runs packages that depend on `ws` with this package in its place.
//
//   node dependents/run.js [--with-ws] [--first] [name]...
//
// Each is installed below target/node/dependents; every copy of `ws` there is replaced, unless
// `--with-ws` asks to see that the programs pass with it as well. `--first` runs those that
// scripts/test runs.
'use strict';

const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { LEFT_OUT } = require('./program');

const HOME = path.join(__dirname, '../../../target/node/dependents');
const PACKAGE = path.join(__dirname, '..');
const TIMEOUT = 120_000;

const FIRST = {
  'socket.io': ['socket.io@4.8', 'socket.io-client@4.8'],
  'engine.io': ['engine.io@6.6', 'engine.io-client@6.6', 'ws@8.23.0'],
  'graphql-ws': ['graphql-ws@6', 'graphql@16', 'ws@8.23.0'],
  mqtt: ['mqtt@5', 'aedes@1', 'ws@8.23.0'],
  fastify: ['@fastify/websocket@11.3', 'fastify@5', '@fastify/type-provider-typebox', 'split2@4'],
  'ocpp-rpc': ['ocpp-rpc@2.2', 'mocha@10']
};

// The last versions for Node.js 20.
const DEPENDENTS = {
  ...FIRST,
  'express-ws': ['express-ws@5', 'express@4'],
  puppeteer: ['puppeteer-core@24'],
  'webpack-dev-server': ['webpack-dev-server@5.2', 'webpack@5'],
  nestjs: [
    ...['core', 'common', 'websockets', 'platform-express', 'platform-ws'].map(
      (name) => `@nestjs/${name}@11`
    ),
    'reflect-metadata@0.2',
    'rxjs@7'
  ],
  'rpc-websockets': ['rpc-websockets@10'],
  hocuspocus: ['@hocuspocus/server@3.4', '@hocuspocus/provider@3.4', 'yjs@13'],
  ethers: ['ethers@6'],
  miniflare: ['miniflare@4.20260426'],
  wscat: ['wscat@6']
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

  const copies = copiesOfWs(path.join(directory, 'node_modules'));
  if (copies.length === 0) throw new Error(`${name} does not install ws: it would test nothing`);
  if (!withWs) copies.forEach(replace);

  fs.writeFileSync(stamp, wanted);
  return directory;
}

/** Runs a program, and says how it ended. */
function run(name, cwd) {
  const begun = Date.now();
  const { error, signal, status } = spawnSync(
    process.execPath,
    [path.join(__dirname, `${name}.js`)],
    { cwd, stdio: 'inherit', timeout: TIMEOUT }
  );
  const took = `${Date.now() - begun} ms`;

  if (status === 0) return `passed: ${name}, ${took}`;
  if (status === LEFT_OUT) return `LEFT OUT, as this machine lacks something: ${name}`;
  const why = error?.code === 'ETIMEDOUT' ? `stopped after ${took}` : `status ${status ?? signal}`;
  return `FAILED: ${name}, ${why}`;
}

const args = process.argv.slice(2);
const withWs = args.includes('--with-ws');
const chosen = args.filter((arg) => !arg.startsWith('--'));
const names = Object.keys(args.includes('--first') ? FIRST : DEPENDENTS);
const unknown = args.filter(
  (arg) => !['--with-ws', '--first'].includes(arg) && !names.includes(arg)
);

if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(' ')}; there are ${names.join(' ')}`);
  process.exit(2);
}

for (const name of chosen.length > 0 ? chosen : names) {
  const result = run(name, install(name, DEPENDENTS[name], withWs));
  console.log(result);
  if (result.startsWith('FAILED')) process.exitCode = 1;
}
