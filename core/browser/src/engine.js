// An Engine.IO session, protocol 4: the handshake, the heartbeat, the queue, and the upgrade
// from polling to websocket.

import { Emitter } from "./emitter.js";
import { isBinary } from "./parser.js";
import { transports } from "./transports.js";

const defaults = {
  path: "/engine.io",
  addTrailingSlash: true,
  transports: ["polling", "websocket"],
  upgrade: true,
  rememberUpgrade: false,
  tryAllTransports: false,
  timestampParam: "t",
  withCredentials: false,
};

/** How many bytes a packet takes in a POST, about. */
function byteLength(data) {
  if (data === undefined) return 0;
  if (!isBinary(data)) return new TextEncoder().encode(data).length;
  return Math.ceil((data.byteLength ?? data.size) * 1.33); // base64
}

/** Emits open, handshake, packet, packetCreate, message, ping, upgrading, upgrade, upgradeError, drain, error, close. */
export class Engine extends Emitter {
  static #rememberedWebSocket = false;

  id = "";
  readyState = "";
  writeBuffer = [];
  upgrading = false;
  #inFlight = 0; // packets of writeBuffer that the transport has
  #maxPayload = Infinity;
  #upgrades = [];
  #offline = () => this.#onClose("transport close", { description: "network connection lost" });
  #unload = () => {
    if (!this.transport) return;
    this.transport.off(); // silently
    this.transport.close();
  };

  constructor(uri, opts) {
    super();
    const url = new URL(uri);
    const secure = url.protocol === "https:" || url.protocol === "wss:";
    this.opts = { ...defaults, ...opts, secure, hostname: url.hostname, port: url.port };
    this.opts.path = this.opts.path.replace(/\/$/, "") + (this.opts.addTrailingSlash ? "/" : "");
    this.opts.query = typeof opts.query === "string" ? Object.fromEntries(new URLSearchParams(opts.query)) : opts.query;
    // Names, or classes of transports.
    this.transports = this.opts.transports.map((t) => (typeof t === "string" ? t : t.prototype.name));
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
    const remembered = this.opts.rememberUpgrade && Engine.#rememberedWebSocket && this.transports.includes("websocket");
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
    transport
      .on("packet", (packet) => this.#onPacket(packet))
      .on("drain", () => this.#onDrain())
      .on("error", (err) => this.#onError(err))
      .on("close", (details) => this.#onClose("transport close", details));
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
    Engine.#rememberedWebSocket = this.transport.name === "websocket";
    this.emitReserved("open");
    this.#flush();
    if (this.readyState !== "open") return; // a listener has closed it
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
    let size = 1; // the type of the first
    for (let i = 0; i < this.writeBuffer.length; i++) {
      size += byteLength(this.writeBuffer[i].data);
      if (i > 0 && size > this.#maxPayload) return this.writeBuffer.slice(0, i);
      size += 2; // the separator, and the type of the next
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
    probe
      .on("error", fail)
      .on("close", () => fail("transport closed"))
      .on("open", () => probe.send([{ type: "ping", data: "probe" }]))
      .on("packet", (packet) => {
        if (packet.type !== "pong" || packet.data !== "probe") return fail("unexpected answer");
        if (this.readyState === "closed") return cancel();
        this.upgrading = true;
        this.emitReserved("upgrading", probe);
        this.transport.pause(() => {
          if (over) return;
          done();
          this.#use(probe);
          Engine.#rememberedWebSocket = true;
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
    const afterUpgrade = () => (this.upgrading ? this.once("upgrade", close).once("upgradeError", close) : close());
    this.readyState = "closing";
    if (this.writeBuffer.length) this.once("drain", afterUpgrade);
    else afterUpgrade();
    return this;
  }

  #onError(err) {
    Engine.#rememberedWebSocket = false;
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
}
