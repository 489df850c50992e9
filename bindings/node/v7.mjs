import WebSocket from './v7.js';

export const { createWebSocketStream, Receiver, Sender, Server, WebSocketServer } = WebSocket;
export { WebSocket };
export default WebSocket;
