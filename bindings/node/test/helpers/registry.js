// A registry of npm that has the packages it is given, and nothing else.
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');

/**
 * Starts a registry. Packages are `{ manifest, tarball }`; without the path of a tarball, npm
 * learns of a package and cannot fetch it.
 */
function startRegistry(packages) {
  const byName = new Map(packages.map((one) => [one.manifest.name, one]));
  const server = http.createServer((req, res) => {
    const name = decodeURIComponent(req.url.slice(1));
    const isTarball = name.endsWith('.tgz');
    const found = byName.get(isTarball ? name.slice(0, -'.tgz'.length) : name);
    const tarball = found?.tarball && fs.readFileSync(found.tarball);

    if (!found || (isTarball && !tarball)) {
      res.writeHead(404).end('{}');
    } else if (isTarball) {
      res.end(tarball);
    } else {
      res.end(JSON.stringify(describe(found.manifest, tarball, server.address().port)));
    }
  });

  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ server, url: `http://127.0.0.1:${server.address().port}/` });
    });
  });
}

/** What a registry says of a package. */
function describe(manifest, tarball = Buffer.alloc(0), port) {
  const { name, version } = manifest;
  const dist = {
    integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
    tarball: `http://127.0.0.1:${port}/${encodeURIComponent(name)}.tgz`
  };
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
}

module.exports = { startRegistry };
