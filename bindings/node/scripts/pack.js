// Assembles a package in target/npm, for `npm pack` or `npm publish` there.
//
//   node scripts/pack.js main|platform [--repository URL] [--platform NAME] [--addon FILE]
//
// `main` is bowsprit itself. `platform` is the package with the addon, for this machine and with
// what `npm run build` has built unless told otherwise. npm checks the URL when it publishes with
// provenance.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const {
  LICENSES,
  PACKAGE,
  PLATFORMS,
  currentPlatform,
  mainManifest,
  platformManifest,
  platformReadme
} = require('./platforms');

const { files: PACKED } = require('../package.json');
const HOME = path.join(PACKAGE, '../../target/npm');

/** An empty directory with what every package has. */
function begin(name, manifest) {
  const directory = path.join(HOME, name);
  fs.rmSync(directory, { force: true, recursive: true });
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const license of LICENSES) {
    fs.copyFileSync(path.join(PACKAGE, '../..', license), path.join(directory, license));
  }
  return directory;
}

function packMain({ repository }) {
  const directory = begin('bowsprit', mainManifest(repository));

  for (const name of [...PACKED, 'README.md']) {
    fs.cpSync(path.join(PACKAGE, name), path.join(directory, name), { recursive: true });
  }

  return directory;
}

function packPlatform({ addon, platform, repository }) {
  const name = platform ?? currentPlatform();
  if (!Object.hasOwn(PLATFORMS, name ?? '')) {
    const names = Object.keys(PLATFORMS).join(', ');
    throw new Error(`There is no package for ${name ?? 'this machine'}; there are ${names}`);
  }

  const directory = begin(name, platformManifest(name, repository));
  fs.copyFileSync(
    addon ?? path.join(PACKAGE, 'bowsprit.node'),
    path.join(directory, 'bowsprit.node')
  );
  fs.writeFileSync(path.join(directory, 'README.md'), platformReadme(name));
  return directory;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    addon: { type: 'string' },
    platform: { type: 'string' },
    repository: { type: 'string' }
  }
});
const pack = { main: packMain, platform: packPlatform }[positionals[0]];

if (pack) {
  console.log(pack(values));
} else {
  console.error('usage: node scripts/pack.js main|platform [--repository URL] …');
  process.exitCode = 2;
}
