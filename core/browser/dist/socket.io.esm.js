/*! sio browser client for Socket.IO, MIT license */
var __defProp = Object.defineProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// backoff.js
var Backoff = class {
  attempts = 0;
  constructor(min, max, jitter) {
    Object.assign(this, { min, max, jitter });
  }
  duration() {
    let ms = this.min * 2 ** this.attempts++;
    ms *= 1 + this.jitter * (2 * Math.random() - 1);
    return Math.min(ms, this.max) | 0;
  }
  reset() {
    this.attempts = 0;
  }
};

// emitter.js
var Emitter = class _Emitter {
  #listeners = /* @__PURE__ */ new Map();
  on(event, fn) {
    this.#listeners.set(event, [...this.listeners(event), fn]);
    return this;
  }
  once(event, fn) {
    const wrapper = (...args) => {
      this.off(event, wrapper);
      fn.apply(this, args);
    };
    wrapper.fn = fn;
    return this.on(event, wrapper);
  }
  /** Without fn, all listeners of the event go; without event, all listeners. */
  off(event, fn) {
    if (event === void 0) this.#listeners.clear();
    else {
      const list = this.listeners(event);
      const rest = fn ? without(list, list.find((l) => l === fn || l.fn === fn)) : [];
      if (rest.length) this.#listeners.set(event, rest);
      else this.#listeners.delete(event);
    }
    return this;
  }
  /** What a listener throws is reported as any uncaught error, and stops nobody else. */
  emit(event, ...args) {
    for (const fn of this.listeners(event)) {
      try {
        fn.apply(this, args);
      } catch (err) {
        queueMicrotask(() => {
          throw err;
        });
      }
    }
    return this;
  }
  /** The same as emit, for subclasses whose emit sends something. */
  emitReserved(event, ...args) {
    return _Emitter.prototype.emit.call(this, event, ...args);
  }
  /** The list is not changed any more: on and off make another. */
  listeners(event) {
    return this.#listeners.get(event) ?? [];
  }
  hasListeners(event) {
    return this.#listeners.has(event);
  }
};
var { on, off } = Emitter.prototype;
Object.assign(Emitter.prototype, { addEventListener: on, removeListener: off, removeAllListeners: off, removeEventListener: off });
function without(list, item) {
  const i = list.indexOf(item);
  return list.filter((_, at) => at !== i);
}
function subscribe(emitter, event, fn) {
  emitter.on(event, fn);
  return () => emitter.off(event, fn);
}

// parser.js
var parser_exports = {};
__export(parser_exports, {
  Decoder: () => Decoder,
  Encoder: () => Encoder,
  PacketType: () => PacketType,
  RESERVED: () => RESERVED,
  isBinary: () => isBinary,
  protocol: () => protocol
});
var protocol = 5;
var CONNECT = 0;
var DISCONNECT = 1;
var EVENT = 2;
var ACK = 3;
var CONNECT_ERROR = 4;
var BINARY = 3;
var PacketType = { CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR };
var RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
var isObject = (value) => Object.prototype.toString.call(value) === "[object Object]";
function isBinary(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob;
}
function putBack(value, attachments) {
  if (value === null || typeof value !== "object") return value;
  if (value._placeholder === true) {
    const attachment = typeof value.num === "number" && attachments[value.num];
    if (!attachment) throw new Error("illegal attachments");
    return attachment;
  }
  for (const key of Object.keys(value)) value[key] = putBack(value[key], attachments);
  return value;
}
var Encoder = class {
  /** Returns the messages of a packet: a string, and its attachments. */
  encode({ type, nsp, data, id }) {
    const attachments = [];
    const takeOut = function(key, value) {
      for (const v of [this[key], value]) {
        if (isBinary(v)) return { _placeholder: true, num: attachments.push(v) - 1 };
      }
      return value;
    };
    const json = data == null ? "" : JSON.stringify(data, type === EVENT || type === ACK ? takeOut : void 0);
    const count = attachments.length;
    let text = count ? `${type + BINARY}${count}-` : `${type}`;
    if (nsp !== "/") text += nsp + ",";
    return [text + (id ?? "") + json, ...attachments];
  }
};
var Decoder = class extends Emitter {
  #partial;
  // a packet that waits for its attachments
  #attachments = [];
  add(message) {
    const packet = this.#partial;
    if (typeof message === "string") {
      if (packet) throw new Error("got plaintext data when reconstructing a packet");
      this.#partial = decodeText(message);
    } else {
      if (!packet) throw new Error("got binary data when not reconstructing a packet");
      this.#attachments.push(message);
    }
    this.#complete(this.#partial);
  }
  #complete(packet) {
    const { attachments } = packet;
    if (this.#attachments.length < attachments) return;
    if (attachments) packet.data = putBack(packet.data, this.#attachments);
    delete packet.attachments;
    this.destroy();
    this.emitReserved("decoded", packet);
  }
  /** Forgets a packet that is not complete. */
  destroy() {
    this.#partial = void 0;
    this.#attachments = [];
  }
};
var header = /^([0-4]|[56](\d+)-)(?:(\/[^,]*)(?:,|$))?(\d*)/;
function decodeText(text) {
  const [all, , attachments, nsp = "/", id] = header.exec(text) ?? invalid();
  const packet = { type: text[0] - (attachments ? BINARY : 0), nsp, attachments: Number(attachments ?? 0) };
  if (id) packet.id = Number(id);
  if (all.length < text.length) packet.data = JSON.parse(text.slice(all.length));
  return isValid(packet) ? packet : invalid();
}
function invalid() {
  throw new Error("invalid payload");
}
function isValid({ type, data }) {
  switch (type) {
    case CONNECT:
      return data === void 0 || isObject(data);
    // none: a server of version 2
    case DISCONNECT:
      return data === void 0;
    case CONNECT_ERROR:
      return typeof data === "string" || isObject(data);
    case EVENT:
      return Array.isArray(data) && (typeof data[0] === "number" || typeof data[0] === "string" && !RESERVED.includes(data[0]));
    default:
      return Array.isArray(data);
  }
}

// transports.js
var TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
var SEPARATOR = "";
function encodeText({ type, data = "" }) {
  return TYPES.indexOf(type) + data;
}
function decodeText2(text) {
  try {
    if (text[0] === "b") return { type: "message", data: Uint8Array.from(atob(text.slice(1)), (c) => c.charCodeAt(0)).buffer };
  } catch {
  }
  return { type: TYPES[text[0]] ?? "error", data: text.slice(1) || void 0 };
}
async function encodeBase64(data) {
  const bytes = new Uint8Array(await new Blob([data]).arrayBuffer());
  let chars = "";
  for (let i = 0; i < bytes.length; i += 32768) chars += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return "b" + btoa(chars);
}
var encodeAsText = (packet) => isBinary(packet.data) ? encodeBase64(packet.data) : encodeText(packet);
var TransportError = class extends Error {
  type = "TransportError";
  constructor(message, description, context) {
    super(message);
    this.description = description;
    this.context = context;
  }
};
var requests = 0;
var Transport = class extends Emitter {
  readyState = "opening";
  writable = false;
  constructor(opts, query) {
    super();
    this.opts = opts;
    this.query = query;
  }
  uri(scheme, stamped) {
    const { secure, host, path, forceBase64, timestampParam } = this.opts;
    const query = new URLSearchParams(this.query);
    if (stamped) query.set(timestampParam, Date.now().toString(36) + "-" + (requests++).toString(36));
    if (forceBase64) query.set("b64", "1");
    return `${scheme}${secure ? "s" : ""}://${host}${path}?${query}`;
  }
  onPacket(packet) {
    this.emitReserved("packet", packet);
  }
  fail(message, description, context) {
    if (this.readyState !== "closed") this.emitReserved("error", new TransportError(message, description, context));
  }
  onOpen() {
    this.readyState = "open";
    this.writable = true;
    this.emitReserved("open");
  }
  onClose(details) {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    this.writable = false;
    this.emitReserved("close", details);
  }
  drained() {
    if (this.readyState === "closed") return;
    this.writable = true;
    this.emitReserved("drain");
  }
  close() {
    if (this.readyState === "closed") return;
    this.onClose();
    this.doClose();
  }
};
var Polling = class extends Transport {
  #polling = false;
  #abort = new AbortController();
  get name() {
    return "polling";
  }
  open() {
    this.#poll();
  }
  /** Calls fn as soon as nothing is on its way in either direction. */
  pause(fn) {
    this.readyState = "pausing";
    const step = () => {
      if (this.readyState !== "pausing") return;
      if (this.#polling) this.once("pollComplete", step);
      else if (!this.writable) this.once("drain", step);
      else fn();
    };
    step();
  }
  /** Takes pause back. */
  resume() {
    if (this.readyState !== "pausing") return;
    this.readyState = "open";
    if (!this.#polling) this.#poll();
  }
  async #poll() {
    this.#polling = true;
    const text = await this.#request("GET", "xhr poll error");
    if (text === void 0) return;
    for (const part of text.split(SEPARATOR)) {
      const packet = decodeText2(part);
      if (this.readyState === "closed") return this.#leave(packet);
      if (this.readyState === "opening" && packet.type === "open") this.onOpen();
      if (packet.type === "close") return this.onClose({ description: "transport closed by the server" });
      this.onPacket(packet);
    }
    this.#polling = false;
    this.emitReserved("pollComplete");
    if (this.readyState === "open") this.#poll();
  }
  async send(packets) {
    this.writable = false;
    const message = "xhr post error";
    let parts;
    try {
      parts = await Promise.all(packets.map(encodeAsText));
    } catch (err) {
      return this.fail(message, err);
    }
    if (await this.#request("POST", message, parts.join(SEPARATOR)) !== void 0) this.drained();
  }
  /** Returns the text of the answer; undefined after an error, which was told. */
  async #request(method, message, body) {
    const { fetch = globalThis.fetch, extraHeaders, requestTimeout, timestampRequests, withCredentials } = this.opts;
    const headers = { ...extraHeaders };
    if (body !== void 0) headers["content-type"] = "text/plain;charset=UTF-8";
    const closing = this.readyState === "closed";
    const abort = this.#abort;
    const timer = requestTimeout && setTimeout(() => abort.abort(), requestTimeout);
    let failure;
    try {
      const response = await fetch(this.uri("http", timestampRequests !== false), {
        method,
        headers,
        body,
        credentials: withCredentials ? "include" : "same-origin",
        cache: "no-store",
        keepalive: closing,
        // also if the page goes away
        signal: closing ? void 0 : abort.signal
      });
      const text = await response.text();
      if (response.ok) return text;
      failure = [response.status, { status: response.status, responseText: text }];
    } catch (err) {
      failure = [err];
    } finally {
      clearTimeout(timer);
    }
    this.fail(message, ...failure);
  }
  /** Closes a session that was opened for a client that has gone away meanwhile. */
  #leave({ type, data }) {
    const sid = type === "open" && /"sid":"([^"]+)"/.exec(data)?.[1];
    if (!sid || this.query.sid) return;
    this.query.sid = sid;
    this.doClose();
  }
  async doClose() {
    if (!this.query.sid) return;
    await this.send([{ type: "close" }]);
    this.#abort.abort();
  }
};
var WS = class extends Transport {
  get name() {
    return "websocket";
  }
  open() {
    const { WebSocket = globalThis.WebSocket, protocols, extraHeaders, timestampRequests } = this.opts;
    let ws;
    try {
      ws = this.ws = new WebSocket(this.uri("ws", timestampRequests), protocols ?? [], { headers: extraHeaders });
    } catch (err) {
      return this.emitReserved("error", err);
    }
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this.onOpen();
    ws.onmessage = ({ data }) => this.onPacket(typeof data === "string" ? decodeText2(data) : { type: "message", data });
    ws.onerror = (e) => this.fail("websocket error", e);
    ws.onclose = (e) => this.onClose({ description: "websocket connection closed", context: e });
  }
  async send(packets) {
    this.writable = false;
    try {
      for (const packet of packets) {
        let { data } = packet;
        if (!isBinary(data)) data = encodeText(packet);
        else if (this.opts.forceBase64) data = await encodeBase64(data);
        if (this.ws.readyState === 1) this.ws.send(data);
      }
    } catch (err) {
      this.fail("websocket error", err);
    }
    queueMicrotask(() => this.drained());
  }
  doClose() {
    const { ws } = this;
    if (!ws) return;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.onerror = () => {
    };
    ws.close();
  }
};
var transports = { polling: Polling, websocket: WS };

// url.js
function parse(uri) {
  const { location } = globalThis;
  let text = uri ?? location.host;
  if (/^\/(?!\/)/.test(text)) text = location.host + text;
  const page = !location || location.protocol === "https:" ? "https:" : "http:";
  if (!/^(http|ws)s?:\/\//.test(text)) text = page + "//" + text.replace(/^\/\//, "");
  const url = new URL(text);
  return {
    secure: /^(https|wss):/.test(url.protocol),
    host: url.host,
    // with the port, unless it is the usual one
    // Not url.pathname, which has escapes: it is the name of a namespace.
    path: /^\w+:\/\/[^/?#]*([^?#]*)/.exec(text)[1] || "/",
    query: new URLSearchParams(url.search.replaceAll("+", "%2B"))
    // a plus is no space
  };
}

// engine.js
var defaults = {
  addTrailingSlash: true,
  binaryType: "arraybuffer",
  timestampParam: "t",
  transports: ["polling", "websocket"],
  upgrade: true
};
function byteLength(data = "") {
  if (!isBinary(data)) return new TextEncoder().encode(data).length;
  return Math.ceil((data.byteLength ?? data.size) * 1.33);
}
var Engine = class _Engine extends Emitter {
  static #rememberedWebSocket = false;
  id = "";
  readyState = "opening";
  writeBuffer = [];
  upgrading = false;
  #classes;
  // of the transports that may still be tried, by their names
  #inFlight = 0;
  // packets of writeBuffer that the transport has
  #maxPayload = Infinity;
  #pingDelay;
  #pingDeadline;
  #pingTimer;
  #ofPage = {
    offline: () => this.#onClose("transport close", { description: "network connection lost" }),
    // A page that may come back is told, so that it connects again; one that is over is not.
    pagehide: ({ persisted }) => persisted ? this.#onClose("transport close", { description: "page hidden" }) : this.#leave(),
    beforeunload: () => this.opts.closeOnBeforeunload && this.#leave()
  };
  constructor(uri, opts) {
    super();
    const { secure, host, query } = parse(uri);
    this.opts = { ...defaults, ...opts, secure, host };
    this.opts.path = opts.path.replace(/\/$/, "") + (this.opts.addTrailingSlash ? "/" : "");
    this.opts.query = Object.fromEntries([...new URLSearchParams(opts.query), ...query]);
    this.binaryType = this.opts.binaryType;
    this.#classes = this.opts.transports.map((t) => transports[t] ?? t).filter((t) => t.prototype);
    for (const event in this.#ofPage) globalThis.addEventListener?.(event, this.#ofPage[event]);
    this.#open();
  }
  #class(name) {
    return this.#classes.find((c) => c.prototype.name === name);
  }
  #create(Class) {
    const { name } = Class.prototype;
    const query = { ...this.opts.query, EIO: 4, transport: name };
    if (this.id) query.sid = this.id;
    return new Class({ ...this.opts, ...this.opts.transportOptions?.[name] }, query);
  }
  #open() {
    const remembered = this.opts.rememberUpgrade && _Engine.#rememberedWebSocket && this.#class("websocket");
    const Class = remembered || this.#classes[0];
    if (!Class) {
      setTimeout(() => this.#onError(new Error("No transports available")));
      return;
    }
    this.#use(this.#create(Class));
    this.transport.open();
  }
  #use(transport) {
    this.transport?.off();
    this.transport = transport.on("packet", (packet) => this.#onPacket(packet)).on("drain", () => this.#onDrain()).on("error", (err) => this.#onError(err)).on("close", (details) => this.#onClose("transport close", details));
  }
  #onPacket(packet) {
    if (this.readyState === "closed") return;
    this.emitReserved("packet", packet);
    let { type, data } = packet;
    switch (type) {
      case "open":
        return this.#onHandshake(data);
      case "ping":
        this.#send({ type: "pong" });
        this.emitReserved("ping");
        return this.#awaitPing();
      case "error":
        return this.#onError(new Error("server error"));
      case "message":
        data ??= "";
        if (this.binaryType === "blob" && isBinary(data)) data = new Blob([data]);
        this.emitReserved("data", data);
        this.emitReserved("message", data);
    }
  }
  #onHandshake(text) {
    let data;
    try {
      data = JSON.parse(text);
      this.id = this.transport.query.sid = data.sid;
    } catch {
      return this.#onError(new Error("server error"));
    }
    this.#maxPayload = data.maxPayload || Infinity;
    this.#pingDelay = data.pingInterval + data.pingTimeout;
    this.emitReserved("handshake", data);
    this.readyState = "open";
    _Engine.#rememberedWebSocket = this.transport.name === "websocket";
    this.emitReserved("open");
    this.#flush();
    if (this.readyState === "closed") return;
    this.#awaitPing();
    const Class = this.#class("websocket");
    if (this.readyState === "open" && this.opts.upgrade && Class && data.upgrades?.includes("websocket")) this.#upgrade(Class);
  }
  #awaitPing() {
    clearTimeout(this.#pingTimer);
    this.#pingDeadline = Date.now() + this.#pingDelay;
    this.#pingTimer = setTimeout(() => this.#onClose("ping timeout"), this.#pingDelay);
  }
  /** Timers do not run while a machine sleeps: the first who wants to send notices. */
  hasPingExpired() {
    if (Date.now() <= this.#pingDeadline) return false;
    this.#pingDeadline = 0;
    setTimeout(() => this.#onClose("ping timeout"));
    return true;
  }
  send(data, options, fn) {
    this.#send({ type: "message", data, options }, fn);
    return this;
  }
  write(...args) {
    return this.send(...args);
  }
  #send(packet, fn) {
    if (this.readyState === "closing" || this.readyState === "closed") return;
    this.emitReserved("packetCreate", packet);
    this.writeBuffer.push(packet);
    if (fn) this.once("flush", fn);
    this.#flush();
  }
  #onDrain() {
    this.writeBuffer.splice(0, this.#inFlight);
    this.#inFlight = 0;
    if (this.writeBuffer.length) this.#flush();
    else this.emitReserved("drain");
  }
  #flush() {
    if (this.readyState === "closed" || !this.transport.writable || this.upgrading || this.#inFlight || !this.writeBuffer.length) return;
    const packets = this.#fitting();
    this.#inFlight = packets.length;
    this.transport.send(packets);
    this.emitReserved("flush");
  }
  /** What goes into one POST. A packet that is too large by itself goes too: the server refuses it. */
  #fitting() {
    if (this.transport.name !== "polling" || this.writeBuffer.length < 2) return this.writeBuffer.slice();
    let size = 1;
    for (let i = 0; i < this.writeBuffer.length; i++) {
      size += byteLength(this.writeBuffer[i].data);
      if (i > 0 && size > this.#maxPayload) return this.writeBuffer.slice(0, i);
      size += 2;
    }
    return this.writeBuffer.slice();
  }
  /**
   * Tries to go on over a websocket: opens one, checks that it works, lets what is on its way
   * over polling arrive, and only then says that the session moves.
   */
  #upgrade(Class) {
    const probe = this.#create(Class);
    let over = false;
    const done = () => {
      over = true;
      probe.off();
      this.off("close", cancel);
    };
    const fail = (err) => {
      if (over) return;
      done();
      probe.close();
      this.upgrading = false;
      if (this.readyState !== "closed") {
        this.transport.resume();
        this.#flush();
      }
      const failure = new Error("probe error: " + (err?.message ?? err));
      failure.transport = probe.name;
      this.emitReserved("upgradeError", failure);
    };
    const cancel = () => fail("socket closed");
    this.on("close", cancel);
    probe.on("error", fail).on("close", () => fail("transport closed")).on("open", () => probe.send([{ type: "ping", data: "probe" }])).on("packet", (packet) => {
      if (packet.type !== "pong" || packet.data !== "probe") return fail("unexpected answer");
      this.upgrading = true;
      this.emitReserved("upgrading", probe);
      this.transport.pause(() => {
        if (over) return;
        done();
        this.#use(probe);
        _Engine.#rememberedWebSocket = true;
        probe.send([{ type: "upgrade" }]);
        this.upgrading = false;
        this.emitReserved("upgrade", probe);
        this.#flush();
      });
    });
    probe.open();
  }
  /** Closes when all has been sent and an upgrade under way is over. */
  close() {
    if (this.readyState !== "opening" && this.readyState !== "open") return this;
    const close = () => this.#onClose("forced close");
    const afterUpgrade = () => this.upgrading ? this.once("upgrade", close).once("upgradeError", close) : close();
    this.readyState = "closing";
    if (this.writeBuffer.length) this.once("drain", afterUpgrade);
    else afterUpgrade();
    return this;
  }
  #leave() {
    this.transport?.off();
    this.transport?.close();
  }
  #onError(err) {
    _Engine.#rememberedWebSocket = false;
    if (this.opts.tryAllTransports && this.readyState === "opening" && this.#classes.length > 1) {
      this.#classes = this.#classes.filter((c) => c !== this.transport.constructor);
      return this.#open();
    }
    this.emitReserved("error", err);
    this.#onClose("transport error", err);
  }
  #onClose(reason, description) {
    if (this.readyState === "closed") return;
    clearTimeout(this.#pingTimer);
    this.transport?.off();
    this.transport?.close();
    for (const event in this.#ofPage) globalThis.removeEventListener?.(event, this.#ofPage[event]);
    this.readyState = "closed";
    this.id = "";
    this.emitReserved("close", reason, description);
    this.writeBuffer = [];
    this.#inFlight = 0;
  }
};

// socket.js
var Socket = class extends Emitter {
  connected = false;
  recovered = false;
  receiveBuffer = [];
  // events that came before the server has confirmed the connection
  sendBuffer = [];
  // packets that wait for it
  flags = {};
  acks = {};
  ids = 0;
  _queue = [];
  // of the option retries
  #queued = 0;
  #subscriptions;
  #anyListeners = [];
  #anyOutgoingListeners = [];
  _pid;
  // private id and last offset: for connection state recovery
  _lastOffset;
  constructor(io2, nsp, opts) {
    super();
    this.io = io2;
    this.nsp = nsp;
    this._opts = { ...opts };
    if (opts?.auth) this.auth = opts.auth;
    if (io2._autoConnect) this.open();
  }
  get disconnected() {
    return !this.connected;
  }
  /** Whether the socket is connected, or will be without further ado. */
  get active() {
    return !!this.#subscriptions;
  }
  connect() {
    if (this.connected) return this;
    this.#subscriptions ??= [
      subscribe(this.io, "open", () => this.#onOpen()),
      subscribe(this.io, "packet", (packet) => this.#onPacket(packet)),
      subscribe(this.io, "error", (err) => this.connected || this.emitReserved("connect_error", err)),
      subscribe(this.io, "close", (reason, description) => this.#onClose(reason, description))
    ];
    if (!this.io._reconnecting) this.io.open();
    if (this.io._readyState === "open") this.#onOpen();
    return this;
  }
  open() {
    return this.connect();
  }
  send(...args) {
    return this.emit("message", ...args);
  }
  /** Sends an event. If the last argument is a function, it gets the acknowledgement. */
  emit(event, ...args) {
    if (RESERVED.includes(event)) throw new Error(`"${String(event)}" is a reserved event name`);
    const { flags } = this;
    this.flags = {};
    args.unshift(event);
    if (this._opts.retries && !flags.fromQueue && !flags.volatile) {
      this.#addToQueue(args, flags);
      return this;
    }
    const packet = { type: PacketType.EVENT, data: args, options: { compress: flags.compress !== false } };
    if (typeof args.at(-1) === "function") {
      packet.id = this.ids++;
      this.#awaitAck(packet.id, args.pop(), flags);
    }
    const { engine } = this.io;
    const connected = this.connected && !engine.hasPingExpired();
    if (flags.volatile && !(connected && engine.transport.writable && !engine.transport.ws?.bufferedAmount)) return this;
    if (connected) this.#sendEvent(packet);
    else this.sendBuffer.push(packet);
    return this;
  }
  /** Like emit; returns a promise of the acknowledgement. */
  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      const ack = (err, value) => err ? reject(err) : resolve(value);
      ack.withError = true;
      this.emit(event, ...args, ack);
    });
  }
  #awaitAck(id, fn, flags) {
    const timeout = flags.timeout ?? this._opts.ackTimeout;
    if (timeout === void 0) {
      this.acks[id] = fn;
      return;
    }
    const timer = setTimeout(() => {
      delete this.acks[id];
      this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id);
      fn.call(this, new Error("operation has timed out"));
    }, timeout);
    const ack = (...args) => {
      clearTimeout(timer);
      fn.apply(this, args);
    };
    ack.withError = true;
    this.acks[id] = ack;
  }
  // With the option retries, events are sent one at a time, and again until they are
  // acknowledged: at least once, and in order.
  #addToQueue(args, flags) {
    const ack = typeof args.at(-1) === "function" ? args.pop() : void 0;
    const entry = { id: this.#queued++, tryCount: 0, pending: false, args, flags: { ...flags, fromQueue: true } };
    const answer = (err, ...values) => {
      if (entry !== this._queue[0]) return;
      if (!err) {
        this._queue.shift();
        ack?.(null, ...values);
      } else if (entry.tryCount > this._opts.retries) {
        this._queue.shift();
        ack?.(err);
      }
      entry.pending = false;
      this.#drainQueue();
    };
    answer.withError = true;
    args.push(answer);
    this._queue.push(entry);
    this.#drainQueue();
  }
  #drainQueue(force = false) {
    const entry = this._queue[0];
    if (!this.connected || !entry || entry.pending && !force) return;
    entry.pending = true;
    entry.tryCount++;
    this.flags = entry.flags;
    this.emit(...entry.args);
  }
  #packet(packet) {
    packet.nsp = this.nsp;
    this.io._packet(packet);
  }
  #sendEvent(packet) {
    for (const fn of this.#anyOutgoingListeners) fn.apply(this, packet.data);
    this.#packet(packet);
  }
  #onOpen() {
    const connect = (auth) => {
      const data = this._pid ? { pid: this._pid, offset: this._lastOffset, ...auth } : auth;
      this.#packet({ type: PacketType.CONNECT, data });
    };
    if (typeof this.auth === "function") this.auth(connect);
    else connect(this.auth);
  }
  #onPacket(packet) {
    if (packet.nsp !== this.nsp) return;
    switch (packet.type) {
      case PacketType.CONNECT:
        return this.#onConnect(packet.data);
      case PacketType.EVENT:
        return this.#onEvent(packet);
      case PacketType.ACK:
        return this.#onAck(packet);
      case PacketType.DISCONNECT:
        this.#destroy();
        return this.#onClose("io server disconnect");
      case PacketType.CONNECT_ERROR: {
        this.#destroy();
        const err = new Error(packet.data.message ?? packet.data);
        err.data = packet.data.data;
        this.emitReserved("connect_error", err);
      }
    }
  }
  #onConnect(data) {
    if (!data?.sid) {
      const hint = "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are not compatible";
      this.emitReserved("connect_error", new Error(hint));
      return;
    }
    this.id = data.sid;
    this.recovered = !!data.pid && this._pid === data.pid;
    this._pid = data.pid;
    this.connected = true;
    for (const args of this.receiveBuffer.splice(0)) this.#dispatch(args);
    for (const packet of this.sendBuffer.splice(0)) this.#sendEvent(packet);
    this.#drainQueue(true);
    this.emitReserved("connect");
  }
  #onEvent({ data, id }) {
    const args = [...data];
    if (id !== void 0) args.push(this.#reply(id));
    if (this.connected) this.#dispatch(args);
    else this.receiveBuffer.push(args);
  }
  #reply(id) {
    let sent = false;
    return (...data) => {
      if (sent) return;
      sent = true;
      this.#packet({ type: PacketType.ACK, id, data });
    };
  }
  #dispatch(args) {
    for (const fn of this.#anyListeners) fn.apply(this, args);
    this.emitReserved(...args);
    const last = args.at(-1);
    if (this._pid && args.length > 1 && typeof last === "string") this._lastOffset = last;
  }
  #onAck({ id, data }) {
    const ack = this.acks[id];
    if (typeof ack !== "function") return;
    delete this.acks[id];
    if (ack.withError) data.unshift(null);
    ack.apply(this, data);
  }
  #onClose(reason, description) {
    this.connected = false;
    delete this.id;
    this.emitReserved("disconnect", reason, description);
    this.#clearAcks();
  }
  /** Those who wait for an acknowledgement that cannot come any more are told, if they can be. */
  #clearAcks() {
    for (const id of Object.keys(this.acks)) {
      if (this.sendBuffer.some((packet) => String(packet.id) === id)) continue;
      const ack = this.acks[id];
      delete this.acks[id];
      if (ack.withError) ack.call(this, new Error("socket has been disconnected"));
    }
  }
  #destroy() {
    this.#subscriptions?.forEach((unsubscribe) => unsubscribe());
    this.#subscriptions = void 0;
    this.io._destroy();
  }
  disconnect() {
    if (this.connected) this.#packet({ type: PacketType.DISCONNECT });
    this.#destroy();
    if (this.connected) this.#onClose("io client disconnect");
    return this;
  }
  close() {
    return this.disconnect();
  }
  // Modifiers of the next emit.
  compress(on2) {
    this.flags.compress = on2;
    return this;
  }
  get volatile() {
    this.flags.volatile = true;
    return this;
  }
  timeout(ms) {
    this.flags.timeout = ms;
    return this;
  }
  // Listeners for all events: those that come, and those that are sent.
  // The lists are not changed any more: each change makes another.
  onAny(fn) {
    this.#anyListeners = [...this.#anyListeners, fn];
    return this;
  }
  prependAny(fn) {
    this.#anyListeners = [fn, ...this.#anyListeners];
    return this;
  }
  offAny(fn) {
    this.#anyListeners = fn ? without(this.#anyListeners, fn) : [];
    return this;
  }
  listenersAny() {
    return this.#anyListeners;
  }
  onAnyOutgoing(fn) {
    this.#anyOutgoingListeners = [...this.#anyOutgoingListeners, fn];
    return this;
  }
  prependAnyOutgoing(fn) {
    this.#anyOutgoingListeners = [fn, ...this.#anyOutgoingListeners];
    return this;
  }
  offAnyOutgoing(fn) {
    this.#anyOutgoingListeners = fn ? without(this.#anyOutgoingListeners, fn) : [];
    return this;
  }
  listenersAnyOutgoing() {
    return this.#anyOutgoingListeners;
  }
};

// manager.js
var Manager = class extends Emitter {
  nsps = {};
  _readyState = "closed";
  _reconnecting = false;
  // an attempt is due or under way: a socket need not open the connection
  #subscriptions = [];
  #skipReconnect = false;
  // somebody wants no more of them
  constructor(uri, opts) {
    super();
    if (uri && typeof uri === "object") [uri, opts] = [void 0, uri];
    this.opts = { ...opts, path: opts?.path ?? "/socket.io" };
    this.uri = uri;
    const { reconnection, reconnectionAttempts, reconnectionDelay, reconnectionDelayMax, randomizationFactor, timeout } = this.opts;
    this._reconnection = reconnection !== false;
    this._reconnectionAttempts = reconnectionAttempts ?? Infinity;
    this.backoff = new Backoff(reconnectionDelay ?? 1e3, reconnectionDelayMax ?? 5e3, randomizationFactor ?? 0.5);
    this._timeout = timeout ?? 2e4;
    const { Encoder: Encoder2, Decoder: Decoder2 } = this.opts.parser ?? parser_exports;
    this.encoder = new Encoder2();
    this.decoder = new Decoder2();
    this._autoConnect = this.opts.autoConnect !== false;
    if (this._autoConnect) this.open();
  }
  // Without an argument, each of these returns the value.
  reconnection(v) {
    if (v === void 0) return this._reconnection;
    this._reconnection = !!v;
    if (!v) {
      this.#skipReconnect = true;
      this._reconnecting = false;
    }
    return this;
  }
  reconnectionAttempts(v) {
    if (v === void 0) return this._reconnectionAttempts;
    this._reconnectionAttempts = v;
    return this;
  }
  timeout(v) {
    if (v === void 0) return this._timeout;
    this._timeout = v;
    return this;
  }
  reconnectionDelay(v) {
    return this.#backoffOption("min", v);
  }
  reconnectionDelayMax(v) {
    return this.#backoffOption("max", v);
  }
  randomizationFactor(v) {
    return this.#backoffOption("jitter", v);
  }
  #backoffOption(name, v) {
    if (v === void 0) return this.backoff[name];
    this.backoff[name] = v;
    return this;
  }
  /** Connects, unless it is connected or about to be. fn gets the error, or nothing. */
  open(fn) {
    if (this._readyState !== "closed") return this;
    const engine = this.engine = new Engine(this.uri, this.opts);
    this._readyState = "opening";
    this.#skipReconnect = false;
    const onError = (err) => {
      this.#cleanUp();
      this._readyState = "closed";
      this.emitReserved("error", err);
      if (fn) fn(err);
      else this.#reconnect();
    };
    this.#subscriptions.push(
      subscribe(engine, "open", () => {
        if (this._timeout === 0) return;
        this.#onOpen();
        fn?.();
      }),
      subscribe(engine, "error", onError)
    );
    if (this._timeout !== false) {
      const timer = setTimeout(() => {
        this.#cleanUp();
        engine.close();
        onError(new Error("timeout"));
      }, this._timeout);
      this.#subscriptions.push(() => clearTimeout(timer));
    }
    return this;
  }
  connect(fn) {
    return this.open(fn);
  }
  #onOpen() {
    this.#cleanUp();
    this._readyState = "open";
    this._reconnecting = false;
    this.emitReserved("open");
    this.#subscriptions.push(
      subscribe(this.engine, "ping", () => this.emitReserved("ping")),
      subscribe(this.engine, "data", (data) => this.#onData(data)),
      subscribe(this.engine, "error", (err) => this.emitReserved("error", err)),
      subscribe(this.engine, "close", (reason, description) => this.#onClose(reason, description)),
      subscribe(this.decoder, "decoded", (packet) => this.emitReserved("packet", packet))
    );
  }
  #onData(data) {
    try {
      this.decoder.add(data);
    } catch (err) {
      this.#onClose("parse error", err);
    }
  }
  /** Returns the socket of a namespace, the same each time. */
  socket(nsp, opts) {
    let socket = this.nsps[nsp];
    if (!socket) this.nsps[nsp] = socket = new Socket(this, nsp, opts);
    else if (this._autoConnect && !socket.active) socket.connect();
    return socket;
  }
  /** A socket is not used any more. The connection ends with the last one. */
  _destroy() {
    if (!Object.values(this.nsps).some((socket) => socket.active)) this._close();
  }
  _packet(packet) {
    for (const data of this.encoder.encode(packet)) this.engine.send(data, packet.options);
  }
  #cleanUp() {
    for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe();
    this.decoder.destroy();
  }
  _close() {
    this.#skipReconnect = true;
    this._reconnecting = false;
    this.#onClose("forced close");
  }
  disconnect() {
    return this._close();
  }
  #onClose(reason, description) {
    this.#cleanUp();
    this.engine?.close();
    this.backoff.reset();
    this._readyState = "closed";
    this.emitReserved("close", reason, description);
    this.#reconnect();
  }
  /** Waits and tries again. A loop that waits goes on: whoever cleans up has ended its timer. */
  #reconnect() {
    if (!this._reconnection || this.#skipReconnect) return;
    this._reconnecting = this.backoff.attempts < this._reconnectionAttempts;
    if (!this._reconnecting) {
      this.backoff.reset();
      this.emitReserved("reconnect_failed");
      return;
    }
    const timer = setTimeout(() => {
      if (this.#skipReconnect) return;
      this.emitReserved("reconnect_attempt", this.backoff.attempts);
      if (this.#skipReconnect) return;
      this.open((err) => {
        if (err) {
          this.#reconnect();
          this.emitReserved("reconnect_error", err);
          return;
        }
        const attempt = this.backoff.attempts;
        this.backoff.reset();
        this.emitReserved("reconnect", attempt);
      });
    }, this.backoff.duration());
    this.#subscriptions.push(() => clearTimeout(timer));
  }
};

// index.js
var managers = {};
function io(uri, opts) {
  if (uri && typeof uri === "object") [uri, opts] = [void 0, uri];
  opts = { ...opts };
  const { secure, host, path } = parse(uri);
  const id = `${secure} ${host} ${opts.path ?? "/socket.io"}`;
  const alone = opts.forceNew || opts["force new connection"] || opts.multiplex === false || managers[id]?.nsps[path];
  const manager = alone ? new Manager(uri, opts) : managers[id] ??= new Manager(uri, opts);
  return manager.socket(path, opts);
}
export {
  Polling as Fetch,
  Manager,
  Socket,
  WS as WebSocket,
  io as connect,
  io as default,
  io,
  protocol
};
