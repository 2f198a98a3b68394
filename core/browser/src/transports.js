// The transports of Engine.IO, protocol 4. A packet is { type, data } here; on the wire it is
// a digit and the data, or the bytes of a binary message.

import { Emitter } from "./emitter.js";
import { isBinary } from "./parser.js";

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const SEPARATOR = "\x1e";

export function encodeText({ type, data = "" }) {
  return TYPES.indexOf(type) + data;
}

/** Decodes a text: "b…" is a binary message in base64. */
export function decodeText(text) {
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
  // In pieces: a function has a limit of arguments.
  for (let i = 0; i < bytes.length; i += 0x8000) chars += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return "b" + btoa(chars);
}

const encodeAsText = (packet) => (isBinary(packet.data) ? encodeBase64(packet.data) : encodeText(packet));

/** What went wrong below; `description` and `context` say more. */
export class TransportError extends Error {
  type = "TransportError";

  constructor(message, description, context) {
    super(message);
    this.description = description;
    this.context = context;
  }
}

let requests = 0;

/**
 * Emits open, packet(packet), drain, error(error), close({description, context}), and
 * poll and pollComplete if it is the polling one.
 */
class Transport extends Emitter {
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
}

export class Polling extends Transport {
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
    if (text === undefined) return;
    if (this.readyState === "closed") return this.#leave(decodeText(text.split(SEPARATOR)[0]));
    for (const part of text.split(SEPARATOR)) {
      const packet = decodeText(part);
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
    if ((await this.#request("POST", "xhr post error", body)) !== undefined) this.drained();
  }

  /** Returns the text of the answer; undefined after an error, which was told. */
  async #request(method, message, body) {
    const { opts } = this;
    const query = opts.timestampRequests === false ? { ...this.query } : this.stamped(this.query);
    if (opts.forceBase64) query.b64 = 1;
    const headers = { ...opts.extraHeaders };
    if (body !== undefined) headers["content-type"] = "text/plain;charset=UTF-8";
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
        signal: either(signals),
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
    // A last word, so that the server need not wait for the heartbeat to fail.
    if (this.query.sid) this.send([{ type: "close" }]).then(() => this.#abort.abort());
  }
}

/** AbortSignal.any, which is not everywhere yet. */
function either(signals) {
  if (signals.length === 1) return signals[0];
  const both = new AbortController();
  for (const signal of signals) signal.addEventListener("abort", () => both.abort(signal.reason), { once: true });
  return both.signal;
}

export class WS extends Transport {
  name = "websocket";

  open() {
    const { opts } = this;
    const query = opts.timestampRequests ? this.stamped(this.query) : { ...this.query };
    if (opts.forceBase64) query.b64 = 1;
    const WebSocketClass = opts.WebSocket ?? globalThis.WebSocket;
    let ws;
    try {
      // Browsers ignore the third argument; the class of the npm package ws does not.
      ws = this.ws = new WebSocketClass(this.uri("ws", query), opts.protocols ?? [], { headers: opts.extraHeaders });
    } catch (err) {
      return this.emitReserved("error", err);
    }
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this.onOpen();
    ws.onmessage = ({ data }) => this.onPacket(typeof data === "string" ? decodeText(data) : { type: "message", data });
    ws.onerror = (e) => this.fail("websocket error", e);
    ws.onclose = (e) => this.onClose({ description: "websocket connection closed", context: e });
  }

  async send(packets) {
    this.writable = false;
    for (const packet of packets) {
      // Nothing is awaited unless it must be: a volatile event in the same turn is dropped,
      // one in the next is not.
      if (!isBinary(packet.data)) this.#write(encodeText(packet));
      else this.#write(this.opts.forceBase64 ? await encodeBase64(packet.data) : packet.data);
    }
    setTimeout(() => this.readyState === "open" && this.drained());
  }

  #write(data) {
    // It closes by itself, with an event, if it can't.
    if (this.ws.readyState === 1) this.ws.send(data);
  }

  doClose() {
    const { ws } = this;
    if (!ws) return;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.onerror = () => {}; // of a connection that is closed before it is open
    ws.close();
  }
}

export const transports = { polling: Polling, websocket: WS };
