// A program for `ws`, of which every name of its declarations is a part.
import { createServer, IncomingMessage } from 'http';
import { Duplex } from 'stream';
import WebSocket = require('ws');

const server = new WebSocket.Server({ port: 0, perMessageDeflate: { threshold: 10 } }, () => {});
const other = new WebSocket.WebSocketServer({ server: createServer(), clientTracking: false });

server.on('connection', (ws, req) => {
  const address: string | undefined = req.socket.remoteAddress;
  ws.on('message', (data: WebSocket.RawData, isBinary) => {
    if (Array.isArray(data)) return;
    ws.send(data, { binary: isBinary, compress: true, fin: true, mask: false }, (err) => {
      if (err) throw err;
    });
  });
  ws.on('close', (code, reason: Buffer) => [code.toFixed(), reason.toString(), address]);
  ws.once('ping', (data) => ws.pong(data, false, () => {}));
});
server.on('headers', (headers, req: IncomingMessage) => headers.push(`X: ${req.url}`));
server.on('wsClientError', (err, socket: Duplex, req) => socket.end(err.message + req.method));
server.off('listening', () => {});
server.address();
server.clients.forEach((client) => {
  if (client.readyState === WebSocket.OPEN) client.terminate();
});
server.handleUpgrade(
  new IncomingMessage(null as any),
  new Duplex(),
  Buffer.alloc(0),
  (client: WebSocket, request) => server.emit('connection', client, request)
);
server.close((err?: Error) => err);
other.shouldHandle = (req) => req.url === '/';

const sync: WebSocket.VerifyClientCallbackSync = ({ origin, secure, req }) => secure && !!origin && !!req;
const async: WebSocket.VerifyClientCallbackAsync = (info, done) => done(false, 401, 'no', { a: 'b' });
const serverOptions: WebSocket.ServerOptions = {
  verifyClient: Math.random() < 0.5 ? sync : async,
  handleProtocols: (protocols: Set<string>, request) => (request.url ? [...protocols][0] : false),
  noServer: true,
  path: '/',
  WebSocket: class extends WebSocket {}
};
const finish: WebSocket.FinishRequestCallback = (request, ws) => (ws.url ? request.end() : undefined);
const clientOptions: WebSocket.ClientOptions = {
  finishRequest: finish,
  followRedirects: true,
  generateMask: (mask) => mask.fill(1),
  headers: { a: 'b' },
  perMessageDeflate: false,
  rejectUnauthorized: false
};
const deflate: WebSocket.PerMessageDeflateOptions = { zlibDeflateOptions: { level: 1 } };
const cert: WebSocket.CertMeta = ['a'];
const info: WebSocket.AddressInfo = { address: '', family: '', port: 1 };
const data: WebSocket.Data = 'a';

const ws = new WebSocket(new URL('ws://localhost'), ['a'], clientOptions);
new WebSocket('ws://localhost', clientOptions);
new WebSocket('ws://localhost', 'a');
new WebSocket(null);
ws.binaryType = 'fragments';
ws.onopen = (event: WebSocket.Event) => event.target.send('a');
ws.onmessage = (event: WebSocket.MessageEvent) => event.data;
ws.onclose = (event: WebSocket.CloseEvent) => [event.code, event.reason, event.wasClean];
ws.onerror = (event: WebSocket.ErrorEvent) => event.error ?? event.message;
ws.onmessage = null;
ws.addEventListener('message', (event) => event.data, { once: true } as WebSocket.EventListenerOptions);
ws.removeEventListener('close', (event) => event.code.toFixed());
ws.on('unexpected-response', (req, res) => req.destroy() && res.statusCode);
ws.on('redirect', (url: string, req) => req.setHeader('a', url));
ws.on('upgrade', (res) => res.headers);
ws.send([1, 2]);
ws.send(new Uint8Array(2), (err?: Error) => err);
ws.ping();
ws.pause();
ws.resume();
ws.close(1000, 'why');
const state: 0 | 1 | 2 | 3 = ws.readyState;
const numbers: number[] = [ws.bufferedAmount, ws.CONNECTING, WebSocket.CLOSED, state];
const texts: string[] = [ws.extensions, ws.protocol, ws.url];
const flag: boolean = ws.isPaused;
const stream: Duplex = WebSocket.createWebSocketStream(ws, { encoding: 'utf8' });
type Events = keyof WebSocket.WebSocketEventMap;
const event: Events = 'open';

export = [serverOptions, deflate, cert, info, data, numbers, texts, flag, stream, event];
