'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { version } = require('../package.json');
const { PLATFORMS, packageName } = require('../scripts/platforms');

const FILE = path.join(__dirname, '../lib/native.js');
const LOCAL = '../bowsprit.node';
const source = fs.readFileSync(FILE, 'utf8');

const GLIBC = { header: { glibcVersionRuntime: '2.36' } };
const MUSL = { header: {} };

/** An addon of some version. */
const addon = (found = version) => ({ version: () => found });

/** A `process` as it is on a platform. */
function processOf({ os, cpu, libc }) {
  const report = { getReport: () => (libc === 'musl' ? MUSL : GLIBC) };
  return { arch: cpu, platform: os, report };
}

/**
 * Runs the loader where these modules are installed. Values are addons, errors to throw when they
 * are loaded, or other exports.
 */
function load(process, modules) {
  const asked = [];
  const module = { exports: {} };
  const require = (name) => {
    if (name === '../package.json') return { version };
    asked.push(name);
    if (!Object.hasOwn(modules, name)) {
      throw new Error(`Cannot find module '${name}'\nRequire stack:\n- ${FILE}`);
    }
    if (modules[name] instanceof Error) throw modules[name];
    return modules[name];
  };

  new Function('require', 'module', 'process', source)(require, module, process);
  return { addon: module.exports, asked };
}

for (const [name, platform] of Object.entries(PLATFORMS)) {
  test(`the package for ${name} is found, and no other is asked for`, () => {
    const modules = { [packageName(name)]: addon() };
    const loaded = load(processOf(platform), modules);
    assert.strictEqual(loaded.addon, modules[packageName(name)]);
    assert.deepStrictEqual(loaded.asked, [LOCAL, packageName(name)]);
  });
}

const LINUX = PLATFORMS['linux-x64-gnu'];
const NAME = packageName('linux-x64-gnu');

test('a local build comes first, and nothing else is looked at', () => {
  const local = addon();
  const process = processOf(LINUX);
  process.report.getReport = () => assert.fail('a report takes milliseconds');
  const loaded = load(process, { [LOCAL]: local, [NAME]: addon() });
  assert.strictEqual(loaded.addon, local);
  assert.deepStrictEqual(loaded.asked, [LOCAL]);
});

test('a local build of another version is passed over', () => {
  const modules = { [LOCAL]: addon('0.0.1'), [NAME]: addon() };
  assert.strictEqual(load(processOf(LINUX), modules).addon, modules[NAME]);
});

test('the report does not ask the network, and the setting is put back', () => {
  for (const before of [true, false, undefined]) {
    let during;
    const process = processOf(LINUX);
    process.report.excludeNetwork = before;
    process.report.getReport = () => {
      during = process.report.excludeNetwork;
      return GLIBC;
    };
    load(process, { [NAME]: addon() });
    assert.strictEqual(during, true);
    assert.strictEqual(process.report.excludeNetwork, before);
  }
});

test('where there are no reports, both C libraries are tried', () => {
  const name = packageName('linux-x64-musl');
  const loaded = load({ ...processOf(LINUX), report: undefined }, { [name]: addon() });
  assert.deepStrictEqual(loaded.asked, [LOCAL, NAME, name]);
});

test('one error says what was tried, why each failed, and what to do', () => {
  const modules = {
    [LOCAL]: new Error("libc.so.6: version `GLIBC_2.34' not found"),
    [NAME]: addon('0.0.1')
  };
  assert.throws(
    () => load(processOf(LINUX), modules),
    (err) => {
      const lines = err.message.split('\n');
      assert.ok(lines[0].includes(`bowsprit ${version} cannot be loaded`), lines[0]);
      assert.strictEqual(lines[1], `  ${LOCAL}: libc.so.6: version \`GLIBC_2.34' not found`);
      assert.strictEqual(lines[2], `  ${NAME}: its version is 0.0.1`);
      assert.match(lines[3], /--omit=optional.*npm run build/);
      assert.strictEqual(lines.length, 4);
      return true;
    }
  );
});

test('a missing package is named without the stack of who asked', () => {
  assert.throws(
    () => load(processOf(LINUX), {}),
    (err) => {
      assert.ok(err.message.includes(`  ${NAME}: Cannot find module '${NAME}'\n`), err.message);
      assert.doesNotMatch(err.message, /Require stack/);
      return true;
    }
  );
});

test('what is no addon, and what throws something odd, is reported', () => {
  const modules = { [LOCAL]: {}, [NAME]: new Error('') };
  modules[NAME] = Object.assign(new Error('x'), { message: undefined, toString: () => 'odd' });
  assert.throws(
    () => load(processOf(LINUX), modules),
    (err) => {
      assert.match(err.message, /bowsprit\.node: addon\.version is not a function\n.*: odd\n/);
      return true;
    }
  );
});

test('a platform without packages gets the error, which names what was looked for', () => {
  const process = processOf({ os: 'freebsd', cpu: 'riscv64' });
  assert.throws(() => load(process, {}), /@bowsprit\/node-freebsd-riscv64: Cannot find module/);
});

test('a file that is no library is reported with what the linker says', () => {
  const file = path.join(fs.mkdtempSync(path.join(require('os').tmpdir(), 'bowsprit-')), 'a.node');
  fs.writeFileSync(file, 'not a library');
  let failure;
  try {
    require(file);
  } catch (err) {
    failure = err;
  }
  fs.rmSync(path.dirname(file), { recursive: true });
  assert.throws(() => load(processOf(LINUX), { [LOCAL]: failure }), /bowsprit\.node: .*a\.node/);
});
