// A Socket is a client's place in one namespace.

import { Emitter, subscribe, without } from "./emitter.js";
import { PacketType, RESERVED } from "./parser.js";

/** Emits connect, connect_error(error), disconnect(reason, details), and the events of the server. */
export class Socket extends Emitter {
  connected = false;
  recovered = false;
  receiveBuffer = []; // events that came before the server has confirmed the connection
  sendBuffer = []; // packets that wait for it
  flags = {};
  acks = {};
  ids = 0;
  _queue = []; // of the option retries
  #queued = 0;
  #subscriptions;
  #anyListeners = [];
  #anyOutgoingListeners = [];
  _pid; // private id and last offset: for connection state recovery
  _lastOffset;

  constructor(io, nsp, opts) {
    super();
    this.io = io;
    this.nsp = nsp;
    this._opts = { ...opts };
    if (opts?.auth) this.auth = opts.auth;
    if (io._autoConnect) this.open();
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
      subscribe(this.io, "close", (reason, description) => this.#onClose(reason, description)),
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
      const ack = (err, value) => (err ? reject(err) : resolve(value));
      ack.withError = true;
      this.emit(event, ...args, ack);
    });
  }

  #awaitAck(id, fn, flags) {
    const timeout = flags.timeout ?? this._opts.ackTimeout;
    if (timeout === undefined) {
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
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    const entry = { id: this.#queued++, tryCount: 0, pending: false, args, flags: { ...flags, fromQueue: true } };
    const answer = (err, ...values) => {
      if (entry !== this._queue[0]) return; // an answer to an earlier attempt was there first
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
    if (!this.connected || !entry || (entry.pending && !force)) return;
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
    if (id !== undefined) args.push(this.#reply(id));
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
    // The server puts the offset behind the arguments of what can be recovered.
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
      if (this.sendBuffer.some((packet) => String(packet.id) === id)) continue; // has not been sent
      const ack = this.acks[id];
      delete this.acks[id];
      if (ack.withError) ack.call(this, new Error("socket has been disconnected"));
    }
  }

  #destroy() {
    this.#subscriptions?.forEach((unsubscribe) => unsubscribe());
    this.#subscriptions = undefined;
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
}
