/*! sio browser client for Socket.IO, MIT license */
var __defProp = Object.defineProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// ../core/browser/src/backoff.js
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

// ../core/browser/src/emitter.js
var Emitter = class _Emitter {
  #listeners = /* @__PURE__ */ new Map();
  on(event, fn) {
    const list = this.#listeners.get(event);
    if (list) list.push(fn);
    else this.#listeners.set(event, [fn]);
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
    else if (!fn) this.#listeners.delete(event);
    else {
      const list = this.listeners(event);
      const i = list.findIndex((l) => l === fn || l.fn === fn);
      if (i >= 0) list.splice(i, 1);
      if (list.length) this.#listeners.set(event, list);
      else this.#listeners.delete(event);
    }
    return this;
  }
  emit(event, ...args) {
    for (const fn of this.listeners(event)) fn.apply(this, args);
    return this;
  }
  /** The same as emit, for subclasses whose emit sends something. */
  emitReserved(event, ...args) {
    return _Emitter.prototype.emit.call(this, event, ...args);
  }
  listeners(event) {
    return [...this.#listeners.get(event) ?? []];
  }
  hasListeners(event) {
    return this.#listeners.has(event);
  }
};
Object.assign(Emitter.prototype, {
  addEventListener: Emitter.prototype.on,
  removeListener: Emitter.prototype.off,
  removeAllListeners: Emitter.prototype.off,
  removeEventListener: Emitter.prototype.off
});
function subscribe(emitter, event, fn) {
  emitter.on(event, fn);
  return () => emitter.off(event, fn);
}

// ../core/browser/src/parser.js
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
var PacketType = { CONNECT: 0, DISCONNECT: 1, EVENT: 2, ACK: 3, CONNECT_ERROR: 4, BINARY_EVENT: 5, BINARY_ACK: 6 };
Object.entries(PacketType).forEach(([name, type]) => PacketType[type] = name);
var RESERVED = /* @__PURE__ */ new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);
var isObject = (value) => Object.prototype.toString.call(value) === "[object Object]";
function isBinary(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || typeof Blob === "function" && value instanceof Blob;
}
function takeOut(value, binary) {
  if (isBinary(value)) return { _placeholder: true, num: binary.push(value) - 1 };
  if (Array.isArray(value)) return value.map((v) => takeOut(v, binary));
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  if (typeof value.toJSON === "function") return takeOut(value.toJSON(), binary);
  const copy = {};
  for (const key of Object.keys(value)) copy[key] = takeOut(value[key], binary);
  return copy;
}
function putBack(value, binary) {
  if (value === null || typeof value !== "object") return value;
  if (value._placeholder === true) {
    if (!(Number.isInteger(value.num) && value.num >= 0 && value.num < binary.length)) throw new Error("illegal attachments");
    return binary[value.num];
  }
  for (const key of Object.keys(value)) value[key] = putBack(value[key], binary);
  return value;
}
var Encoder = class {
  /** Returns the messages of a packet: a string, and its attachments. */
  encode({ type, nsp, data, id }) {
    const attachments = [];
    if (type === PacketType.EVENT || type === PacketType.ACK) {
      data = takeOut(data, attachments);
      if (attachments.length) type += PacketType.BINARY_EVENT - PacketType.EVENT;
    }
    let text = String(type);
    if (attachments.length) text += attachments.length + "-";
    if (nsp && nsp !== "/") text += nsp + ",";
    if (id != null) text += id;
    if (data != null) text += JSON.stringify(data);
    return [text, ...attachments];
  }
};
var Decoder = class extends Emitter {
  #partial = null;
  // a packet that waits for its attachments
  #attachments = [];
  add(message) {
    if (typeof message === "string") {
      if (this.#partial) throw new Error("got plaintext data when reconstructing a packet");
      const packet2 = decodeText(message);
      if (packet2.attachments) this.#partial = packet2;
      else this.emitReserved("decoded", packet2);
      return;
    }
    if (!isBinary(message)) throw new Error("Unknown type: " + message);
    const packet = this.#partial;
    if (!packet) throw new Error("got binary data when not reconstructing a packet");
    if (this.#attachments.push(message) < packet.attachments) return;
    packet.data = putBack(packet.data, this.#attachments);
    this.destroy();
    delete packet.attachments;
    this.emitReserved("decoded", packet);
  }
  /** Forgets a packet that is not complete. */
  destroy() {
    this.#partial = null;
    this.#attachments = [];
  }
};
var header = /^(\d)(?:(\d+)-)?(?:(\/[^,]*)(?:,|$))?(\d*)/;
function decodeText(text) {
  const type = Number(text[0]);
  if (PacketType[type] === void 0 || text === "") throw new Error("unknown packet type " + type);
  const [all, , count, nsp = "/", id] = header.exec(text);
  const packet = { type, nsp };
  if (type >= PacketType.BINARY_EVENT) {
    if (count === void 0) throw new Error("Illegal attachments");
    packet.type -= PacketType.BINARY_EVENT - PacketType.EVENT;
    packet.attachments = Number(count);
  } else if (count !== void 0) throw new Error("invalid payload");
  if (id) packet.id = Number(id);
  if (all.length < text.length) {
    try {
      packet.data = JSON.parse(text.slice(all.length));
    } catch {
      throw new Error("invalid payload");
    }
  }
  if (!isValid(packet)) throw new Error("invalid payload");
  return packet;
}
function isValid({ type, data }) {
  switch (type) {
    case PacketType.CONNECT:
      return data === void 0 || isObject(data);
    // none: a server of version 2
    case PacketType.DISCONNECT:
      return data === void 0;
    case PacketType.CONNECT_ERROR:
      return typeof data === "string" || isObject(data);
    case PacketType.EVENT:
      return Array.isArray(data) && (typeof data[0] === "number" || typeof data[0] === "string" && !RESERVED.has(data[0]));
    default:
      return Array.isArray(data);
  }
}

// ../core/browser/src/transports.js
var TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
var SEPARATOR = "";
function encodeText({ type, data = "" }) {
  return TYPES.indexOf(type) + data;
}
function decodeText2(text) {
  if (text[0] === "b") {
    return { type: "message", data: Uint8Array.from(atob(text.slice(1)), (c) => c.charCodeAt(0)).buffer };
  }
  const type = TYPES[text[0]];
  if (!type) return { type: "error", data: "parser error" };
  return text.length > 1 ? { type, data: text.slice(1) } : { type };
}
async function encodeBase64(data) {
  if (typeof Blob === "function" && data instanceof Blob) data = await data.arrayBuffer();
  const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
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
  uri(scheme, query) {
    const { secure, hostname, port, path } = this.opts;
    const host = hostname.includes(":") && hostname[0] !== "[" ? `[${hostname}]` : hostname;
    const usual = secure ? 443 : 80;
    return `${scheme}${secure ? "s" : ""}://${host}${port && Number(port) !== usual ? ":" + port : ""}${path}?${new URLSearchParams(query)}`;
  }
  stamped(query) {
    return { ...query, [this.opts.timestampParam]: Date.now().toString(36) + "-" + (requests++).toString(36) };
  }
  onPacket(packet) {
    this.emitReserved("packet", packet);
  }
  fail(message, description, context) {
    this.emitReserved("error", new TransportError(message, description, context));
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
    this.writable = true;
    this.emitReserved("drain");
  }
  close() {
    if (this.readyState === "opening" || this.readyState === "open") {
      this.doClose();
      this.onClose();
    }
  }
};
var Polling = class extends Transport {
  name = "polling";
  #polling = false;
  #abort = new AbortController();
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
      else {
        this.readyState = "paused";
        fn();
      }
    };
    step();
  }
  /** Takes pause back. */
  resume() {
    if (this.readyState !== "pausing" && this.readyState !== "paused") return;
    this.readyState = "open";
    if (!this.#polling) this.#poll();
  }
  async #poll() {
    this.#polling = true;
    const text = await this.#request("GET", "xhr poll error");
    if (text === void 0) return;
    if (this.readyState === "closed") return this.#leave(decodeText2(text.split(SEPARATOR)[0]));
    for (const part of text.split(SEPARATOR)) {
      const packet = decodeText2(part);
      if (this.readyState === "opening" && packet.type === "open") this.onOpen();
      if (packet.type === "close") {
        this.onClose({ description: "transport closed by the server" });
        return;
      }
      this.onPacket(packet);
      if (this.readyState === "closed") return;
    }
    this.#polling = false;
    this.emitReserved("pollComplete");
    if (this.readyState === "open") this.#poll();
  }
  async send(packets) {
    this.writable = false;
    const body = (await Promise.all(packets.map(encodeAsText))).join(SEPARATOR);
    if (await this.#request("POST", "xhr post error", body) !== void 0) this.drained();
  }
  /** Returns the text of the answer; undefined after an error, which was told. */
  async #request(method, message, body) {
    const { opts } = this;
    const query = opts.timestampRequests === false ? { ...this.query } : this.stamped(this.query);
    if (opts.forceBase64) query.b64 = 1;
    const headers = { ...opts.extraHeaders };
    if (body !== void 0) headers["content-type"] = "text/plain;charset=UTF-8";
    const signals = [this.#abort.signal];
    if (opts.requestTimeout) signals.push(AbortSignal.timeout(opts.requestTimeout));
    let failure;
    try {
      const response = await (opts.fetch ?? fetch)(this.uri("http", query), {
        method,
        headers,
        body,
        credentials: opts.withCredentials ? "include" : "same-origin",
        cache: "no-store",
        signal: either(signals)
      });
      const text = await response.text();
      if (response.ok) return text;
      failure = [response.status, { status: response.status, responseText: text }];
    } catch (err) {
      failure = [err];
    }
    if (this.readyState !== "closed") this.fail(message, ...failure);
  }
  /** Closes a session that was opened for a client that has gone away meanwhile. */
  #leave(packet) {
    if (packet.type !== "open" || this.query.sid) return;
    this.query.sid = JSON.parse(packet.data).sid;
    this.doClose();
  }
  doClose() {
    if (this.query.sid) this.send([{ type: "close" }]).then(() => this.#abort.abort());
  }
};
function either(signals) {
  if (signals.length === 1) return signals[0];
  const both = new AbortController();
  for (const signal of signals) signal.addEventListener("abort", () => both.abort(signal.reason), { once: true });
  return both.signal;
}
var WS = class extends Transport {
  name = "websocket";
  open() {
    const { opts } = this;
    const query = opts.timestampRequests ? this.stamped(this.query) : { ...this.query };
    if (opts.forceBase64) query.b64 = 1;
    const WebSocketClass = opts.WebSocket ?? globalThis.WebSocket;
    let ws;
    try {
      ws = this.ws = new WebSocketClass(this.uri("ws", query), opts.protocols ?? [], { headers: opts.extraHeaders });
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
    for (const packet of packets) {
      if (!isBinary(packet.data)) this.#write(encodeText(packet));
      else this.#write(this.opts.forceBase64 ? await encodeBase64(packet.data) : packet.data);
    }
    setTimeout(() => this.readyState === "open" && this.drained());
  }
  #write(data) {
    if (this.ws.readyState === 1) this.ws.send(data);
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

// ../core/browser/src/engine.js
var defaults = {
  path: "/engine.io",
  addTrailingSlash: true,
  transports: ["polling", "websocket"],
  upgrade: true,
  rememberUpgrade: false,
  tryAllTransports: false,
  timestampParam: "t",
  withCredentials: false
};
function byteLength(data) {
  if (data === void 0) return 0;
  if (!isBinary(data)) return new TextEncoder().encode(data).length;
  return Math.ceil((data.byteLength ?? data.size) * 1.33);
}
var Engine = class _Engine extends Emitter {
  static #rememberedWebSocket = false;
  id = "";
  readyState = "";
  writeBuffer = [];
  upgrading = false;
  #inFlight = 0;
  // packets of writeBuffer that the transport has
  #maxPayload = Infinity;
  #upgrades = [];
  #offline = () => this.#onClose("transport close", { description: "network connection lost" });
  #unload = () => {
    if (!this.transport) return;
    this.transport.off();
    this.transport.close();
  };
  constructor(uri, opts) {
    super();
    const url = new URL(uri);
    const secure = url.protocol === "https:" || url.protocol === "wss:";
    this.opts = { ...defaults, ...opts, secure, hostname: url.hostname, port: url.port };
    this.opts.path = this.opts.path.replace(/\/$/, "") + (this.opts.addTrailingSlash ? "/" : "");
    this.opts.query = typeof opts.query === "string" ? Object.fromEntries(new URLSearchParams(opts.query)) : opts.query;
    this.transports = this.opts.transports.map((t) => typeof t === "string" ? t : t.prototype.name);
    this.classes = { ...transports, ...Object.fromEntries(this.opts.transports.filter((t) => typeof t !== "string").map((t) => [t.prototype.name, t])) };
    globalThis.addEventListener?.("offline", this.#offline);
    if (this.opts.closeOnBeforeunload) globalThis.addEventListener?.("beforeunload", this.#unload);
    this.#open();
  }
  #create(name) {
    const query = { ...this.opts.query, EIO: 4, transport: name };
    if (this.id) query.sid = this.id;
    return new this.classes[name]({ ...this.opts, ...this.opts.transportOptions?.[name] }, query);
  }
  #open() {
    this.readyState = "opening";
    const remembered = this.opts.rememberUpgrade && _Engine.#rememberedWebSocket && this.transports.includes("websocket");
    const name = remembered ? "websocket" : this.transports[0];
    if (!this.classes[name]) {
      setTimeout(() => this.emitReserved("error", new Error(name ? `unknown transport ${name}` : "No transports available")));
      return;
    }
    const transport = this.#create(name);
    this.#use(transport);
    transport.open();
  }
  #use(transport) {
    this.transport?.off();
    this.transport = transport;
    transport.on("packet", (packet) => this.#onPacket(packet)).on("drain", () => this.#onDrain()).on("error", (err) => this.#onError(err)).on("close", (details) => this.#onClose("transport close", details));
  }
  #onPacket(packet) {
    if (this.readyState === "closed") return;
    this.emitReserved("packet", packet);
    switch (packet.type) {
      case "open":
        return this.#onHandshake(packet.data);
      case "ping":
        this.#send({ type: "pong", data: packet.data });
        this.emitReserved("ping");
        return this.#awaitPing();
      case "error":
        return this.#onError(new Error("server error"));
      case "message":
        this.emitReserved("data", packet.data ?? "");
        this.emitReserved("message", packet.data ?? "");
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
    this.#upgrades = (data.upgrades ?? []).filter((name) => this.transports.includes(name));
    this.pingDelay = data.pingInterval + data.pingTimeout;
    this.emitReserved("handshake", data);
    this.readyState = "open";
    _Engine.#rememberedWebSocket = this.transport.name === "websocket";
    this.emitReserved("open");
    this.#flush();
    if (this.readyState !== "open") return;
    this.#awaitPing();
    if (this.opts.upgrade && this.transport.name === "polling" && this.#upgrades.includes("websocket")) this.#upgrade();
  }
  #awaitPing() {
    clearTimeout(this.pingTimer);
    this.pingDeadline = Date.now() + this.pingDelay;
    this.pingTimer = setTimeout(() => this.#onClose("ping timeout"), this.pingDelay);
    if (this.opts.autoUnref) this.pingTimer.unref?.();
  }
  /** Timers do not run while a machine sleeps: the first who wants to send notices. */
  hasPingExpired() {
    if (!this.pingDeadline) return false;
    const expired = Date.now() > this.pingDeadline;
    if (expired) {
      this.pingDeadline = 0;
      setTimeout(() => this.#onClose("ping timeout"));
    }
    return expired;
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
  #upgrade() {
    const probe = this.#create("websocket");
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
      if (this.upgrading) {
        this.upgrading = false;
        this.transport.resume?.();
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
      if (this.readyState === "closed") return cancel();
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
  #onError(err) {
    _Engine.#rememberedWebSocket = false;
    if (this.opts.tryAllTransports && this.readyState === "opening" && this.transports.length > 1) {
      this.transports.shift();
      return this.#open();
    }
    this.emitReserved("error", err);
    this.#onClose("transport error", err);
  }
  #onClose(reason, description) {
    if (this.readyState === "closed" || this.readyState === "") return;
    clearTimeout(this.pingTimer);
    this.transport?.off();
    this.transport?.close();
    globalThis.removeEventListener?.("offline", this.#offline);
    globalThis.removeEventListener?.("beforeunload", this.#unload);
    this.readyState = "closed";
    this.id = "";
    this.pingDeadline = 0;
    this.emitReserved("close", reason, description);
    this.writeBuffer = [];
    this.#inFlight = 0;
  }
};

// ../core/browser/src/socket.js
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
    if (RESERVED.has(event)) throw new Error(`"${String(event)}" is a reserved event name`);
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
    const withError = this.flags.timeout !== void 0 || this._opts.ackTimeout !== void 0;
    return new Promise((resolve, reject) => {
      const ack = (err, value) => err ? reject(err) : resolve(value);
      const fn = withError ? ack : (value) => resolve(value);
      fn.failed = reject;
      this.emit(event, ...args, fn);
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
    if (this.io.opts.autoUnref) timer.unref?.();
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
    for (const fn of this.#anyOutgoingListeners.slice()) fn.apply(this, packet.data);
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
    for (const fn of this.#anyListeners.slice()) fn.apply(this, args);
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
      const err = new Error("socket has been disconnected");
      if (ack.withError) ack.call(this, err);
      else ack.failed?.(err);
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
  compress(on) {
    this.flags.compress = on;
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
  onAny(fn) {
    this.#anyListeners.push(fn);
    return this;
  }
  prependAny(fn) {
    this.#anyListeners.unshift(fn);
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
    this.#anyOutgoingListeners.push(fn);
    return this;
  }
  prependAnyOutgoing(fn) {
    this.#anyOutgoingListeners.unshift(fn);
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
function without(list, fn) {
  const i = list.indexOf(fn);
  return i < 0 ? list : list.toSpliced?.(i, 1) ?? [...list.slice(0, i), ...list.slice(i + 1)];
}

// ../core/browser/src/manager.js
var Manager = class extends Emitter {
  nsps = {};
  _readyState = "closed";
  #subscriptions = [];
  #reconnecting = false;
  // an attempt is due or under way
  #skipReconnect = false;
  // somebody wants no more of them
  constructor(uri, opts) {
    super();
    if (uri && typeof uri === "object") [uri, opts] = [void 0, uri];
    this.opts = { path: "/socket.io", ...opts };
    this.uri = uri ?? globalThis.location?.origin;
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
      this.#reconnecting = false;
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
      else if (!this.#reconnecting && this._reconnection && this.backoff.attempts === 0) this.#reconnect();
    };
    this.#subscriptions.push(
      subscribe(engine, "open", () => {
        this.#onOpen();
        fn?.();
      }),
      subscribe(engine, "error", onError)
    );
    if (this._timeout !== false) {
      const timer = this.#timer(this._timeout, () => {
        this.#cleanUp();
        engine.close();
        onError(new Error("timeout"));
      });
      this.#subscriptions.push(() => clearTimeout(timer));
    }
    return this;
  }
  connect(fn) {
    return this.open(fn);
  }
  #timer(ms, fn) {
    const timer = setTimeout(fn, ms);
    if (this.opts.autoUnref) timer.unref?.();
    return timer;
  }
  #onOpen() {
    this.#cleanUp();
    this._readyState = "open";
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
    this.#reconnecting = false;
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
    if (this._reconnection && !this.#skipReconnect) this.#reconnect();
  }
  #reconnect() {
    if (this.#reconnecting || this.#skipReconnect) return;
    if (this.backoff.attempts >= this._reconnectionAttempts) {
      this.backoff.reset();
      this.emitReserved("reconnect_failed");
      this.#reconnecting = false;
      return;
    }
    this.#reconnecting = true;
    const timer = this.#timer(this.backoff.duration(), () => {
      if (this.#skipReconnect) return;
      this.emitReserved("reconnect_attempt", this.backoff.attempts);
      if (this.#skipReconnect) return;
      this.open((err) => {
        this.#reconnecting = false;
        if (err) {
          this.emitReserved("reconnect_error", err);
          this.#reconnect();
          return;
        }
        const attempt = this.backoff.attempts;
        this.backoff.reset();
        this.emitReserved("reconnect", attempt);
      });
    });
    this.#subscriptions.push(() => clearTimeout(timer));
  }
  /** Whether a socket that connects need not open the connection: that happens anyway. */
  get _reconnecting() {
    return this.#reconnecting;
  }
};

// ../core/browser/src/index.js
var managers = {};
function parse(uri, path) {
  const { location } = globalThis;
  let text = uri ?? location.origin;
  if (text.startsWith("//")) text = location.protocol + text;
  else if (text.startsWith("/")) text = location.origin + text;
  else if (!/^(https?|wss?):\/\//.test(text)) text = `${location?.protocol ?? "https:"}//${text}`;
  const url = new URL(text);
  const secure = /^(https|wss):/.test(url.protocol);
  const port = url.port || (secure ? "443" : "80");
  return {
    id: `${secure ? "https" : "http"}://${url.hostname}:${port}${path}`,
    source: `${url.protocol}//${url.host}`,
    nsp: url.pathname,
    query: Object.fromEntries(url.searchParams)
  };
}
function io(uri, opts) {
  if (uri && typeof uri === "object") [uri, opts] = [void 0, uri];
  opts = { ...opts };
  const { id, source, nsp, query } = parse(uri, opts.path ?? "/socket.io");
  const taken = managers[id]?.nsps[nsp];
  if (Object.keys(query).length) opts.query ??= query;
  let manager;
  if (opts.forceNew || opts["force new connection"] || opts.multiplex === false || taken) manager = new Manager(source, opts);
  else manager = managers[id] ??= new Manager(source, opts);
  return manager.socket(nsp, opts);
}
export {
  Manager,
  Socket,
  io as connect,
  io as default,
  io,
  protocol
};
