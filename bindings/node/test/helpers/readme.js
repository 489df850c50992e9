// The examples of a README, each as a program of its own.
'use strict';

const { execFileSync, fork } = require('child_process');
const { once } = require('events');
const fs = require('fs');
const os = require('os');
const path = require('path');

const PACKAGE = path.join(__dirname, '../..');

/** All code blocks of a Markdown file, by their heading and their number under it. */
function readBlocks(file) {
  const blocks = new Map();
  let heading = '';
  let open = null;
  let count = 0;

  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('```')) {
      if (open === null) {
        open = [];
        count++;
      } else {
        blocks.set(`${heading} ${count}`, open.join('\n'));
        open = null;
      }
    } else if (open !== null) {
      open.push(line);
    } else if (line.startsWith('#')) {
      heading = line.replace(/^#+ /, '');
      count = 0;
    }
  }

  return blocks;
}

/** A directory with the package, and a certificate for localhost. */
function prepare() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bowsprit-readme-'));
  fs.mkdirSync(path.join(directory, 'node_modules'));
  fs.symlinkSync(PACKAGE, path.join(directory, 'node_modules/bowsprit'));
  for (const name of ['ws', 'ws7']) {
    fs.symlinkSync(
      path.join(PACKAGE, 'node_modules', name),
      path.join(directory, 'node_modules', name)
    );
  }
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(directory, name));
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost'
    ],
    { stdio: 'ignore' }
  );
  return { cert, directory, key };
}

/** An example in a process. */
class Program {
  /**
   * @param {Object} place What `prepare` returns
   * @param {String} code The example
   * @param {Object} options
   * @param {Boolean} options.isModule Whether it is an ES module
   * @param {String} options.name The package in place of 'ws'
   * @param {Number} [options.port] Where the server is that a client connects to
   */
  constructor(place, code, { isModule, name, port }) {
    const text = code
      .replaceAll("'ws'", `'${name}'`)
      .replaceAll('8080', '0')
      .replaceAll('/path/to/', `${place.directory}/`)
      .replace(/'(wss?):\/\/(?!base\.url)[^/']+/, `'$1://localhost:${port}`)
      // An observer: nothing else shows what the example finds out.
      .replace(/^( *const ip = .*)$/m, '$1 console.log(`ip ${ip}`);');
    const file = path.join(
      place.directory,
      `example-${Program.count++}.${isModule ? 'mjs' : 'cjs'}`
    );
    fs.writeFileSync(file, text);
    this.output = '';
    this.child = fork(file, [], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: place.cert, NODE_TEST_CONTEXT: '' },
      execArgv: ['--require', path.join(__dirname, 'readme-child.js')],
      stdio: ['pipe', 'pipe', 'inherit', 'ipc']
    });
    this.child.stdout.on('data', (chunk) => {
      this.output += chunk;
      this.child.emit('printed');
    });
    this.exited = once(this.child, 'exit').then(([code, signal]) => code ?? signal);
    this.listening = once(this.child, 'message').then(([{ port }]) => port);
    this.listening.catch(() => {});
  }

  /** Waits until it has printed something. */
  async printed(pattern) {
    while (!pattern.test(this.output)) await once(this.child, 'printed');
    return pattern.exec(this.output);
  }

  /** Lets all long timers fire; returns how many there are afterwards. */
  async tick() {
    this.child.send({ tick: true });
    const [{ ticked }] = await once(this.child, 'message');
    return ticked;
  }

  /** Ends a program; resolves with the signal, unless it had ended itself. */
  async stop() {
    this.child.kill();
    return this.exited;
  }
}

Program.count = 0;

module.exports = { Program, prepare, readBlocks };
