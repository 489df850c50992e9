// Proxies: small ones made here, and those of the system.
'use strict';

const { spawn, spawnSync } = require('child_process');
const { once } = require('events');
const fs = require('fs');
const http = require('http');
const net = require('net');
const os = require('os');
const path = require('path');

const PATH = `${process.env.PATH}:/usr/sbin`;

function join(one, other) {
  one.on('error', () => other.destroy());
  other.on('error', () => one.destroy());
  one.pipe(other).pipe(one);
}

async function listening(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: server.address().port, stop: () => server.close() };
}

/** A proxy for CONNECT, which keeps the requests; with `authorization`, it demands that. */
async function connectProxy({ authorization } = {}) {
  const requests = [];
  const server = http.createServer();
  server.on('connect', (req, socket, head) => {
    requests.push({ headers: req.headers, url: req.url });
    if (authorization && req.headers['proxy-authorization'] !== authorization) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`http://${req.url}`);
    const other = net.connect(port, hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      other.write(head);
      join(socket, other);
    });
    other.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
  return { requests, ...(await listening(server)) };
}

/** Reads so many bytes of a socket. */
async function read(socket, length) {
  for (;;) {
    const bytes = socket.read(length);
    if (bytes !== null) return bytes;
    await once(socket, 'readable');
  }
}

/** A SOCKS5 proxy (RFC 1928), with a password (RFC 1929) if there is one. */
async function socksProxy({ password } = {}) {
  const requests = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    serveSocks(socket, requests, password).catch(() => socket.destroy());
  });
  return { requests, ...(await listening(server)) };
}

async function serveSocks(socket, requests, password) {
  const [, count] = await read(socket, 2);
  await read(socket, count);
  socket.write(Buffer.from([5, password ? 2 : 0]));

  if (password) {
    const [, nameLength] = await read(socket, 2);
    const name = await read(socket, nameLength);
    const [length] = await read(socket, 1);
    const given = `${name}:${await read(socket, length)}`;
    socket.write(Buffer.from([1, given === password ? 0 : 1]));
    if (given !== password) return socket.end();
  }

  const [, , , type] = await read(socket, 4);
  const length = type === 3 ? (await read(socket, 1))[0] : 4;
  const bytes = await read(socket, length);
  const host = type === 3 ? bytes.toString() : bytes.join('.');
  const port = (await read(socket, 2)).readUInt16BE();
  requests.push({ host, port, type });
  const other = net.connect(port, '127.0.0.1', () => {
    socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
    join(socket, other);
  });
  other.on('error', () => socket.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])));
}

const DAEMONS = {
  tinyproxy: {
    args: (file) => ['-d', '-c', file],
    config: (port) => `Port ${port}\nListen 127.0.0.1\nTimeout 60\nLogLevel Error\n`
  },
  danted: {
    args: (file) => ['-f', file],
    config: (port) => `logoutput: /dev/null
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`
  }
};

/** Whether this machine has a proxy. */
const hasDaemon = (name) => spawnSync('which', [name], { env: { PATH } }).status === 0;

/** Starts a proxy of the system on a port that is free. */
async function daemon(name) {
  const { port, stop } = await listening(net.createServer());
  stop();
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bowsprit-proxy-'));
  const file = path.join(directory, 'proxy.conf');
  fs.writeFileSync(file, DAEMONS[name].config(port));
  const child = spawn(name, DAEMONS[name].args(file), { env: { PATH }, stdio: 'ignore' });
  const exited = once(child, 'exit');

  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${name} has ended: ${child.exitCode}`);
  }

  const end = async () => {
    child.kill();
    await exited;
    fs.rmSync(directory, { force: true, recursive: true });
  };
  return { port, stop: end };
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => socket.end() && resolve(true));
    socket.on('error', () => setTimeout(resolve, 20, false));
  });
}

module.exports = { connectProxy, daemon, hasDaemon, socksProxy };
