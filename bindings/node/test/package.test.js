'use strict';

const assert = require('node:assert');
const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { promisify } = require('node:util');

const manifest = require('../package.json');
const {
  PACKAGE,
  PLATFORMS,
  currentPlatform,
  mainManifest,
  packageName,
  platformManifest
} = require('../scripts/platforms');
const { startRegistry } = require('./helpers/registry');

const MAX_ADDON_LEN = 640_000;

let scratch;
let packages;
let registry;

/** Runs npm with a cache of its own, and with no other registry than this file's. */
async function npm([command, ...args], cwd) {
  const own = ['--cache', path.join(scratch, 'cache'), '--no-audit', '--no-fund'];
  if (registry) own.push('--registry', registry.url);
  const shell = process.platform === 'win32';
  const { stdout } = await promisify(execFile)('npm', [command, ...own, ...args], { cwd, shell });
  return stdout;
}

/** Assembles and packs a package: what npm says of the tarball. */
async function pack(kind) {
  const script = path.join(PACKAGE, 'scripts/pack.js');
  const directory = execFileSync(process.execPath, [script, kind], { encoding: 'utf8' }).trim();
  return { ...(await tarballOf(directory)), directory };
}

async function tarballOf(directory) {
  const args = ['pack', '--json', '--pack-destination', scratch];
  const [packed] = JSON.parse(await npm(args, directory));
  return { ...packed, tarball: path.join(scratch, packed.filename) };
}

/** A package that depends on ws, and on nothing else. */
async function packDependent() {
  const directory = path.join(scratch, 'needs-ws');
  const manifest = { name: 'needs-ws', version: '1.0.0', dependencies: { ws: '^8.0.0' } };
  writeFiles(directory, {
    'package.json': JSON.stringify(manifest),
    'index.js': "exports.WebSocket = require('ws');"
  });
  return { manifest, ...(await tarballOf(directory)) };
}

function writeFiles(directory, files) {
  fs.mkdirSync(directory);
  for (const [name, text] of Object.entries(files)) {
    fs.writeFileSync(path.join(directory, name), text);
  }
}

before(async () => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'bowsprit-'));
  packages = { main: await pack('main'), platform: await pack('platform') };
  registry = await startRegistry([
    { manifest: mainManifest(), tarball: packages.main.tarball },
    ...Object.keys(PLATFORMS).map((name) => ({
      manifest: platformManifest(name),
      tarball: name === currentPlatform() ? packages.platform.tarball : undefined
    })),
    await packDependent()
  ]);
});

after(() => {
  registry?.server.close();
  fs.rmSync(scratch, { force: true, recursive: true });
});

/** Installs what a package.json asks for where nothing of the checkout is found. */
async function install(name, manifest, args = []) {
  const directory = path.join(scratch, name);
  writeFiles(directory, { 'package.json': JSON.stringify({ private: true, ...manifest }) });
  await npm(['install', ...args], directory);
  return directory;
}

/** What a script prints there. */
const run = (directory, ...args) =>
  execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8' });

const packed = ({ files }) => files.map((file) => file.path).sort();

test('the package has what it needs to run and to be read, and nothing else', () => {
  const modules = fs
    .readdirSync(path.join(PACKAGE, 'lib'), { recursive: true })
    .filter((name) => name.endsWith('.js'))
    .map((name) => `lib/${name.replaceAll('\\', '/')}`);
  const entries = ['index', 'v7'].flatMap((name) =>
    ['d.mts', 'd.ts', 'js'].map((ending) => `${name}.${ending}`)
  );
  const others = ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json'];
  const stubs = ['browser.js', 'v7.mjs', 'wrapper.mjs'];
  assert.deepStrictEqual(
    packed(packages.main),
    [...entries, ...modules, ...others, ...stubs].sort()
  );
});

test('the package for a platform has the addon and little else', () => {
  assert.deepStrictEqual(packed(packages.platform), [
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'README.md',
    'bowsprit.node',
    'package.json'
  ]);
});

test('the addon is small', { skip: currentPlatform() !== 'linux-x64-gnu' }, () => {
  const { size } = packages.platform.files.find((file) => file.path === 'bowsprit.node');
  assert.ok(size <= MAX_ADDON_LEN, `${size} bytes`);
});

const echo = (head) => `${head}
  const options = { host: '127.0.0.1', port: 0, perMessageDeflate: true };
  const server = new WebSocketServer(options, () => {
    const ws = new WebSocket('ws://127.0.0.1:' + server.address().port);
    ws.on('open', () => ws.send('x'.repeat(5000)));
    ws.on('message', (data) => {
      console.log(ws.extensions, data.length);
      ws.close();
      server.close();
    });
  });
  server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
`;

test('installed from tarballs, without a registry, it echoes for require and import', async () => {
  const tarballs = [packages.main.tarball, packages.platform.tarball];
  const directory = await install('app', {}, ['--offline', ...tarballs]);
  const programs = {
    'a.cjs': "const WebSocket = require('bowsprit'); const { WebSocketServer } = WebSocket;",
    'b.mjs': "import WebSocket, { WebSocketServer } from 'bowsprit';",
    'c.cjs': "const WebSocket = require('bowsprit/v7'); const { WebSocketServer } = WebSocket;",
    'd.mjs': "import WebSocket from 'bowsprit/v7'; const { WebSocketServer } = WebSocket;"
  };

  for (const [name, head] of Object.entries(programs)) {
    fs.writeFileSync(path.join(directory, name), echo(head));
    assert.strictEqual(run(directory, name), 'permessage-deflate 5000\n', name);
  }
});

test('npm chooses the package for this platform', async () => {
  const directory = await install('chosen', { dependencies: { bowsprit: '^0.1.0' } });
  const installed = fs.readdirSync(path.join(directory, 'node_modules/@bowsprit'));
  assert.deepStrictEqual(installed, [`node-${currentPlatform()}`]);
  run(directory, '-e', "require('bowsprit')");
});

test('an alias gives the package to a program that asks for ws', async () => {
  const directory = await install('alias', { dependencies: { ws: 'npm:bowsprit@^0.1.0' } });
  assert.strictEqual(run(directory, '-p', "require('ws/package.json').name"), 'bowsprit\n');
});

test('overrides give the package to dependents of ws', async () => {
  const directory = await install('overrides', {
    dependencies: { 'needs-ws': '1.0.0' },
    overrides: { ws: 'npm:bowsprit@^0.1.0' }
  });
  const script = "typeof require('needs-ws').WebSocket.prototype.sendAsync";
  assert.strictEqual(run(directory, '-p', script), 'function\n');
});

test('overrides may be for one dependent only', async () => {
  const directory = await install('one', {
    dependencies: { 'needs-ws': '1.0.0' },
    overrides: { 'needs-ws': { ws: 'npm:bowsprit@^0.1.0' } }
  });
  const script = "typeof require('needs-ws').WebSocket.prototype.sendAsync";
  assert.strictEqual(run(directory, '-p', script), 'function\n');
});

test('an alias may be what overrides refer to', async () => {
  const directory = await install('both', {
    dependencies: { 'needs-ws': '1.0.0', ws: 'npm:bowsprit@^0.1.0' },
    overrides: { ws: '$ws' }
  });
  const script = "require('needs-ws').WebSocket === require('ws')";
  assert.strictEqual(run(directory, '-p', script), 'true\n');
});

test('optional packages that cannot be found do not fail the installation', async () => {
  const cache = path.join(scratch, 'empty');
  const args = ['--offline', '--cache', cache, packages.main.tarball];
  const directory = await install('alone', {}, args);
  const script = "try { require('bowsprit') } catch (err) { console.log(err.message) }";
  assert.match(
    run(directory, '-e', script),
    /cannot be loaded[^]*Cannot find module '@bowsprit\/node-/
  );
});

test('every platform has a package of its own, of the same version, that only fits there', () => {
  const fits = new Set();

  for (const [name, { os, cpu, libc }] of Object.entries(PLATFORMS)) {
    const one = platformManifest(name, 'https://example.org/bowsprit');
    assert.strictEqual(one.version, manifest.version);
    assert.strictEqual(one.repository.url, 'https://example.org/bowsprit');
    assert.deepStrictEqual([one.os, one.cpu, one.libc], [[os], [cpu], libc && [libc]]);
    assert.strictEqual(mainManifest().optionalDependencies[packageName(name)], manifest.version);
    fits.add([os, cpu, libc].join());
  }

  assert.strictEqual(fits.size, 8);
  assert.strictEqual(Object.keys(mainManifest().optionalDependencies).length, 8);
});

test('nothing runs when the package is installed, and a checkout asks for no binaries', () => {
  for (const { directory } of Object.values(packages)) {
    const { scripts } = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8'));
    assert.strictEqual(scripts, undefined);
  }

  assert.strictEqual(manifest.optionalDependencies, undefined);
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
    assert.ok(!(name in manifest.scripts), name);
  }
});
