// The modules that scripts/setup-interop has installed, and their versions.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const modules = process.env.INTEROP_NODE
  ? pathToFileURL(`${process.env.INTEROP_NODE}/`)
  : new URL('../../../target/interop/node/', import.meta.url);

export const require = createRequire(modules);

export function nameOf(module) {
  return `${module} ${require(`./node_modules/${module}/package.json`).version}`;
}
