"use strict";
// What every check stands on: connections that are cleaned up, waits that end, comparisons that know binary.

const assert = require("assert");

const WAIT = 15000;

function within(promise, what, ms = WAIT) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

// plain makes binary comparable, and keeps it distinct from text.
function plain(value) {
  if (value instanceof ArrayBuffer) return { $binary: hex(new Uint8Array(value)) };
  if (ArrayBuffer.isView(value)) return { $binary: hex(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  }
  return value;
}

const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

class Harness {
  constructor({ io, features, transport, url, recovery }) {
    Object.assign(this, { io, features, transport, url, recovery, sockets: [] });
  }

  // create makes a socket of its own connection, not yet settled.
  create(namespace = "/", options = {}) {
    const { server = this.url, ...rest } = options;
    const socket = this.io(server + namespace, {
      forceNew: true,
      transports: TRANSPORTS[this.transport],
      reconnection: false,
      reconnectionDelay: 20,
      randomizationFactor: 0,
      ...rest,
    });
    this.sockets.push(socket);
    return socket;
  }

  // share makes a socket of another namespace on the connection of socket.
  share(socket, namespace) {
    const shared = socket.io.socket(namespace, socket.io.opts);
    this.sockets.push(shared);
    return shared;
  }

  // connect returns a socket that is connected and, in upgrade mode, already upgraded.
  async connect(namespace, options) {
    const socket = this.create(namespace, options);
    await this.ready(socket);
    return socket;
  }

  async ready(socket) {
    if (!socket.connected) {
      await within(
        new Promise((resolve, reject) => {
          socket.once("connect", resolve);
          for (const event of ["connect_error", "error"]) {
            socket.once(event, (err) => reject(new Error(`refused: ${JSON.stringify((err && err.message) || err)}`)));
          }
        }),
        "connect"
      );
    }
    await this.upgraded(socket);
  }

  async upgraded(socket) {
    const engine = socket.io.engine;
    if (this.transport !== "upgrade" || engine.transport.name === "websocket") return;
    await within(new Promise((resolve) => engine.once("upgrade", resolve)), "upgrade");
  }

  // refused returns why the server did not let the client in.
  async refused(namespace, options) {
    const socket = this.create(namespace, options);
    return within(
      new Promise((resolve, reject) => {
        socket.on("connect", () => reject(new Error("connected, should have been refused")));
        socket.on("connect_error", (err) => resolve({ message: err.message, data: err.data }));
        socket.on("error", (err) => resolve({ message: err.message || err, data: err })); // v2
      }),
      "refusal"
    );
  }

  next(emitter, event) {
    return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), event);
  }

  // take collects the first argument of n events.
  take(socket, event, n) {
    const values = [];
    return within(
      new Promise((resolve) => {
        socket.on(event, (value) => {
          values.push(value);
          if (values.length === n) resolve(values);
        });
      }),
      `${n} times ${event}`,
      4 * WAIT
    ).catch((err) => {
      throw new Error(`${err.message}; got ${values.length}`);
    });
  }

  // log records everything a socket gets under one name.
  log(socket, event) {
    const values = [];
    socket.on(event, (...args) => values.push(args.length === 1 ? args[0] : args));
    return values;
  }

  // ask emits with an acknowledgement and returns its arguments.
  ask(socket, event, ...args) {
    return within(new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer))), `ack of ${event}`);
  }

  async ask1(socket, event, ...args) {
    return (await this.ask(socket, event, ...args))[0];
  }

  // settle returns when everything sent to these sockets so far has arrived: a round trip comes after it.
  settle(...sockets) {
    return Promise.all(sockets.map((socket) => this.ask(socket, "ack")));
  }

  // alone returns a dynamic namespace that no other client uses at the same time.
  alone() {
    return `/dyn-${Math.floor(Math.random() * 1e12)}`;
  }

  // auth gives the credentials the way this client can send them.
  auth(namespace, values) {
    if (this.features.auth) return [namespace, { auth: values }];
    return [`${namespace}?${new URLSearchParams(values)}`, {}];
  }

  equal(actual, expected, message) {
    assert.deepStrictEqual(plain(actual), plain(expected), message);
  }

  ok(value, message) {
    assert.ok(value, message);
  }

  async cleanUp() {
    await Promise.all(this.sockets.map(end));
    this.sockets = [];
  }
}

// end closes a socket and its connection, and returns when that is done.
async function end(socket) {
  socket.io.reconnection(false);
  socket.removeAllListeners();
  socket.disconnect();
  const { engine } = socket.io;
  if (!engine || engine.readyState === "closed") return;
  const closed = new Promise((resolve) => engine.once("close", resolve));
  engine.close();
  await Promise.race([closed, pause(500)]);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

module.exports = { Harness, within, pause };
