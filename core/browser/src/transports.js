// The transports of Engine.IO, protocol 4. A packet is { type, data } here; on the wire it is
// a digit and the data, or the bytes of a binary message.

import { Emitter } from "./emitter.js";
import { isBinary } from "./parser.js";

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const SEPARATOR = "\x1e";

function encodeText({ type, data = "" }) {
  return TYPES.indexOf(type) + data;
}

/** Decodes a text: "b…" is a binary message in base64. */
function decodeText(text) {
  try {
    if (text[0] === "b") return { type: "message", data: Uint8Array.from(atob(text.slice(1)), (c) => c.charCodeAt(0)).buffer };
  } catch {} // falls through to the error
  return { type: TYPES[text[0]] ?? "error", data: text.slice(1) || undefined };
}

async function encodeBase64(data) {
  const bytes = new Uint8Array(await new Blob([data]).arrayBuffer());
  let chars = "";
  // In pieces: a function has a limit of arguments.
  for (let i = 0; i < bytes.length; i += 0x8000) chars += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return "b" + btoa(chars);
}

const encodeAsText = (packet) => (isBinary(packet.data) ? encodeBase64(packet.data) : encodeText(packet));

/** What went wrong below; `description` and `context` say more. */
class TransportError extends Error {
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
 * pollComplete if it is the polling one.
 */
class Transport extends Emitter {
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
}

export class Polling extends Transport {
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
    if (text === undefined) return;
    for (const part of text.split(SEPARATOR)) {
      const packet = decodeText(part);
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
      return this.fail(message, err); // a file, for one, that has gone
    }
    if ((await this.#request("POST", message, parts.join(SEPARATOR))) !== undefined) this.drained();
  }

  /** Returns the text of the answer; undefined after an error, which was told. */
  async #request(method, message, body) {
    const { fetch = globalThis.fetch, extraHeaders, requestTimeout, timestampRequests, withCredentials } = this.opts;
    const headers = { ...extraHeaders };
    if (body !== undefined) headers["content-type"] = "text/plain;charset=UTF-8";
    const closing = this.readyState === "closed"; // this is the last word
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
        keepalive: closing, // also if the page goes away
        signal: closing ? undefined : abort.signal,
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
    // A last word, so that the server need not wait for the heartbeat to fail.
    if (!this.query.sid) return; // see leave
    await this.send([{ type: "close" }]);
    this.#abort.abort();
  }
}

export class WS extends Transport {
  get name() {
    return "websocket";
  }

  open() {
    const { WebSocket = globalThis.WebSocket, protocols, extraHeaders, timestampRequests } = this.opts;
    let ws;
    try {
      // Browsers ignore the third argument; the class of the npm package ws does not.
      ws = this.ws = new WebSocket(this.uri("ws", timestampRequests), protocols ?? [], { headers: extraHeaders });
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
    try {
      for (const packet of packets) {
        // Nothing is awaited unless it must be: what is sent in one turn leaves in it.
        let { data } = packet;
        if (!isBinary(data)) data = encodeText(packet);
        else if (this.opts.forceBase64) data = await encodeBase64(data);
        // It closes by itself, with an event, if it can't.
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
    ws.onerror = () => {}; // of a connection that is closed before it is open
    ws.close();
  }
}

export const transports = { polling: Polling, websocket: WS };
