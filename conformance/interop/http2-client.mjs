// A client of Node's own HTTP/2 that opens a WebSocket by extended CONNECT (RFC 8441); the frames
// are those of npm ws.
//
//   node http2-client.mjs URL echo
//
// Two WebSockets over one connection have texts and binaries of many sizes sent back as they were,
// and their closing handshake.
//
// The last line is `ok`, with exit code 0, or says what differed, with exit code 1.

import { once } from 'node:events';
import http2 from 'node:http2';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const modules = process.env.INTEROP_NODE
  ? pathToFileURL(`${process.env.INTEROP_NODE}/`)
  : new URL('../../target/interop/node/', import.meta.url);
const { Receiver, Sender } = createRequire(modules)('ws');

const url = new URL(process.argv[2].replace('ws', 'http'));
const SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20];

function expect(condition, what) {
  if (condition) return;
  console.log(what);
  process.exit(1);
}

async function echo(session) {
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http',
    ':authority': url.host, ':path': url.pathname, 'sec-websocket-version': '13',
  });
  const [headers] = await once(stream, 'response');
  expect(headers[':status'] === 200, `status ${headers[':status']}`);
  for (const name of ['connection', 'upgrade', 'sec-websocket-accept']) {
    expect(!(name in headers), `there is ${name}`);
  }
  stream.on('end', () => stream.end());
  const receiver = stream.pipe(new Receiver({ maxPayload: 2 << 20 }));
  const sender = new Sender(stream);
  const options = { fin: true, mask: true, compress: false };
  for (const size of SIZES) {
    for (const binary of [false, true]) {
      const sent = binary ? Buffer.alloc(size, size) : Buffer.from('x'.repeat(size));
      const message = once(receiver, 'message');
      sender.send(sent, { ...options, binary });
      const [data, isBinary] = await message;
      expect(isBinary === binary && sent.equals(data), `${size} bytes came back otherwise`);
    }
  }
  const concluded = once(receiver, 'conclude');
  sender.close(4001, 'enough', true);
  const [code, reason] = await concluded;
  expect(code === 4001 && reason.toString() === 'enough', `closed ${code} ${reason}`);
  await once(stream, 'close');
}

setTimeout(() => expect(false, 'not done in time'), 50_000).unref();
const session = http2.connect(url.origin);
await once(session, 'remoteSettings');
expect(session.remoteSettings.enableConnectProtocol, 'there is no extended CONNECT');
await Promise.all([echo(session), echo(session)]);
session.close();
console.log('ok');
