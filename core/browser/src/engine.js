// An Engine.IO session, protocol 4: the handshake, the heartbeat, the queue, and the upgrade
// from polling to websocket.

import { Emitter } from "./emitter.js";
import { isBinary } from "./parser.js";
import { transports } from "./transports.js";
import { parse } from "./url.js";

const defaults = {
  addTrailingSlash: true,
  binaryType: "arraybuffer",
  timestampParam: "t",
  transports: ["polling", "websocket"],
  upgrade: true,
};

/** How many bytes a packet takes in a POST, about. */
function byteLength(data = "") {
  if (!isBinary(data)) return new TextEncoder().encode(data).length;
  return Math.ceil((data.byteLength ?? data.size) * 1.33); // base64
}

/** Emits open, handshake, packet, packetCreate, data, message, ping, upgrading, upgrade, upgradeError, flush, drain, error, close. */
export class Engine extends Emitter {
  static #rememberedWebSocket = false;

  id = "";
  readyState = "opening";
  writeBuffer = [];
  upgrading = false;
  #classes; // of the transports that may still be tried, by their names
  #inFlight = 0; // packets of writeBuffer that the transport has
  #maxPayload = Infinity;
  #pingDelay;
  #pingDeadline;
  #pingTimer;
  #ofPage = {
    offline: () => this.#onClose("transport close", { description: "network connection lost" }),
    // A page that may come back is told, so that it connects again; one that is over is not.
    pagehide: ({ persisted }) => (persisted ? this.#onClose("transport close", { description: "page hidden" }) : this.#leave()),
    beforeunload: () => this.opts.closeOnBeforeunload && this.#leave(),
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
    const remembered = this.opts.rememberUpgrade && Engine.#rememberedWebSocket && this.#class("websocket");
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
    this.transport = transport
      .on("packet", (packet) => this.#onPacket(packet))
      .on("drain", () => this.#onDrain())
      .on("error", (err) => this.#onError(err))
      .on("close", (details) => this.#onClose("transport close", details));
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
    Engine.#rememberedWebSocket = this.transport.name === "websocket";
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
    probe
      .on("error", fail)
      .on("close", () => fail("transport closed"))
      .on("open", () => probe.send([{ type: "ping", data: "probe" }]))
      .on("packet", (packet) => {
        if (packet.type !== "pong" || packet.data !== "probe") return fail("unexpected answer");
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

  #leave() {
    this.transport?.off(); // silently
    this.transport?.close();
  }

  #onError(err) {
    Engine.#rememberedWebSocket = false;
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
}
