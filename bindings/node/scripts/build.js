// Builds the addon by cargo, and puts it where the loader looks first.
'use strict';

const { execFileSync } = require('node:child_process');
const { copyFileSync, renameSync } = require('node:fs');
const path = require('node:path');

const names = { darwin: 'libbowsprit_node.dylib', win32: 'bowsprit_node.dll' };
const name = names[process.platform] ?? 'libbowsprit_node.so';
const directory = path.join(__dirname, '..');

const cargo = (args, stdio) =>
  execFileSync('cargo', args, { cwd: directory, encoding: 'utf8', stdio, maxBuffer: 1 << 26 });

cargo(['build', '--profile', 'addon', '--package', 'bowsprit-node'], 'inherit');
const metadata = JSON.parse(
  cargo(['metadata', '--format-version', '1', '--no-deps'], ['ignore', 'pipe', 'inherit'])
);
const target = path.join(directory, 'bowsprit.node');
// A process that has loaded the old one keeps it: the new one gets a name by itself first.
copyFileSync(path.join(metadata.target_directory, 'addon', name), `${target}.new`);
renameSync(`${target}.new`, target);
