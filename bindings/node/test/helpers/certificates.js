// Certificates, made by OpenSSL.
'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const NAMES = 'subjectAltName=DNS:localhost,IP:127.0.0.1';

/**
 * An authority, and certificates that it has signed, as PEM: `{ ca, cert, key }` by name.
 *
 * @param {String[]} names Common names
 */
function certificates(names) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bowsprit-'));
  const file = (name) => path.join(directory, name);
  const read = (name) => fs.readFileSync(file(name));
  const request = (name, ...args) =>
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.cert`), '-subj', `/CN=${name}`],
      ...args
    ], { stdio: ['ignore', 'ignore', 'pipe'] });

  try {
    request('authority', '-addext', 'keyUsage=critical,keyCertSign');
    const signed = ['-CA', file('authority.cert'), '-CAkey', file('authority.key')];
    return Object.fromEntries(
      names.map((name) => {
        request(name, ...signed, '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', NAMES);
        const [cert, key] = [read(`${name}.cert`), read(`${name}.key`)];
        return [name, { ca: read('authority.cert'), cert, key }];
      })
    );
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

module.exports = { certificates };
