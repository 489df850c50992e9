// The same as an ES module.
import WebSocket, {
  createWebSocketStream,
  type ClientOptions,
  type RawData,
  WebSocket as Named,
  WebSocketServer
} from 'ws';

const server = new WebSocketServer({ noServer: true });
const ws: WebSocket = new Named('ws://localhost');
server.on('connection', (socket) => createWebSocketStream(socket).end());
ws.send(String(WebSocket.OPEN));
const options: ClientOptions = { origin: 'a' };
const data: RawData = Buffer.from(options.origin ?? '');
ws.send(data as Buffer);
