/// <reference types="node" />

import { EventEmitter } from 'events';
import { ClientRequest, ClientRequestArgs, IncomingMessage } from 'http';
import { Duplex, DuplexOptions, Writable } from 'stream';
import { Socket } from 'net';
import { URL } from 'url';

import Current = require('./index');

/** A connection, of a client or of a server, as in `ws` 7. */
declare class WebSocket extends EventEmitter {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;

  /** What binary messages are handed out as. */
  binaryType: 'nodebuffer' | 'arraybuffer' | 'fragments';
  /** How many bytes wait to be sent. */
  readonly bufferedAmount: number;
  /** The names of the extensions that were agreed on. */
  readonly extensions: string;
  /** The subprotocol that was agreed on, or ''. */
  readonly protocol: string;
  readonly readyState:
    | typeof WebSocket.CONNECTING
    | typeof WebSocket.OPEN
    | typeof WebSocket.CLOSING
    | typeof WebSocket.CLOSED;
  /** The URL of a client, as it was given. */
  readonly url: string;

  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  onopen: (event: WebSocket.OpenEvent) => void;
  onerror: (event: WebSocket.ErrorEvent) => void;
  onclose: (event: WebSocket.CloseEvent) => void;
  onmessage: (event: WebSocket.MessageEvent) => void;

  constructor(address: string | URL, options?: WebSocket.ClientOptions | ClientRequestArgs);
  constructor(
    address: string | URL,
    protocols?: string | string[],
    options?: WebSocket.ClientOptions | ClientRequestArgs
  );

  close(code?: number, data?: string): void;
  ping(data?: any, mask?: boolean, cb?: (err: Error) => void): void;
  pong(data?: any, mask?: boolean, cb?: (err: Error) => void): void;
  send(data: any, cb?: (err?: Error) => void): void;
  send(
    data: any,
    options: {
      mask?: boolean | undefined;
      binary?: boolean | undefined;
      compress?: boolean | undefined;
      fin?: boolean | undefined;
    },
    cb?: (err?: Error) => void
  ): void;
  terminate(): void;

  addEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    method: K,
    listener: (event: WebSocket.WebSocketEventMap[K]) => void,
    options?: WebSocket.EventListenerOptions
  ): void;
  addEventListener(
    method: string,
    listener: (...args: any[]) => void,
    options?: WebSocket.EventListenerOptions
  ): void;
  removeEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    method: K,
    listener?: (event: WebSocket.WebSocketEventMap[K]) => void
  ): void;
  removeEventListener(method: string, listener?: (...args: any[]) => void): void;

  on(event: 'close', listener: (this: WebSocket, code: number, reason: string) => void): this;
  on(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  on(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  on(event: 'message', listener: (this: WebSocket, data: WebSocket.Data) => void): this;
  on(event: 'open', listener: (this: WebSocket) => void): this;
  on(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  on(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  on(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  once(event: 'close', listener: (this: WebSocket, code: number, reason: string) => void): this;
  once(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  once(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  once(event: 'message', listener: (this: WebSocket, data: WebSocket.Data) => void): this;
  once(event: 'open', listener: (this: WebSocket) => void): this;
  once(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  once(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  once(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  off(event: 'close', listener: (this: WebSocket, code: number, reason: string) => void): this;
  off(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  off(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  off(event: 'message', listener: (this: WebSocket, data: WebSocket.Data) => void): this;
  off(event: 'open', listener: (this: WebSocket) => void): this;
  off(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  off(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  off(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  addListener(event: 'close', listener: (this: WebSocket, code: number, reason: string) => void): this;
  addListener(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  addListener(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  addListener(event: 'message', listener: (this: WebSocket, data: WebSocket.Data) => void): this;
  addListener(event: 'open', listener: (this: WebSocket) => void): this;
  addListener(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  addListener(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  addListener(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  removeListener(event: 'close', listener: (this: WebSocket, code: number, reason: string) => void): this;
  removeListener(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  removeListener(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  removeListener(event: 'message', listener: (this: WebSocket, data: WebSocket.Data) => void): this;
  removeListener(event: 'open', listener: (this: WebSocket) => void): this;
  removeListener(event: 'ping' | 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  removeListener(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  removeListener(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
}

declare namespace WebSocket {
  /**
   * What connections have beyond those of `ws` 7. It is not declared for `WebSocket`, which then
   * could not be passed to what is declared by `@types/ws`: write `ws as WebSocket.Extended`.
   */
  type Extended = WebSocket &
    Pick<Current.Extended, 'closeCause' | 'sendAsync'> & {
      [Symbol.asyncIterator](): AsyncGenerator<{ data: Data; isBinary: boolean }>;
    };

  /** A message: text is a string. */
  type Data = string | Buffer | ArrayBuffer | Buffer[];

  type AddressInfo = Current.AddressInfo;
  type CertMeta = Current.CertMeta;
  type CloseEvent = EventOf<{ code: number; reason: string; wasClean: boolean }>;
  type ErrorEvent = EventOf<{ error: any; message: string }>;
  type EventListenerOptions = Current.EventListenerOptions;
  type MessageEvent = EventOf<{ data: Data }>;
  type OpenEvent = EventOf<{}>;
  type PerMessageDeflateOptions = Current.PerMessageDeflateOptions;
  /** Decides at once whether a request is accepted. */
  type VerifyClientCallbackSync = Current.VerifyClientCallbackSync;
  /** Decides later, by calling `callback`. */
  type VerifyClientCallbackAsync = Current.VerifyClientCallbackAsync;

  /** An object for a listener of `addEventListener`. */
  type EventOf<Fields> = Fields & { type: string; target: WebSocket };

  interface WebSocketEventMap {
    open: OpenEvent;
    error: ErrorEvent;
    close: CloseEvent;
    message: MessageEvent;
  }

  /** Those of 8 without what 7 does not know. */
  type ClientOptions = Omit<
    Current.ClientOptions,
    | 'allowSynchronousEvents'
    | 'autoPong'
    | 'closeTimeout'
    | 'createConnection'
    | 'finishRequest'
    | 'generateMask'
    | 'protocols'
    | 'skipUTF8Validation'
  >;

  /** The same. */
  type ServerOptions = Omit<
    Current.ServerOptions,
    | 'allowSynchronousEvents'
    | 'autoPong'
    | 'closeTimeout'
    | 'handleProtocols'
    | 'skipUTF8Validation'
    | 'WebSocket'
  > & {
    /** Gets an array of those that are asked for; returns one, or anything falsy for none. */
    handleProtocols?: any;
  };

  /** A server, on its own HTTP server or that of somebody else. */
  class Server extends EventEmitter {
    options: ServerOptions;
    path: string;
    clients: Set<WebSocket>;

    constructor(options?: ServerOptions, callback?: () => void);

    address(): AddressInfo | string;
    /** Sends a message to all open connections, framed once; returns how many get it. */
    broadcast(
      data: any,
      options?: { binary?: boolean | undefined; except?: WebSocket | undefined }
    ): number;
    /** Terminates all connections. */
    close(cb?: (err?: Error) => void): void;
    handleUpgrade(
      request: IncomingMessage,
      socket: Socket,
      upgradeHead: Buffer,
      callback: (client: WebSocket, request: IncomingMessage) => void
    ): void;
    shouldHandle(request: IncomingMessage): boolean | Promise<boolean>;

    on(event: 'connection', listener: (this: Server, socket: WebSocket, request: IncomingMessage) => void): this;
    on(event: 'error', listener: (this: Server, error: Error) => void): this;
    on(event: 'headers', listener: (this: Server, headers: string[], request: IncomingMessage) => void): this;
    on(event: 'close' | 'listening', listener: (this: Server) => void): this;
    on(event: string | symbol, listener: (this: Server, ...args: any[]) => void): this;
    once(event: 'connection', listener: (this: Server, socket: WebSocket, request: IncomingMessage) => void): this;
    once(event: 'error', listener: (this: Server, error: Error) => void): this;
    once(event: 'headers', listener: (this: Server, headers: string[], request: IncomingMessage) => void): this;
    once(event: 'close' | 'listening', listener: (this: Server) => void): this;
    once(event: string | symbol, listener: (this: Server, ...args: any[]) => void): this;
    off(event: 'connection', listener: (this: Server, socket: WebSocket, request: IncomingMessage) => void): this;
    off(event: 'error', listener: (this: Server, error: Error) => void): this;
    off(event: 'headers', listener: (this: Server, headers: string[], request: IncomingMessage) => void): this;
    off(event: 'close' | 'listening', listener: (this: Server) => void): this;
    off(event: string | symbol, listener: (this: Server, ...args: any[]) => void): this;
    addListener(event: 'connection', listener: (this: Server, socket: WebSocket, request: IncomingMessage) => void): this;
    addListener(event: 'error', listener: (this: Server, error: Error) => void): this;
    addListener(event: 'headers', listener: (this: Server, headers: string[], request: IncomingMessage) => void): this;
    addListener(event: 'close' | 'listening', listener: (this: Server) => void): this;
    addListener(event: string | symbol, listener: (this: Server, ...args: any[]) => void): this;
    removeListener(event: 'connection', listener: (this: Server, socket: WebSocket, request: IncomingMessage) => void): this;
    removeListener(event: 'error', listener: (this: Server, error: Error) => void): this;
    removeListener(event: 'headers', listener: (this: Server, headers: string[], request: IncomingMessage) => void): this;
    removeListener(event: 'close' | 'listening', listener: (this: Server) => void): this;
    removeListener(event: string | symbol, listener: (this: Server, ...args: any[]) => void): this;
  }

  const WebSocketServer: typeof Server;
  interface WebSocketServer extends Server {}

  const WebSocket: typeof WebSocketAlias;
  interface WebSocket extends WebSocketAlias {}

  function createWebSocketStream(websocket: WebSocket, options?: DuplexOptions): Duplex;

  /** Turns bytes into events: 'message', 'ping', 'pong', 'conclude' and 'error'. */
  class Receiver extends Writable {
    constructor(
      binaryType?: 'nodebuffer' | 'arraybuffer' | 'fragments',
      extensions?: object,
      isServer?: boolean,
      maxPayload?: number,
      maxBufferedChunks?: number,
      maxFragments?: number
    );
  }

  const Sender: typeof Current.Sender;
  type Sender = Current.Sender;
}

/** The class under a name that the namespace does not hide. */
declare const WebSocketAlias: typeof WebSocket;
interface WebSocketAlias extends WebSocket {}

export = WebSocket;
