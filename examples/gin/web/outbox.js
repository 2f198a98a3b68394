// The outbox keeps what was written until the server has it. It survives a lost
// connection, a restart of the server and a reload of the page.
//
// Each draft has an id that it keeps when it is sent again: if the server has stored
// it but its answer was lost, it does not store it a second time.

import { fromBase64, toBase64 } from "./picture.js";

/** Refused is the error of what the server will not take, however often it is sent. */
export class Refused extends Error {}

export class Outbox extends EventTarget {
  items = []; // {id, room, text, at, data?, picture?, error?}, oldest first
  #prefix;
  #send;
  #sending = false;

  /** send(item) resolves to the server's receipt; it rejects with Refused, or with another error if it is worth another try. */
  constructor(user, send) {
    super();
    this.#prefix = `outbox:${user}:`;
    this.#send = send;
    this.#load();
  }

  add(item) {
    this.items.push(item);
    this.#save(item);
    this.#changed(item.room);
    this.flush();
  }

  /** retry sends a refused draft again. */
  retry(item) {
    item.error = undefined;
    this.#changed(item.room);
    this.flush();
  }

  discard(item) {
    this.items = this.items.filter((other) => other !== item);
    localStorage.removeItem(this.#prefix + item.id);
    this.#changed(item.room);
  }

  /** flush sends everything, one after the other, until something cannot be sent. */
  async flush() {
    if (this.#sending) {
      return;
    }
    this.#sending = true;
    try {
      for (let item; (item = this.items.find((item) => !item.error));) {
        await this.#deliver(item);
      }
    } catch {
      // No connection, or no answer: whoever notices that there is one calls flush again.
    } finally {
      this.#sending = false;
    }
  }

  async #deliver(item) {
    try {
      const receipt = await this.#send(item);
      this.dispatchEvent(new CustomEvent("stored", { detail: { item, receipt } }));
      this.discard(item);
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      item.error = error.message;
      this.#changed(item.room);
    }
  }

  #changed(room) {
    this.dispatchEvent(new CustomEvent("change", { detail: room }));
  }

  // Each draft has a key of its own, so that two windows do not overwrite each other's.
  // If both send one, the server takes it once.
  #save({ error, data, ...item }) {
    try {
      localStorage.setItem(this.#prefix + item.id, JSON.stringify({ ...item, data: data && toBase64(data) }));
    } catch {
      // There is no more room: the draft is kept as long as this page is open.
    }
  }

  #load() {
    for (const key of Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix))) {
      try {
        const { data, ...item } = JSON.parse(localStorage.getItem(key));
        this.items.push({ ...item, data: data && fromBase64(data) });
      } catch {
        localStorage.removeItem(key); // not written by this page
      }
    }
    this.items.sort((a, b) => a.at - b.at);
  }
}
