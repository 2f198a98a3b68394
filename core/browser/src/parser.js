// Socket.IO packets, protocol revision 5:
//
//   <type>[<number of attachments>-][<namespace>,][<ack id>][<JSON>]
//
// Binary values are taken out of the JSON, leave {"_placeholder":true,"num":i} there, and
// follow as messages of their own.

import { Emitter } from "./emitter.js";

export const protocol = 5;

export const PacketType = { CONNECT: 0, DISCONNECT: 1, EVENT: 2, ACK: 3, CONNECT_ERROR: 4, BINARY_EVENT: 5, BINARY_ACK: 6 };
Object.entries(PacketType).forEach(([name, type]) => (PacketType[type] = name));

export const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);

const isObject = (value) => Object.prototype.toString.call(value) === "[object Object]";

export function isBinary(value) {
  return (
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    (typeof Blob === "function" && value instanceof Blob) // a File is one, too
  );
}

/** Copies a value, with placeholders instead of what is binary, which goes to the list. */
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
  // JSON.parse made the value: it is ours to change.
  for (const key of Object.keys(value)) value[key] = putBack(value[key], binary);
  return value;
}

export class Encoder {
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
}

/** Emits "decoded" with each packet. What is no packet throws. */
export class Decoder extends Emitter {
  #partial = null; // a packet that waits for its attachments
  #attachments = [];

  add(message) {
    if (typeof message === "string") {
      if (this.#partial) throw new Error("got plaintext data when reconstructing a packet");
      const packet = decodeText(message);
      if (packet.attachments) this.#partial = packet;
      else this.emitReserved("decoded", packet);
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
}

const header = /^(\d)(?:(\d+)-)?(?:(\/[^,]*)(?:,|$))?(\d*)/;

function decodeText(text) {
  const type = Number(text[0]);
  if (PacketType[type] === undefined || text === "") throw new Error("unknown packet type " + type);
  const [all, , count, nsp = "/", id] = header.exec(text);
  const packet = { type, nsp };
  if (type >= PacketType.BINARY_EVENT) {
    if (count === undefined) throw new Error("Illegal attachments");
    packet.type -= PacketType.BINARY_EVENT - PacketType.EVENT;
    packet.attachments = Number(count);
  } else if (count !== undefined) throw new Error("invalid payload");
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
      return data === undefined || isObject(data); // none: a server of version 2
    case PacketType.DISCONNECT:
      return data === undefined;
    case PacketType.CONNECT_ERROR:
      return typeof data === "string" || isObject(data);
    case PacketType.EVENT:
      return Array.isArray(data) && (typeof data[0] === "number" || (typeof data[0] === "string" && !RESERVED.has(data[0])));
    default:
      return Array.isArray(data);
  }
}
