// A Manager keeps one connection, over which any number of namespaces run, and opens it again
// when it breaks.

import { Backoff } from "./backoff.js";
import { Emitter, subscribe } from "./emitter.js";
import { Engine } from "./engine.js";
import * as parser from "./parser.js";
import { Socket } from "./socket.js";

/** Emits open, error, ping, packet, close, reconnect_attempt, reconnect, reconnect_error, reconnect_failed. */
export class Manager extends Emitter {
  nsps = {};
  _readyState = "closed";
  _reconnecting = false; // an attempt is due or under way: a socket need not open the connection
  #subscriptions = [];
  #skipReconnect = false; // somebody wants no more of them

  constructor(uri, opts) {
    super();
    if (uri && typeof uri === "object") [uri, opts] = [undefined, uri];
    this.opts = { ...opts, path: opts?.path ?? "/socket.io" };
    this.uri = uri;
    const { reconnection, reconnectionAttempts, reconnectionDelay, reconnectionDelayMax, randomizationFactor, timeout } = this.opts;
    this._reconnection = reconnection !== false;
    this._reconnectionAttempts = reconnectionAttempts ?? Infinity;
    this.backoff = new Backoff(reconnectionDelay ?? 1000, reconnectionDelayMax ?? 5000, randomizationFactor ?? 0.5);
    this._timeout = timeout ?? 20000;
    const { Encoder, Decoder } = this.opts.parser ?? parser;
    this.encoder = new Encoder();
    this.decoder = new Decoder();
    this._autoConnect = this.opts.autoConnect !== false;
    if (this._autoConnect) this.open();
  }

  // Without an argument, each of these returns the value.
  reconnection(v) {
    if (v === undefined) return this._reconnection;
    this._reconnection = !!v;
    if (!v) {
      this.#skipReconnect = true;
      this._reconnecting = false;
    }
    return this;
  }

  reconnectionAttempts(v) {
    if (v === undefined) return this._reconnectionAttempts;
    this._reconnectionAttempts = v;
    return this;
  }

  timeout(v) {
    if (v === undefined) return this._timeout;
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
    if (v === undefined) return this.backoff[name];
    this.backoff[name] = v;
    return this;
  }

  /** Connects, unless it is connected or about to be. fn gets the error, or nothing. */
  open(fn) {
    if (this._readyState !== "closed") return this;
    const engine = (this.engine = new Engine(this.uri, this.opts));
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
        if (this._timeout === 0) return; // it is over, if the timer has not said so yet
        this.#onOpen();
        fn?.();
      }),
      subscribe(engine, "error", onError),
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
      subscribe(this.decoder, "decoded", (packet) => this.emitReserved("packet", packet)),
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
      if (this.#skipReconnect) return; // a listener has changed its mind
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
}
