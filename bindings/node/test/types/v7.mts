// The same as an ES module.
import WebSocket, {
  createWebSocketStream,
  Receiver,
  Sender,
  Server,
  type ClientOptions,
  type Data,
  WebSocket as Named,
  WebSocketServer
} from 'ws';

const server = new Server({ noServer: true });
const ws: WebSocket = new Named('ws://localhost');
server.on('connection', (socket) => createWebSocketStream(socket).end());
new WebSocketServer({ noServer: true }).on('connection', (socket) => socket.send(WebSocket.OPEN));
const options: ClientOptions = { origin: 'a' };
const data: Data = options.origin ?? '';
ws.send(data);
ws.on('close', (code, reason) => reason.trim());
new Receiver('nodebuffer', {}, true, 10).write(Sender.frame(Buffer.from('a'), { opcode: 1 })[0]);
