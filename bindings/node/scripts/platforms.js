// The platforms that have a package with the addon, and what its package.json says.
'use strict';

const path = require('node:path');

const PACKAGE = path.join(__dirname, '..');
const manifest = require('../package.json');
// They lie at the top of the repository.
const LICENSES = ['LICENSE-APACHE', 'LICENSE-MIT'];

/** By the end of the package's name: the target of Rust, and where npm installs the package. */
const PLATFORMS = {
  'linux-x64-gnu': { target: 'x86_64-unknown-linux-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  'linux-x64-musl': { target: 'x86_64-unknown-linux-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  'linux-arm64-gnu': {
    target: 'aarch64-unknown-linux-gnu',
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc'
  },
  'linux-arm64-musl': {
    target: 'aarch64-unknown-linux-musl',
    os: 'linux',
    cpu: 'arm64',
    libc: 'musl'
  },
  'darwin-x64': { target: 'x86_64-apple-darwin', os: 'darwin', cpu: 'x64' },
  'darwin-arm64': { target: 'aarch64-apple-darwin', os: 'darwin', cpu: 'arm64' },
  'win32-x64-msvc': { target: 'x86_64-pc-windows-msvc', os: 'win32', cpu: 'x64' },
  'win32-arm64-msvc': { target: 'aarch64-pc-windows-msvc', os: 'win32', cpu: 'arm64' }
};

const packageName = (platform) => `@bowsprit/node-${platform}`;

/** Which of them this machine is, or undefined. */
function currentPlatform() {
  const { platform: os, arch: cpu, report } = process;
  const isGlibc = os === 'linux' && report.getReport().header.glibcVersionRuntime !== undefined;
  const libc = os === 'linux' ? (isGlibc ? 'glibc' : 'musl') : undefined;

  return Object.keys(PLATFORMS).find((name) => {
    const platform = PLATFORMS[name];
    return platform.os === os && platform.cpu === cpu && platform.libc === libc;
  });
}

/** What all packages say in the same way. */
function common(repository) {
  const { version, license, engines } = manifest;
  const where = { type: 'git', url: repository, directory: 'bindings/node' };
  return { version, license, engines, ...(repository && { repository: where }) };
}

/** The package.json of the package for a platform. */
function platformManifest(name, repository) {
  const { target, os, cpu, libc } = PLATFORMS[name];
  return {
    name: packageName(name),
    description: `The native part of bowsprit for ${target}`,
    ...common(repository),
    main: 'bowsprit.node',
    files: ['bowsprit.node', ...LICENSES],
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] })
  };
}

/** The package.json of bowsprit itself: with the packages above, without what is for a checkout. */
function mainManifest(repository) {
  const { scripts, devDependencies, ...rest } = manifest;
  const packages = Object.keys(PLATFORMS).map((name) => [packageName(name), manifest.version]);
  return {
    ...rest,
    ...common(repository),
    files: [...manifest.files, ...LICENSES],
    optionalDependencies: Object.fromEntries(packages)
  };
}

/** A README for a package that nobody should install by itself. */
function platformReadme(name) {
  return (
    `# ${packageName(name)}\n\n` +
    `The native part of [bowsprit](https://www.npmjs.com/package/bowsprit) for ` +
    `\`${PLATFORMS[name].target}\`. npm installs it along with that package, where it fits.\n`
  );
}

module.exports = {
  LICENSES,
  PACKAGE,
  PLATFORMS,
  currentPlatform,
  mainManifest,
  packageName,
  platformManifest,
  platformReadme
};
