// What the page knows and does, without showing anything: the connection, the rooms,
// their messages, who is there. The view listens to the events of a Chat:
//
//   status            the connection, see Chat.status
//   welcome           there is a new connection, and a list of rooms
//   rooms             the list of rooms, or how much is unread
//   opened            another room is the current one
//   messages (room)   what is to be seen of a room
//   people, typing    in the current room
//   trouble (words)   something was refused

import { io } from "/socket.io/socket.io.esm.min.js";
import { Outbox, Refused } from "./outbox.js";

const answerTime = 10_000; // ms until a call without an answer has failed
const typingTime = 3_000; // ms that somebody is said to be typing
const typingEvery = 1_500; // ms between two notices of our own typing

/** keyOf identifies a message, stored or not: ids are unique among those of an author. */
export const keyOf = (message) => `${message.from}/${message.id}`;

export class Chat extends EventTarget {
  status = { kind: "connecting", attempt: 0, transport: "" };
  rooms = new Map();
  current = null; // the room that is open
  typists = new Map(); // user to the timer that ends it
  #epoch = "";
  #typed = 0;

  constructor(user) {
    super();
    this.user = user;
    this.outbox = new Outbox(user, (item) => this.call("post", { id: item.id, room: item.room, text: item.text, picture: item.data }));
    this.outbox.addEventListener("change", (e) => this.#tell("messages", e.detail));
    this.outbox.addEventListener("stored", (e) => this.#stored(e.detail));
    this.socket = io({ reconnectionDelay: 500, reconnectionDelayMax: 3000 }); // the session's cookie says who we are
    this.#followConnection();
    this.#followEvents();
  }

  // The connection.

  #followConnection() {
    const { socket } = this;
    socket.on("connect", () => {
      const engine = socket.io.engine;
      this.#setStatus({ kind: "online", attempt: 0, transport: engine.transport.name });
      engine.once("upgrade", (transport) => this.#setStatus({ transport: transport.name }));
    });
    socket.on("disconnect", (reason) => {
      this.typists.clear();
      this.#tell("typing");
      if (socket.active) {
        this.#setStatus({ kind: "away" }); // it comes back by itself
      } else if (this.status.kind !== "kicked") {
        this.#setStatus({ kind: "ended", words: `The server has ended the connection (${reason}).` });
      }
    });
    socket.on("connect_error", (error) => {
      if (socket.active) {
        this.#setStatus({ kind: this.status.kind === "connecting" ? "unreachable" : this.status.kind });
      } else {
        this.#setStatus({ kind: error.data?.code === "login" ? "login" : "ended", words: error.message });
      }
    });
    socket.io.on("reconnect_attempt", (attempt) => this.#setStatus({ attempt }));
    socket.on("kicked", ({ reason }) => {
      this.#setStatus({ kind: "kicked", words: "admin has removed you" + (reason ? ": " + reason : ".") });
    });
  }

  #setStatus(change) {
    this.status = { ...this.status, ...change };
    this.#tell("status");
  }

  /** comeBack connects again after the server has ended the connection. */
  comeBack() {
    this.#setStatus({ kind: "connecting", attempt: 0 });
    this.socket.connect();
  }

  /** call sends an event and resolves to the server's answer. It rejects with Refused if that is an error. */
  async call(event, value) {
    if (!this.socket.connected) {
      throw new Error("There is no connection to the server.");
    }
    let answer;
    try {
      answer = await this.socket.timeout(answerTime).emitWithAck(event, value);
    } catch (error) {
      if (this.socket.connected) { // no answer although the connection stands
        setTimeout(() => this.outbox.flush(), 1000);
      }
      throw error;
    }
    if (answer?.error) {
      throw new Refused(answer.error);
    }
    return answer;
  }

  // What the server tells.

  #followEvents() {
    const { socket } = this;
    socket.on("welcome", (welcome) => this.#welcome(welcome));
    socket.on("room", (info) => this.#addRoom(info));
    socket.on("message", (message) => {
      const room = this.rooms.get(message.room);
      if (room) {
        this.#addMessages(room, [message]);
        room.after = Math.max(room.after, message.seq);
        this.#endTyping(message.from);
      }
    });
    socket.on("activity", ({ room, seq }) => this.#advance(this.rooms.get(room), { last: seq }));
    socket.on("read", ({ room, seq, user }) => this.#markRead(this.rooms.get(room), user, seq));
    socket.on("present", ({ room, version, users }) => {
      const known = this.rooms.get(room);
      if (known && version > known.version) { // lists may overtake each other
        Object.assign(known, { version, people: users });
        this.#tell("people");
      }
    });
    socket.on("typing", ({ room, user }) => {
      if (room === this.current?.name) {
        clearTimeout(this.typists.get(user));
        this.typists.set(user, setTimeout(() => this.#endTyping(user), typingTime));
        this.#tell("typing");
      }
    });
  }

  // The first event of each connection. Until it has come, this page may not know the
  // rooms that other events speak of; it tells what they would have told.
  #welcome({ user, epoch, rooms }) {
    if (user !== this.user) { // another window has logged in under another name
      this.socket.disconnect();
      this.#setStatus({ kind: "login", words: `You are logged in as ${user} now.` });
      return;
    }
    if (this.#epoch && this.#epoch !== epoch) {
      this.rooms.clear(); // numbers of messages mean nothing any more
      this.#tell("trouble", "The server was started anew and has forgotten the older messages.");
    }
    this.#epoch = epoch;
    for (const info of rooms) {
      this.#addRoom(info);
    }
    for (const room of this.rooms.values()) {
      room.version = 0; // the server may have started to count again
    }
    if (this.current && !this.rooms.has(this.current.name)) {
      this.current = null; // a room that the server has forgotten
    }
    const recovered = this.socket.recovered && this.current?.loaded; // is still in its room, and gets what it missed by itself
    const opened = this.current?.name;
    this.#tell("welcome"); // the view opens a room if there is none
    if (opened && !recovered) {
      this.open(opened);
    }
    this.outbox.flush();
  }

  #addRoom({ name, last, read }) {
    const room = this.rooms.get(name) ?? {
      name, last, read: read || last, messages: [], readers: {}, people: [],
      version: 0, after: 0, newFrom: 0, loaded: false,
    };
    this.rooms.set(name, room);
    this.#advance(room, { last, read: read ?? 0 });
  }

  #advance(room, { last = 0, read = 0 }) {
    if (!room) {
      return;
    }
    room.last = Math.max(room.last, last);
    room.read = Math.max(room.read, read);
    this.#tell("rooms");
  }

  #addMessages(room, messages) {
    const fresh = new Set(messages.map(keyOf));
    room.messages = [...room.messages.filter((m) => !fresh.has(keyOf(m))), ...messages].sort((a, b) => a.seq - b.seq);
    this.#advance(room, { last: room.messages.at(-1)?.seq });
    this.#tell("messages", room.name);
  }

  #markRead(room, user, seq) {
    if (!room) {
      return;
    }
    room.readers[user] = Math.max(room.readers[user] ?? 0, seq);
    if (user === this.user) {
      this.#advance(room, { read: seq });
    }
    this.#tell("messages", room.name);
  }

  #stored({ item, receipt }) {
    const room = this.rooms.get(item.room);
    if (room && !room.messages.some((m) => m.seq === receipt.seq)) { // the message itself may have come before
      this.#addMessages(room, [{ ...item, ...receipt, from: this.user }]);
    }
  }

  #endTyping(user) {
    clearTimeout(this.typists.get(user));
    if (this.typists.delete(user)) {
      this.#tell("typing");
    }
  }

  // What the user does.

  /** open makes a room the current one and asks for what it misses of it. */
  async open(name) {
    const room = this.rooms.get(name);
    if (this.current?.name !== name) {
      this.typists.clear();
      room.newFrom = room.read < room.last ? room.read : 0;
    }
    this.current = room;
    this.#tell("opened");
    try {
      const answer = await this.call("open", { room: name, after: room.after });
      if (answer.gap) {
        room.messages = [];
      }
      room.loaded = true;
      room.readers = answer.read;
      room.after = Math.max(room.after, answer.messages.at(-1)?.seq ?? 0);
      this.#addMessages(room, answer.messages);
    } catch (error) {
      if (error instanceof Refused) {
        this.#tell("trouble", error.message);
      } // else it is opened again when there is a connection
    }
  }

  /** create makes a room; it rejects with words for the user. */
  create(name) {
    return this.call("create", name);
  }

  /** post writes a message, now or as soon as there is a connection. */
  post(text, picture) {
    this.#typed = 0; // what is typed next is the next message
    this.outbox.add({ id: newID(), room: this.current.name, text, at: Date.now(), ...picture });
  }

  /** picture resolves to the bytes of a message's picture. */
  picture({ room, seq }) {
    return this.call("picture", { room, seq });
  }

  /** read says that everything in the current room has been seen. */
  read() {
    const room = this.current;
    if (room?.loaded && this.socket.connected && (room.readers[this.user] ?? 0) < room.last) {
      room.readers[this.user] = room.last;
      this.#advance(room, { read: room.last });
      this.socket.emit("read", { room: room.name, seq: room.last });
    }
  }

  /** typing tells the others; it may be lost, and is not sent too often. */
  typing() {
    if (Date.now() - this.#typed > typingEvery && this.socket.connected) {
      this.#typed = Date.now();
      this.socket.volatile.emit("typing", {});
    }
  }

  /** visible returns what is to be seen of the current room: what is stored, and what is on its way. */
  visible() {
    const { name, messages } = this.current;
    const known = new Set(messages.map(keyOf));
    const pending = this.outbox.items.map((item) => ({ ...item, item, from: this.user, pending: true }));
    return [...messages, ...pending.filter((m) => m.room === name && !known.has(keyOf(m)))];
  }

  /** readersOf returns who else has read a message. */
  readersOf({ seq, from }) {
    return Object.entries(this.current.readers).filter(([user, upTo]) => user !== from && upTo >= seq).map(([user]) => user);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

// crypto.randomUUID exists only where the page came over TLS or from this machine.
function newID() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
