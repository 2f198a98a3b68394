// Socket.IO packets, protocol revision 5:
//
//   <type>[<number of attachments>-][<namespace>,][<ack id>][<JSON>]
//
// Binary values are taken out of the JSON, leave {"_placeholder":true,"num":i} there, and
// follow as messages of their own.

import { Emitter } from "./emitter.js";

export const protocol = 5;

const CONNECT = 0;
const DISCONNECT = 1;
const EVENT = 2;
const ACK = 3;
const CONNECT_ERROR = 4;
const BINARY = 3; // what is added to the type of an event or acknowledgement with attachments

export const PacketType = { CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR };

export const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

const isObject = (value) => Object.prototype.toString.call(value) === "[object Object]";

export function isBinary(value) {
  return (
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    value instanceof Blob // a File is one, too
  );
}

function putBack(value, attachments) {
  if (value === null || typeof value !== "object") return value;
  if (value._placeholder === true) {
    const attachment = typeof value.num === "number" && attachments[value.num];
    if (!attachment) throw new Error("illegal attachments");
    return attachment;
  }
  // JSON.parse made the value: it is ours to change.
  for (const key of Object.keys(value)) value[key] = putBack(value[key], attachments);
  return value;
}

export class Encoder {
  /** Returns the messages of a packet: a string, and its attachments. */
  encode({ type, nsp, data, id }) {
    const attachments = [];
    const takeOut = function (key, value) {
      // Some binary values have toJSON (Buffer), which has been called; others come out of it.
      for (const v of [this[key], value]) {
        if (isBinary(v)) return { _placeholder: true, num: attachments.push(v) - 1 };
      }
      return value;
    };
    const json = data == null ? "" : JSON.stringify(data, type === EVENT || type === ACK ? takeOut : undefined);
    const count = attachments.length;
    let text = count ? `${type + BINARY}${count}-` : `${type}`;
    if (nsp !== "/") text += nsp + ",";
    return [text + (id ?? "") + json, ...attachments];
  }
}

/** Emits "decoded" with each packet. What is no packet throws. */
export class Decoder extends Emitter {
  #partial; // a packet that waits for its attachments
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
    this.#partial = undefined;
    this.#attachments = [];
  }
}

const header = /^([0-4]|[56](\d+)-)(?:(\/[^,]*)(?:,|$))?(\d*)/;

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
      return data === undefined || isObject(data); // none: a server of version 2
    case DISCONNECT:
      return data === undefined;
    case CONNECT_ERROR:
      return typeof data === "string" || isObject(data);
    case EVENT:
      return Array.isArray(data) && (typeof data[0] === "number" || (typeof data[0] === "string" && !RESERVED.includes(data[0])));
    default:
      return Array.isArray(data);
  }
}
