import WebSocket from './v7.js';

export {
  createWebSocketStream,
  Receiver,
  Sender,
  Server,
  WebSocket,
  WebSocketServer
} from './v7.js';
export default WebSocket;

export type AddressInfo = WebSocket.AddressInfo;
export type CertMeta = WebSocket.CertMeta;
export type ClientOptions = WebSocket.ClientOptions;
export type CloseEvent = WebSocket.CloseEvent;
export type Data = WebSocket.Data;
export type ErrorEvent = WebSocket.ErrorEvent;
export type EventListenerOptions = WebSocket.EventListenerOptions;
export type MessageEvent = WebSocket.MessageEvent;
export type OpenEvent = WebSocket.OpenEvent;
export type PerMessageDeflateOptions = WebSocket.PerMessageDeflateOptions;
export type ServerOptions = WebSocket.ServerOptions;
export type VerifyClientCallbackAsync = WebSocket.VerifyClientCallbackAsync;
export type VerifyClientCallbackSync = WebSocket.VerifyClientCallbackSync;
