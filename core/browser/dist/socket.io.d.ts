// Types of the sio browser client for Socket.IO. Put this file beside socket.io.js, or map
// the address that the page imports to it, in tsconfig.json:
//
//   "paths": { "/socket.io/socket.io.esm.js": ["./types/socket.io.d.ts"] }

/** Events by their names, with the listeners that take their arguments. */
export interface EventsMap {
  [event: string]: any;
}

type Names<Events> = keyof Events & string;
type Listener<Events, Name extends Names<Events>> = Events[Name] extends (...args: any[]) => void ? Events[Name] : (...args: any[]) => void;
type Arguments<Events, Name extends Names<Events>> = Parameters<Listener<Events, Name>>;

type Last<List extends any[]> = List extends [...any[], infer L] ? L : any;
type ButLast<List extends any[]> = List extends [...infer Rest, any] ? Rest : List;
/** The arguments of an event without its acknowledgement. */
type WithoutAck<List extends any[]> = Last<List> extends (...args: any[]) => any ? ButLast<List> : List;
/** What an acknowledgement answers with: its first argument that is no error. */
type Answer<List extends any[]> = Last<List> extends (...args: infer Args) => any ? Value<Args> : any;
type Value<Args extends any[]> = Args extends [Error | null, infer V, ...any[]] ? V : Args[0];
/** With a timeout, an acknowledgement gets an error or null in front. */
type AckWithError<List extends any[]> = {
  [Index in keyof List]: List[Index] extends (...args: infer Args) => infer Result ? (err: Error | null, ...args: Args) => Result : List[Index];
};
type WithErrors<Events> = {
  [Name in keyof Events]: Events[Name] extends (...args: infer Args) => infer Result ? (...args: AckWithError<Args>) => Result : Events[Name];
};

/** An emitter whose listeners are told of the events in Events. */
export class Emitter<Events extends EventsMap = EventsMap> {
  on<Name extends Names<Events>>(event: Name, fn: Listener<Events, Name>): this;
  once<Name extends Names<Events>>(event: Name, fn: Listener<Events, Name>): this;
  /** Without fn, all listeners of the event go; without event, all listeners. */
  off<Name extends Names<Events>>(event?: Name, fn?: Listener<Events, Name>): this;
  addEventListener<Name extends Names<Events>>(event: Name, fn: Listener<Events, Name>): this;
  removeListener<Name extends Names<Events>>(event?: Name, fn?: Listener<Events, Name>): this;
  removeEventListener<Name extends Names<Events>>(event?: Name, fn?: Listener<Events, Name>): this;
  removeAllListeners<Name extends Names<Events>>(event?: Name): this;
  listeners<Name extends Names<Events>>(event: Name): Listener<Events, Name>[];
  hasListeners<Name extends Names<Events>>(event: Name): boolean;
}

/** Options of a connection. Times are in milliseconds. */
export interface ManagerOptions {
  /** Where the server is mounted. Default: "/socket.io". */
  path?: string;
  /** Whether the path gets a slash at its end. Default: true. */
  addTrailingSlash?: boolean;
  /** What goes into the query of each request. The query of the URL has precedence. */
  query?: string | Record<string, any>;
  /** What is tried, in that order. Default: polling, then an upgrade to websocket. Others are left out. */
  transports?: (string | TransportClass)[];
  /** Whether polling goes on as websocket. Default: true. */
  upgrade?: boolean;
  /** Whether to begin with websocket if that has worked before. Default: false. */
  rememberUpgrade?: boolean;
  /** Whether the next transport is tried if the first cannot connect. Default: false. */
  tryAllTransports?: boolean;
  /** Options of one transport, by its name, which override these. */
  transportOptions?: Record<string, Partial<ManagerOptions>>;
  /** Whether binary messages are sent as base64. Default: false. */
  forceBase64?: boolean;
  /** What binary messages arrive as. Default: "arraybuffer". */
  binaryType?: "arraybuffer" | "blob";
  /** Whether requests to other origins carry cookies. Default: false. */
  withCredentials?: boolean;
  /** Headers of the requests of polling; in Node.js, with the class of ws, of websocket too. */
  extraHeaders?: Record<string, string>;
  /** How long one request of polling may take. Default: 0, without limit. */
  requestTimeout?: number;
  /** The name of the parameter that makes each request unique. Default: "t". */
  timestampParam?: string;
  /** Whether there is such a parameter. Default: in polling only. */
  timestampRequests?: boolean;
  /** Subprotocols of the websocket. */
  protocols?: string | string[];
  /** Whether the connection is closed, silently, before the page goes away. Default: false. */
  closeOnBeforeunload?: boolean;
  /** What is used instead of the global fetch. */
  fetch?: typeof fetch;
  /** What is used instead of the global WebSocket. */
  WebSocket?: new (url: string, protocols?: string | string[], options?: any) => any;

  /** Whether a connection that was lost is opened again. Default: true. */
  reconnection?: boolean;
  /** How often that is tried. Default: Infinity. */
  reconnectionAttempts?: number;
  /** How long to wait before the first attempt; then twice as long each time. Default: 1000. */
  reconnectionDelay?: number;
  /** How long to wait at most. Default: 5000. */
  reconnectionDelayMax?: number;
  /** How much of that is left to chance, between 0 and 1. Default: 0.5. */
  randomizationFactor?: number;
  /** How long an attempt may take; false is without limit. Default: 20000. */
  timeout?: number | false;
  /** Whether to connect at once. Default: true. */
  autoConnect?: boolean;
  /** What packets are encoded with. The server must use the same. */
  parser?: { Encoder: new () => any; Decoder: new () => any };
}

export type Auth = Record<string, any>;

export interface SocketOptions {
  /** Credentials for the namespace, or a function that gives them at each connection. */
  auth?: Auth | ((give: (auth: Auth) => void) => void);
  /** How often an event is sent again until it is acknowledged. Default: 0. */
  retries?: number;
  /** How long an acknowledgement may take, unless timeout() says something else. Default: without limit. */
  ackTimeout?: number;
}

export interface IoOptions extends ManagerOptions, SocketOptions {
  /** Whether to open a connection of its own. Default: false. */
  forceNew?: boolean;
  /** Whether the connection may be shared. Default: true. */
  multiplex?: boolean;
}

/** What went wrong with a connection. */
export interface TransportError extends Error {
  type: "TransportError";
  description?: any;
  context?: any;
}

export interface DisconnectDetails {
  description?: any;
  context?: any;
}

export type DisconnectReason =
  | "io server disconnect"
  | "io client disconnect"
  | "ping timeout"
  | "transport close"
  | "transport error"
  | "forced close"
  | "parse error";

/** The events that a socket has by itself. */
export interface SocketEvents {
  connect: () => void;
  connect_error: (err: Error & { data?: any }) => void;
  disconnect: (reason: DisconnectReason, details?: Error | DisconnectDetails) => void;
}

export interface ManagerEvents {
  open: () => void;
  error: (err: Error) => void;
  ping: () => void;
  packet: (packet: any) => void;
  close: (reason: DisconnectReason, details?: Error | DisconnectDetails) => void;
  reconnect_attempt: (attempt: number) => void;
  reconnect: (attempt: number) => void;
  reconnect_error: (err: Error) => void;
  reconnect_failed: () => void;
}

/** The place of this client in one namespace. */
export class Socket<ListenEvents extends EventsMap = EventsMap, EmitEvents extends EventsMap = ListenEvents> extends Emitter<
  ListenEvents & SocketEvents
> {
  constructor(io: Manager, nsp: string, opts?: SocketOptions);
  readonly io: Manager;
  readonly nsp: string;
  /** Differs with each connection, unless its state was recovered. */
  readonly id: string | undefined;
  readonly connected: boolean;
  readonly disconnected: boolean;
  /** Whether the socket is connected, or will be without further ado. */
  readonly active: boolean;
  /** Whether the last connection goes on where the one before it ended. */
  readonly recovered: boolean;
  auth: SocketOptions["auth"];
  /** Packets that wait for the connection. */
  sendBuffer: any[];
  receiveBuffer: any[];

  connect(): this;
  open(): this;
  disconnect(): this;
  close(): this;

  /** Sends an event, when there is a connection. A function at the end gets the acknowledgement. */
  emit<Name extends Names<EmitEvents>>(event: Name, ...args: Arguments<EmitEvents, Name>): this;
  /** Sends an event and returns what it is acknowledged with. */
  emitWithAck<Name extends Names<EmitEvents>>(
    event: Name,
    ...args: WithoutAck<Arguments<EmitEvents, Name>>
  ): Promise<Answer<Arguments<EmitEvents, Name>>>;
  /** Sends the event "message". */
  send(...args: any[]): this;

  /** The next event is dropped if it cannot be sent at once. */
  get volatile(): this;
  /** The next acknowledgement gets an error if it takes longer than that many milliseconds. */
  timeout(ms: number): Socket<ListenEvents, WithErrors<EmitEvents>>;
  /** Whether the next event may be compressed. Browsers decide that themselves. */
  compress(on: boolean): this;

  onAny(fn: (event: string, ...args: any[]) => void): this;
  prependAny(fn: (event: string, ...args: any[]) => void): this;
  offAny(fn?: (event: string, ...args: any[]) => void): this;
  listenersAny(): ((event: string, ...args: any[]) => void)[];
  onAnyOutgoing(fn: (event: string, ...args: any[]) => void): this;
  prependAnyOutgoing(fn: (event: string, ...args: any[]) => void): this;
  offAnyOutgoing(fn?: (event: string, ...args: any[]) => void): this;
  listenersAnyOutgoing(): ((event: string, ...args: any[]) => void)[];
}

/** One connection, over which any number of namespaces run. */
export class Manager extends Emitter<ManagerEvents> {
  constructor(uri: string, opts?: ManagerOptions);
  constructor(opts?: ManagerOptions);
  /** Read at each attempt to connect, as are the options. */
  uri: string;
  opts: ManagerOptions;
  readonly engine: Engine;

  /** Returns the socket of a namespace, the same each time. */
  socket(nsp: string, opts?: SocketOptions): Socket;
  open(fn?: (err?: Error) => void): this;
  connect(fn?: (err?: Error) => void): this;
  /** Ends the connection, and attempts to open one. */
  disconnect(): void;

  reconnection(): boolean;
  reconnection(on: boolean): this;
  reconnectionAttempts(): number;
  reconnectionAttempts(times: number): this;
  reconnectionDelay(): number;
  reconnectionDelay(ms: number): this;
  reconnectionDelayMax(): number;
  reconnectionDelayMax(ms: number): this;
  randomizationFactor(): number;
  randomizationFactor(factor: number): this;
  timeout(): number | false;
  timeout(ms: number | false): this;
}

export interface EngineEvents {
  open: () => void;
  handshake: (data: any) => void;
  packet: (packet: any) => void;
  packetCreate: (packet: any) => void;
  data: (data: any) => void;
  message: (data: any) => void;
  ping: () => void;
  upgrading: (transport: any) => void;
  upgrade: (transport: any) => void;
  upgradeError: (err: Error) => void;
  flush: () => void;
  drain: () => void;
  error: (err: Error) => void;
  close: (reason: DisconnectReason, details?: Error | DisconnectDetails) => void;
}

/** The session below. */
export interface Engine extends Emitter<EngineEvents> {
  readonly id: string;
  readonly readyState: "opening" | "open" | "closing" | "closed";
  readonly transport: { readonly name: string };
  binaryType: "arraybuffer" | "blob";
  close(): this;
}

export interface TransportClass {
  new (opts: any, query: Record<string, any>): any;
  prototype: { name: string };
}

/** Polling, as an element of the option transports. */
export const Fetch: TransportClass;
/** Websocket, as an element of the option transports. */
declare const WebSocketTransport: TransportClass;
export { WebSocketTransport as WebSocket };

/** The revision of the Socket.IO protocol. */
export const protocol: 5;

/**
 * Returns the socket of the namespace that the path of the URL names, and connects it unless
 * autoConnect is false. Without a URL, that is the namespace "/" of the server of the page.
 */
export function io(uri: string, opts?: IoOptions): Socket;
export function io(opts?: IoOptions): Socket;

export { io as connect, io as default };
