// A program for `ws` 7, of which every name of its declarations is a part.
import { createServer, IncomingMessage } from 'http';
import { Socket } from 'net';
import { Duplex } from 'stream';
import WebSocket = require('ws');

const server = new WebSocket.Server({ port: 0, perMessageDeflate: { threshold: 10 } }, () => {});
const other = new WebSocket.Server({ server: createServer(), clientTracking: false });

server.on('connection', (ws, req) => {
  const address: string | undefined = req.socket.remoteAddress;
  ws.on('message', (data: WebSocket.Data) => {
    if (typeof data !== 'string') return;
    ws.send(
      data.toUpperCase(),
      { binary: false, compress: true, fin: true, mask: false },
      (err) => {
        if (err) throw err;
      }
    );
  });
  ws.on('close', (code, reason: string) => [code.toFixed(), reason.trim(), address]);
  ws.once('ping', (data) => ws.pong(data, false, () => {}));
});
server.on('headers', (headers, req: IncomingMessage) => headers.push(`X: ${req.url}`));
server.off('listening', () => {});
server.once('error', (err) => err.message);
server.address();
server.clients.forEach((client) => {
  if (client.readyState === WebSocket.OPEN) client.terminate();
});
server.handleUpgrade(
  new IncomingMessage(null as any),
  new Socket(),
  Buffer.alloc(0),
  (client: WebSocket, request) => server.emit('connection', client, request)
);
server.close((err?: Error) => err);
other.shouldHandle = (req) => req.url === '/';

const sync: WebSocket.VerifyClientCallbackSync = ({ origin, secure, req }) =>
  secure && !!origin && !!req;
const async: WebSocket.VerifyClientCallbackAsync = (info, done) =>
  done(false, 401, 'no', { a: 'b' });
const serverOptions: WebSocket.ServerOptions = {
  verifyClient: Math.random() < 0.5 ? sync : async,
  handleProtocols: (protocols: string[]) => protocols[0],
  noServer: true,
  path: '/'
};
const clientOptions: WebSocket.ClientOptions = {
  followRedirects: true,
  headers: { a: 'b' },
  perMessageDeflate: false,
  rejectUnauthorized: false
};
const deflate: WebSocket.PerMessageDeflateOptions = { zlibDeflateOptions: { level: 1 } };
const cert: WebSocket.CertMeta = ['a'];
const info: WebSocket.AddressInfo = { address: '', family: '', port: 1 };

const ws = new WebSocket(new URL('ws://localhost'), ['a'], clientOptions);
new WebSocket('ws://localhost', clientOptions);
new WebSocket('ws://localhost', 'a');
ws.binaryType = 'fragments';
ws.onopen = (event: WebSocket.OpenEvent) => event.target.send('a');
ws.onmessage = (event: WebSocket.MessageEvent) => event.data;
ws.onclose = (event: WebSocket.CloseEvent) => [event.code, event.reason, event.wasClean];
ws.onerror = (event: WebSocket.ErrorEvent) => event.error ?? event.message;
ws.addEventListener('message', (event) => event.data, {
  once: true
} as WebSocket.EventListenerOptions);
ws.addEventListener('close', ({ code, reason, wasClean, target }) => [
  code,
  reason,
  wasClean,
  target.url
]);
ws.addEventListener('error', ({ error, message, type }) => [error, message, type]);
ws.addEventListener('custom', () => {});
ws.removeEventListener('open', () => {});
ws.removeEventListener('message');
ws.on('unexpected-response', (req, res) => req.destroy() && res.statusCode);
ws.on('upgrade', (res) => res.headers);
ws.send([1, 2]);
ws.send(new Uint8Array(2), (err?: Error) => err);
ws.ping();
ws.close(1000, 'why');
const state: 0 | 1 | 2 | 3 = ws.readyState;
const numbers: number[] = [ws.bufferedAmount, ws.CONNECTING, WebSocket.CLOSED, state];
const texts: string[] = [ws.extensions, ws.protocol, ws.url];
const stream: Duplex = WebSocket.createWebSocketStream(ws, { encoding: 'utf8' });

export = [serverOptions, deflate, cert, info, numbers, texts, stream];
