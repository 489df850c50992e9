import WebSocket from './index.js';

export {
  createWebSocketStream,
  extension,
  PerMessageDeflate,
  Receiver,
  Sender,
  subprotocol,
  WebSocket,
  WebSocketServer
} from './index.js';
export default WebSocket;

export type AddressInfo = WebSocket.AddressInfo;
export type CertMeta = WebSocket.CertMeta;
export type ClientOptions = WebSocket.ClientOptions;
export type CloseEvent = WebSocket.CloseEvent;
export type Data = WebSocket.Data;
export type ErrorEvent = WebSocket.ErrorEvent;
export type Event = WebSocket.Event;
export type EventListenerOptions = WebSocket.EventListenerOptions;
export type FinishRequestCallback = WebSocket.FinishRequestCallback;
export type MessageEvent = WebSocket.MessageEvent;
export type PerMessageDeflateOptions = WebSocket.PerMessageDeflateOptions;
export type RawData = WebSocket.RawData;
export type Server = WebSocket.Server;
export type ServerOptions = WebSocket.ServerOptions;
export type VerifyClientCallbackAsync = WebSocket.VerifyClientCallbackAsync;
export type VerifyClientCallbackSync = WebSocket.VerifyClientCallbackSync;
