/// <reference types="node" />

import { EventEmitter } from 'events';
import {
  Agent,
  ClientRequest,
  ClientRequestArgs,
  IncomingMessage,
  OutgoingHttpHeaders,
  Server as HTTPServer
} from 'http';
import { Server as HTTPSServer } from 'https';
import { createConnection } from 'net';
import { Duplex, DuplexOptions, Writable } from 'stream';
import { SecureContextOptions } from 'tls';
import { URL } from 'url';
import { ZlibOptions } from 'zlib';

/** What can be sent: any of these is turned into bytes, a string and a number into text. */
type BufferLike =
  | string
  | Buffer
  | DataView
  | number
  | ArrayBufferView
  | Uint8Array
  | ArrayBuffer
  | SharedArrayBuffer
  | Blob
  | readonly any[]
  | readonly number[]
  | { valueOf(): ArrayBuffer }
  | { valueOf(): SharedArrayBuffer }
  | { valueOf(): Uint8Array }
  | { valueOf(): readonly number[] }
  | { valueOf(): string }
  | { [Symbol.toPrimitive](hint: string): string };

/** A connection, of a client or of a server. */
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
  readonly isPaused: boolean;
  /** The subprotocol that was agreed on, or ''. */
  readonly protocol: string;
  readonly readyState:
    | typeof WebSocket.CONNECTING
    | typeof WebSocket.OPEN
    | typeof WebSocket.CLOSING
    | typeof WebSocket.CLOSED;
  /** The URL of a client. */
  readonly url: string;

  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  onopen: ((event: WebSocket.Event) => void) | null;
  onerror: ((event: WebSocket.ErrorEvent) => void) | null;
  onclose: ((event: WebSocket.CloseEvent) => void) | null;
  onmessage: ((event: WebSocket.MessageEvent) => void) | null;

  constructor(address: null);
  constructor(address: string | URL, options?: WebSocket.ClientOptions | ClientRequestArgs);
  constructor(
    address: string | URL,
    protocols?: string | string[],
    options?: WebSocket.ClientOptions | ClientRequestArgs
  );

  close(code?: number, data?: string | Buffer): void;
  ping(data?: any, mask?: boolean, cb?: (err: Error) => void): void;
  pong(data?: any, mask?: boolean, cb?: (err: Error) => void): void;
  send(data: BufferLike, cb?: (err?: Error) => void): void;
  send(
    data: BufferLike,
    options: {
      mask?: boolean | undefined;
      binary?: boolean | undefined;
      compress?: boolean | undefined;
      fin?: boolean | undefined;
    },
    cb?: (err?: Error) => void
  ): void;
  terminate(): void;
  pause(): void;
  resume(): void;

  addEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener:
      | ((event: WebSocket.WebSocketEventMap[K]) => void)
      | { handleEvent(event: WebSocket.WebSocketEventMap[K]): void },
    options?: WebSocket.EventListenerOptions
  ): void;
  removeEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener:
      | ((event: WebSocket.WebSocketEventMap[K]) => void)
      | { handleEvent(event: WebSocket.WebSocketEventMap[K]): void }
  ): void;

  on(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  on(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  on(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  on(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  on(event: 'open', listener: (this: WebSocket) => void): this;
  on(event: 'ping', listener: (this: WebSocket, data: Buffer) => void): this;
  on(event: 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  on(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  on(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  on(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  once(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  once(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  once(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  once(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  once(event: 'open', listener: (this: WebSocket) => void): this;
  once(event: 'ping', listener: (this: WebSocket, data: Buffer) => void): this;
  once(event: 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  once(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  once(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  once(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  off(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  off(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  off(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  off(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  off(event: 'open', listener: (this: WebSocket) => void): this;
  off(event: 'ping', listener: (this: WebSocket, data: Buffer) => void): this;
  off(event: 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  off(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  off(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  off(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  addListener(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  addListener(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  addListener(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  addListener(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  addListener(event: 'open', listener: (this: WebSocket) => void): this;
  addListener(event: 'ping', listener: (this: WebSocket, data: Buffer) => void): this;
  addListener(event: 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  addListener(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  addListener(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  addListener(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  removeListener(event: 'close', listener: (this: WebSocket, code: number, reason: Buffer) => void): this;
  removeListener(event: 'error', listener: (this: WebSocket, error: Error) => void): this;
  removeListener(event: 'upgrade', listener: (this: WebSocket, request: IncomingMessage) => void): this;
  removeListener(event: 'message', listener: (this: WebSocket, data: WebSocket.RawData, isBinary: boolean) => void): this;
  removeListener(event: 'open', listener: (this: WebSocket) => void): this;
  removeListener(event: 'ping', listener: (this: WebSocket, data: Buffer) => void): this;
  removeListener(event: 'pong', listener: (this: WebSocket, data: Buffer) => void): this;
  removeListener(event: 'redirect', listener: (this: WebSocket, url: string, request: ClientRequest) => void): this;
  removeListener(event: 'unexpected-response', listener: (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void): this;
  removeListener(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
}

declare namespace WebSocket {
  /**
   * What connections have beyond those of `ws`. It is not declared for `WebSocket`, which then could
   * not be passed to what is declared by `@types/ws`: write `ws as WebSocket.Extended`.
   */
  type Extended = WebSocket & {
    /** What has ended the connection, other than `close` and the peer's close frame. */
    readonly closeCause: (Error & { code?: string }) | null;
    /** The same as `send`, with a promise. */
    sendAsync(
      data: BufferLike,
      options?: {
        mask?: boolean | undefined;
        binary?: boolean | undefined;
        compress?: boolean | undefined;
        fin?: boolean | undefined;
      }
    ): Promise<void>;
    [Symbol.asyncIterator](): AsyncGenerator<{ data: RawData; isBinary: boolean }>;
  };

  /** A message as it comes from the socket. */
  type RawData = Buffer | ArrayBuffer | Buffer[];

  /** A message as an event has it. */
  type Data = string | Buffer | ArrayBuffer | Buffer[];

  type CertMeta = string | string[] | Buffer | Buffer[];

  /** Decides at once whether a request is accepted. */
  type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = (info: {
    origin: string;
    secure: boolean;
    req: Request;
  }) => boolean;

  /** Decides later, by calling `callback`. */
  type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = (
    info: { origin: string; secure: boolean; req: Request },
    callback: (
      res: boolean,
      code?: number,
      message?: string,
      headers?: OutgoingHttpHeaders
    ) => void
  ) => void;

  /** Ends the request of a client's handshake. */
  type FinishRequestCallback = (request: ClientRequest, websocket: WebSocket) => void;

  interface ClientOptions extends SecureContextOptions {
    protocol?: string | undefined;
    protocols?: string | string[] | undefined;
    followRedirects?: boolean | undefined;
    generateMask?(mask: Buffer): void;
    handshakeTimeout?: number | undefined;
    maxRedirects?: number | undefined;
    perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
    localAddress?: string | undefined;
    protocolVersion?: number | undefined;
    headers?: { [key: string]: string } | undefined;
    origin?: string | undefined;
    agent?: Agent | undefined;
    host?: string | undefined;
    family?: number | undefined;
    checkServerIdentity?(servername: string, cert: CertMeta): boolean;
    rejectUnauthorized?: boolean | undefined;
    allowSynchronousEvents?: boolean | undefined;
    autoPong?: boolean | undefined;
    closeTimeout?: number | undefined;
    maxBufferedChunks?: number | undefined;
    maxBufferedAmount?: number | undefined;
    maxFragments?: number | undefined;
    maxPayload?: number | undefined;
    maxPendingAutoPongs?: number | undefined;
    overflowPolicy?: 'close' | 'refuse' | undefined;
    heartbeat?: boolean | HeartbeatOptions | null | undefined;
    skipUTF8Validation?: boolean | undefined;
    createConnection?: typeof createConnection | undefined;
    finishRequest?: FinishRequestCallback | undefined;
  }

  /** How to find out that a peer has vanished; in milliseconds, from 1 to 2,147,483,647. */
  interface HeartbeatOptions {
    /** How long the peer is silent before it gets a ping. 20,000 by default. */
    interval?: number | undefined;
    /** How long it may be silent after that, before the connection is terminated. 20,000 by default. */
    timeout?: number | undefined;
  }

  interface PerMessageDeflateOptions {
    serverNoContextTakeover?: boolean | undefined;
    clientNoContextTakeover?: boolean | undefined;
    serverMaxWindowBits?: number | undefined;
    clientMaxWindowBits?: number | undefined;
    /** Of these, `level`, `memLevel` and `strategy` have an effect. */
    zlibDeflateOptions?:
      | {
          [name in
            | 'chunkSize'
            | 'finishFlush'
            | 'flush'
            | 'level'
            | 'memLevel'
            | 'strategy'
            | 'windowBits']?: number | undefined;
        } & { dictionary?: Buffer | Buffer[] | DataView | undefined; info?: boolean | undefined }
      | undefined;
    /** Without effect. */
    zlibInflateOptions?: ZlibOptions | undefined;
    threshold?: number | undefined;
    concurrencyLimit?: number | undefined;
  }

  interface Event {
    type: string;
    target: WebSocket;
  }

  interface ErrorEvent {
    error: any;
    message: string;
    type: string;
    target: WebSocket;
  }

  interface CloseEvent {
    wasClean: boolean;
    code: number;
    reason: string;
    type: string;
    target: WebSocket;
  }

  interface MessageEvent {
    data: Data;
    type: string;
    target: WebSocket;
  }

  interface WebSocketEventMap {
    open: Event;
    error: ErrorEvent;
    close: CloseEvent;
    message: MessageEvent;
  }

  interface EventListenerOptions {
    once?: boolean | undefined;
  }

  interface ServerOptions<
    U extends typeof WebSocket = typeof WebSocket,
    V extends typeof IncomingMessage = typeof IncomingMessage
  > {
    host?: string | undefined;
    port?: number | undefined;
    backlog?: number | undefined;
    server?: HTTPServer<V> | HTTPSServer<V> | undefined;
    verifyClient?:
      | VerifyClientCallbackAsync<InstanceType<V>>
      | VerifyClientCallbackSync<InstanceType<V>>
      | undefined;
    handleProtocols?: (protocols: Set<string>, request: InstanceType<V>) => string | false;
    path?: string | undefined;
    noServer?: boolean | undefined;
    allowSynchronousEvents?: boolean | undefined;
    autoPong?: boolean | undefined;
    clientTracking?: boolean | undefined;
    closeTimeout?: number | undefined;
    perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
    maxBufferedChunks?: number | undefined;
    maxBufferedAmount?: number | undefined;
    maxFragments?: number | undefined;
    maxPayload?: number | undefined;
    maxPendingAutoPongs?: number | undefined;
    overflowPolicy?: 'close' | 'refuse' | undefined;
    heartbeat?: boolean | HeartbeatOptions | null | undefined;
    skipUTF8Validation?: boolean | undefined;
    WebSocket?: U | undefined;
  }

  interface AddressInfo {
    address: string;
    family: string;
    port: number;
  }

  /** A server, on its own HTTP server or that of somebody else. */
  class Server<
    T extends typeof WebSocket = typeof WebSocket,
    U extends typeof IncomingMessage = typeof IncomingMessage
  > extends EventEmitter {
    options: ServerOptions<T, U>;
    path: string;
    clients: Set<InstanceType<T>>;

    constructor(options?: ServerOptions<T, U>, callback?: () => void);

    address(): AddressInfo | string | null;
    /** Sends a message to all open connections, framed once; returns how many get it. */
    broadcast(
      data: BufferLike,
      options?: { binary?: boolean | undefined; except?: WebSocket | undefined }
    ): number;
    close(cb?: (err?: Error) => void): void;
    handleUpgrade(
      request: InstanceType<U>,
      socket: Duplex,
      upgradeHead: Buffer,
      callback: (client: InstanceType<T>, request: InstanceType<U>) => void
    ): void;
    shouldHandle(request: InstanceType<U>): boolean | Promise<boolean>;

    on(event: 'connection', listener: (this: Server<T>, socket: InstanceType<T>, request: InstanceType<U>) => void): this;
    on(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    on(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    on(event: 'close', listener: (this: Server<T>) => void): this;
    on(event: 'listening', listener: (this: Server<T>) => void): this;
    on(event: 'wsClientError', listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void): this;
    on(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;
    once(event: 'connection', listener: (this: Server<T>, socket: InstanceType<T>, request: InstanceType<U>) => void): this;
    once(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    once(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    once(event: 'close', listener: (this: Server<T>) => void): this;
    once(event: 'listening', listener: (this: Server<T>) => void): this;
    once(event: 'wsClientError', listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void): this;
    once(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;
    off(event: 'connection', listener: (this: Server<T>, socket: InstanceType<T>, request: InstanceType<U>) => void): this;
    off(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    off(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    off(event: 'close', listener: (this: Server<T>) => void): this;
    off(event: 'listening', listener: (this: Server<T>) => void): this;
    off(event: 'wsClientError', listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void): this;
    off(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;
    addListener(event: 'connection', listener: (this: Server<T>, socket: InstanceType<T>, request: InstanceType<U>) => void): this;
    addListener(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    addListener(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    addListener(event: 'close', listener: (this: Server<T>) => void): this;
    addListener(event: 'listening', listener: (this: Server<T>) => void): this;
    addListener(event: 'wsClientError', listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void): this;
    addListener(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;
    removeListener(event: 'connection', listener: (this: Server<T>, socket: InstanceType<T>, request: InstanceType<U>) => void): this;
    removeListener(event: 'error', listener: (this: Server<T>, error: Error) => void): this;
    removeListener(event: 'headers', listener: (this: Server<T>, headers: string[], request: InstanceType<U>) => void): this;
    removeListener(event: 'close', listener: (this: Server<T>) => void): this;
    removeListener(event: 'listening', listener: (this: Server<T>) => void): this;
    removeListener(event: 'wsClientError', listener: (this: Server<T>, error: Error, socket: Duplex, request: InstanceType<U>) => void): this;
    removeListener(event: string | symbol, listener: (this: Server<T>, ...args: any[]) => void): this;
  }

  const WebSocketServer: typeof Server;
  interface WebSocketServer extends Server {}

  const WebSocket: typeof WebSocketAlias;
  interface WebSocket extends WebSocketAlias {}

  function createWebSocketStream(websocket: WebSocket, options?: DuplexOptions): Duplex;

  /** Turns bytes into events: 'message', 'ping', 'pong', 'conclude' and 'error'. */
  class Receiver extends Writable {
    constructor(options?: {
      allowSynchronousEvents?: boolean | undefined;
      binaryType?: 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob' | undefined;
      extensions?: { [name: string]: PerMessageDeflate } | undefined;
      isServer?: boolean | undefined;
      maxBufferedChunks?: number | undefined;
      maxFragments?: number | undefined;
      maxPayload?: number | undefined;
      skipUTF8Validation?: boolean | undefined;
    });
  }

  /** Turns messages into frames, and writes them to a socket. */
  class Sender {
    constructor(
      socket: Duplex,
      extensions?: { [name: string]: PerMessageDeflate },
      generateMask?: (mask: Buffer) => void
    );

    static frame(
      data: Buffer | string,
      options: {
        opcode: number;
        fin?: boolean | undefined;
        generateMask?: ((mask: Buffer) => void) | undefined;
        mask?: boolean | undefined;
        maskBuffer?: Buffer | undefined;
        readOnly?: boolean | undefined;
        rsv1?: boolean | undefined;
      }
    ): Buffer[];

    close(code?: number, data?: string | Buffer, mask?: boolean, cb?: (err?: Error) => void): void;
    ping(data: any, mask?: boolean, cb?: (err?: Error) => void): void;
    pong(data: any, mask?: boolean, cb?: (err?: Error) => void): void;
    send(
      data: any,
      options: { binary?: boolean; compress?: boolean; fin?: boolean; mask?: boolean },
      cb?: (err?: Error) => void
    ): void;
    sendFrame(list: Buffer[], cb?: (err?: Error) => void): void;
  }

  /** permessage-deflate: what to agree on, and compression under that. */
  class PerMessageDeflate {
    static readonly extensionName: 'permessage-deflate';

    readonly params: { [name: string]: true | number } | null;

    constructor(
      options?: PerMessageDeflateOptions & { isServer?: boolean; maxPayload?: number }
    );

    offer(): { [name: string]: true | number };
    accept(configurations: Array<{ [name: string]: Array<true | string> }>): {
      [name: string]: true | number;
    };
    compress(
      data: Buffer | string,
      fin: boolean,
      callback: (err: Error | null, data?: Buffer) => void
    ): void;
    decompress(
      data: Buffer,
      fin: boolean,
      callback: (err: Error | null, data?: Buffer) => void
    ): void;
    cleanup(): void;
  }

  /** The `Sec-WebSocket-Extensions` header. */
  const extension: {
    parse(header: string): {
      [name: string]: Array<{ [parameter: string]: Array<true | string> }>;
    };
    format(extensions: object): string;
  };

  /** The `Sec-WebSocket-Protocol` header. */
  const subprotocol: { parse(header: string): Set<string> };
}

/** The class under a name that the namespace does not hide. */
declare const WebSocketAlias: typeof WebSocket;
interface WebSocketAlias extends WebSocket {}

export = WebSocket;
