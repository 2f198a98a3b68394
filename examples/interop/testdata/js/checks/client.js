"use strict";
// What a client does by itself, as version 4.8 does it: reconnection, buffers, timeouts, retries, catch-all.

const { pause, within } = require("../harness");

// Nothing listens there: no browser and no fetch refuses the port by itself.
const NOBODY = "http://127.0.0.1:2";
const reconnecting = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 40 };

const ack = (s, ...args) => new Promise((resolve) => s.emit(...args, (...answer) => resolve(answer)));

async function drop(t, s) {
  const ended = t.next(s, "disconnect");
  s.io.engine.close();
  return ended;
}

async function throws(t, fn, message) {
  let got = "nothing";
  try {
    await fn();
  } catch (err) {
    got = err.message;
  }
  t.equal(got, message);
}

const connection = [
  {
    name: "client/CC6 attempts are counted, and come to an end",
    async run(t) {
      const s = t.create("/", { server: NOBODY, ...reconnecting, reconnectionAttempts: 3 });
      const attempts = t.log(s.io, "reconnect_attempt");
      const errors = t.log(s.io, "reconnect_error");
      const refusals = t.log(s, "connect_error");
      await t.next(s.io, "reconnect_failed");
      await pause(0);
      t.equal([attempts, errors.length, refusals.length, s.active], [[1, 2, 3], 3, 4, true]);
      const again = t.next(s.io, "reconnect_failed");
      s.connect();
      await again;
      t.equal(attempts, [1, 2, 3, 1, 2, 3]);
    },
  },
  {
    name: "client/CC7 reconnection can be called off",
    async run(t) {
      const s = t.create("/", { server: NOBODY, ...reconnecting });
      const attempts = t.log(s.io, "reconnect_attempt");
      await t.next(s.io, "reconnect_error");
      s.io.reconnection(false);
      const { length } = attempts;
      await pause(150);
      t.equal(attempts.length, length);
      const second = t.create("/", { server: NOBODY, ...reconnecting });
      await t.next(second.io, "reconnect_attempt");
      second.disconnect();
      second.io.once("reconnect_attempt", () => t.ok(false, "it tried on"));
      await pause(100);
      t.ok(!second.active);
    },
  },
  {
    name: "client/reconnect tells the attempt, and the back-off starts anew",
    async run(t) {
      const s = await t.connect("/", reconnecting);
      const back = t.next(s.io, "reconnect");
      s.emit("drop");
      t.equal(await back, [1]);
      t.equal(s.io.backoff.attempts, 0);
    },
  },
  {
    name: "client/CC12 the id goes with the connection",
    async run(t) {
      const s = await t.connect("/", reconnecting);
      const { id } = s;
      t.ok(id !== s.io.engine.id, "it is not the engine's");
      const seen = [];
      s.io.once("reconnect_attempt", () => seen.push(s.id));
      const back = t.next(s, "connect");
      s.emit("drop");
      await back;
      t.equal([seen, s.id !== id, s.connected, s.disconnected], [[undefined], true, true, false]);
    },
  },
  {
    name: "client/CC8 a timeout of nothing",
    async run(t) {
      const s = t.create("/", { timeout: 0 });
      const refused = t.next(s, "connect_error");
      const due = Date.now() + 5; // the timer is, before anything can have come
      while (Date.now() < due);
      const [err] = await refused;
      t.equal(err.message, "timeout");
    },
  },
  {
    name: "client/CC2 autoConnect off",
    async run(t) {
      const s = t.create("/", { autoConnect: false });
      await pause(20);
      t.equal([s.io.engine, s.active, s.connected], [undefined, false, false]);
      s.open();
      await t.ready(s);
      t.ok(s.active);
    },
  },
  {
    name: "client/CC5 the same socket for the same namespace",
    async run(t) {
      const s = await t.connect();
      const { io } = s;
      const foo = io.socket("/custom");
      t.ok(foo === io.socket("/custom") && io.socket("/") === s, "one object each");
      await t.ready(foo);
      const { id } = foo;
      foo.disconnect();
      t.ok(!foo.active && s.connected, "the other stays");
      await t.ask(s, "end-of", id);
      const back = t.next(foo, "connect");
      t.ok(io.socket("/custom") === foo);
      await back;
      foo.disconnect();
      const closed = t.next(io, "close");
      s.disconnect(); // the last one
      t.equal((await closed)[0], "forced close");
    },
  },
  {
    name: "client/CC1 CC3 who shares a connection",
    async run(t) {
      const open = (path, options) => {
        const s = t.io(t.url + path, { transports: ["websocket"], autoConnect: false, ...options });
        t.sockets.push(s);
        return s;
      };
      const path = `/socket.io?${Math.random()}`; // not the managers of other checks
      const first = open("/", { path });
      t.ok(open("/custom", { path }).io === first.io, "another namespace");
      t.ok(open("/?woot", { path }).io !== first.io, "the same namespace again");
      t.ok(open("/slow", { path, multiplex: false }).io !== first.io, "multiplex off");
      t.ok(open("/auth", { path, forceNew: true }).io !== first.io, "forceNew");
      t.ok(open("/dyn-1", { path: path + "x" }).io !== first.io, "another path");
    },
  },
  {
    name: "client/CC11 disconnect and connect at once",
    async run(t) {
      const s = t.create("/", { reconnection: true });
      const reasons = [];
      s.on("disconnect", (reason) => reasons.push(reason));
      const connected = t.take(s, "connect", 2);
      s.once("connect", () => s.disconnect().connect());
      await connected;
      t.equal(reasons, ["io client disconnect"]);
    },
  },
  {
    name: "client/CC13 no error when it is closed while it opens",
    async run(t) {
      const s = t.create();
      s.on("connect_error", (err) => t.ok(false, err.message));
      s.on("connect", () => t.ok(false, "connected"));
      s.disconnect();
      await pause(100);
      t.ok(!s.active && !s.connected);
    },
  },
  {
    name: "client/CC10 a refusal is final",
    async run(t) {
      const s = t.create("/auth", { ...reconnecting, auth: { token: "wrong" } });
      const [err] = await t.next(s, "connect_error");
      t.equal([err.message, err.data.code, s.active], ["not authorized", 401, false]);
      s.auth = { token: "secret" };
      s.connect();
      await t.ready(s);
    },
  },
  {
    name: "client/CC22 what is no packet ends the connection",
    async run(t) {
      const s = await t.connect("/", reconnecting);
      const back = t.next(s, "connect");
      const ended = t.next(s, "disconnect");
      s.io.engine.emitReserved("data", "9nonsense");
      t.equal((await ended)[0], "parse error");
      await back;
    },
  },
  {
    name: "client/CC23 the query of the URL",
    async run(t) {
      const s = await t.connect("/?flavour=a%26b%3D%C3%BC");
      t.equal((await t.ask1(s, "whoami")).query, "a&b=ü");
    },
  },
  {
    name: "client/EC3 rememberUpgrade",
    only: ["upgrade"],
    async run(t) {
      await t.connect("/", { rememberUpgrade: true });
      const s = t.create("/", { rememberUpgrade: true });
      t.equal(s.io.engine.transport.name, "websocket");
      await t.ready(s);
    },
  },
  {
    name: "client/EC4 tryAllTransports",
    only: ["upgrade"],
    async run(t) {
      const broken = { transports: ["websocket", "polling"], transportOptions: { websocket: { path: "/nowhere/" } } };
      const refused = t.create("/", broken);
      await t.next(refused, "connect_error");
      const s = t.create("/", { ...broken, tryAllTransports: true });
      if (!s.connected) await t.next(s, "connect");
      t.equal(s.io.engine.transport.name, "polling");
    },
  },
  {
    name: "client/EC9 EC8 the list of transports",
    async run(t) {
      const list = [];
      const s = t.create("/", { transports: list });
      const [err] = await t.next(s, "connect_error");
      t.equal([err.message ?? err, list], ["No transports available", []]);
    },
  },
  {
    name: "client/EC5 errors say what was wrong",
    async run(t) {
      const s = t.create("/", { query: { sid: "unknown" } });
      const [err] = await t.next(s, "connect_error");
      const websocket = t.transport === "websocket";
      t.equal([err.type, err.message], ["TransportError", websocket ? "websocket error" : "xhr poll error"]);
      if (!websocket) t.equal(err.description, 400);
    },
  },
  {
    name: "client/upgrade off",
    only: ["upgrade"],
    async run(t) {
      const s = t.create("/", { upgrade: false });
      await t.next(s, "connect");
      await pause(100);
      t.equal(s.io.engine.transport.name, "polling");
    },
  },
  {
    name: "client/a websocket that fails leaves polling alone",
    only: ["upgrade"],
    async run(t) {
      const s = t.create("/", { transportOptions: { websocket: { path: "/nowhere/" } } });
      const [err] = await t.next(s.io.engine, "upgradeError");
      t.ok(/^probe error/.test(err.message), err.message);
      if (!s.connected) await t.next(s, "connect");
      t.equal([await t.ask(s, "ack", 1), s.io.engine.transport.name], [[1], "polling"]);
    },
  },
];

const emitting = [
  {
    name: "client/CC14 reserved names",
    async run(t) {
      const s = await t.connect();
      for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
        await throws(t, () => s.emit(name), `"${name}" is a reserved event name`);
      }
    },
  },
  {
    name: "client/CC4 what was emitted before the connection leaves before connect is told",
    async run(t) {
      const s = t.create("/", { autoConnect: false });
      const answers = Promise.all([ack(s, "ack", 1), ack(s, "ack", false, new Date(0))]);
      t.equal(s.sendBuffer.length, 2);
      s.once("connect", () => t.equal(s.sendBuffer.length, 0));
      s.connect();
      t.equal(await within(answers, "answers"), [[1], [false, "1970-01-01T00:00:00.000Z"]]);
    },
  },
  {
    name: "client/CC15 volatile is dropped while there is no connection",
    async run(t) {
      const s = t.create("/", { autoConnect: false });
      s.volatile.emit("seq", 7);
      s.emit("seq", 0);
      s.connect();
      await t.ready(s);
      t.equal(await t.ask1(s, "seq-report"), { count: 1, ordered: true });
    },
  },
  {
    name: "client/CC17 timeouts while there is no connection",
    async run(t) {
      const s = t.create("/", { autoConnect: false });
      const err = await new Promise((resolve) => s.timeout(20).emit("ack", resolve));
      t.equal([err.message, s.sendBuffer.length], ["operation has timed out", 0]);
      await throws(t, () => s.timeout(20).emitWithAck("ack"), "operation has timed out");
      const patient = t.create("/", { autoConnect: false, ackTimeout: 20 });
      await throws(t, () => patient.emitWithAck("ack"), "operation has timed out");
    },
  },
  {
    name: "client/emitWithAck",
    async run(t) {
      const s = await t.connect("/", { ackTimeout: 10000 });
      t.equal([await s.emitWithAck("ack", 1, 2), await s.timeout(5000).emitWithAck("ack", null)], [1, null]);
      t.equal(await new Promise((resolve) => s.emit("ack", 3, (...answer) => resolve(answer))), [null, 3]);
      const plain = await t.connect();
      t.equal(await plain.emitWithAck("ack", "x"), "x");
    },
  },
  {
    name: "client/CC18 answers that cannot come any more",
    async run(t) {
      const s = await t.connect();
      const plain = t.log({ on: (_, fn) => s.emit("nobody-answers", fn) });
      const outcomes = Promise.all([
        new Promise((resolve) => s.timeout(60000).emit("nobody-answers", resolve)),
        s.emitWithAck("nobody-answers").catch((err) => err),
        s.timeout(60000).emitWithAck("nobody-answers").catch((err) => err),
      ]);
      s.disconnect();
      t.equal((await within(outcomes, "errors")).map((err) => err.message), Array(3).fill("socket has been disconnected"));
      const later = ack(s, "ack", "kept");
      s.connect();
      t.equal([await within(later, "answer"), plain], [["kept"], []]);
    },
  },
  {
    name: "client/CC19 retries keep the order, and go on until they are answered",
    async run(t) {
      const s = await t.connect("/", { ...reconnecting, retries: 3, ackTimeout: 10000 });
      const answers = [];
      for (let i = 0; i < 3; i++) s.emit("ack", i, (err, value) => answers.push([err, value]));
      t.equal(s._queue.length, 3);
      await drop(t, s);
      s.emit("ack", 3, (err, value) => answers.push([err, value]));
      t.equal(await within(s.emitWithAck("ack", 4), "answer"), 4);
      t.equal([answers, s._queue.length], [[0, 1, 2, 3].map((i) => [null, i]), 0]);
    },
  },
  {
    name: "client/CC19 retries give up",
    async run(t) {
      const s = await t.connect("/", { retries: 2, ackTimeout: 30 });
      const sent = [];
      s.onAnyOutgoing((event) => sent.push(event));
      const err = await new Promise((resolve) => s.emit("nobody-answers", resolve));
      t.equal([err.message, sent, s._queue.length], ["operation has timed out", Array(3).fill("nobody-answers"), 0]);
    },
  },
  {
    name: "client/CC21 nothing is sent after the heartbeat has failed",
    async run(t) {
      const s = await t.connect("/", reconnecting);
      const ended = t.next(s, "disconnect");
      const { now } = Date;
      const later = now() + 3600000;
      let answer;
      Date.now = () => later; // as if the machine had slept
      try {
        answer = ack(s, "ack", "buffered");
        t.equal(s.sendBuffer.length, 1);
        s.emit("seq", 0);
        t.equal(s.sendBuffer.length, 2);
      } finally {
        Date.now = now;
      }
      t.equal((await ended)[0], "ping timeout");
      t.equal(await within(answer, "answer"), ["buffered"]);
    },
  },
  {
    name: "client/an answer is given once",
    async run(t) {
      const s = await t.connect();
      s.on("question", (_, __, done) => {
        done("first");
        done("second");
      });
      const answered = t.take(s, "answered", 1);
      s.emit("ask", 1, 2);
      await answered;
      t.equal(await t.ask(s, "ack", 1), [1]);
    },
  },
];

const listening = [
  {
    name: "client/CC16 catch-all listeners, in both directions",
    async run(t) {
      const s = await t.connect();
      await t.settle(s);
      const seen = [];
      const note = (who) => (event, value) => seen.push(`${who} ${event} ${value}`);
      const [gone, outGone] = [note("gone"), note("gone")];
      s.onAny(note("second")).prependAny(note("first")).onAny(gone).offAny(gone);
      s.onAnyOutgoing(note("out 2")).prependAnyOutgoing(note("out 1")).onAnyOutgoing(outGone).offAnyOutgoing(outGone);
      t.equal([s.listenersAny().length, s.listenersAnyOutgoing().length], [2, 2]);
      const echo = t.next(s, "echo");
      s.emit("echo", 1);
      await echo;
      t.equal(seen, ["out 1 echo 1", "out 2 echo 1", "first echo 1", "second echo 1"]);
      s.offAny().offAnyOutgoing();
      t.equal([s.listenersAny(), s.listenersAnyOutgoing()], [[], []]);
    },
  },
  {
    name: "client/listeners come and go",
    async run(t) {
      const s = await t.connect();
      const seen = [];
      const a = (v) => seen.push("a" + v);
      const b = (v) => seen.push("b" + v);
      s.on("echo", a).once("echo", b).on("echo", a);
      const echo = async (v) => {
        const heard = t.next(s, "echo");
        s.emit("echo", v);
        await heard;
      };
      await echo(1);
      s.off("echo", a);
      await echo(2);
      t.ok(s.hasListeners("echo"));
      t.equal(s.listeners("echo").length, 1);
      s.removeAllListeners("echo");
      await echo(3);
      t.equal([seen, s.hasListeners("echo")], [["a1", "b1", "a1", "a2"], false]);
    },
  },
  {
    name: "client/a listener may take itself away",
    async run(t) {
      const s = await t.connect();
      const seen = [];
      const first = () => {
        seen.push(1);
        s.off("echo", first);
      };
      s.on("echo", first).on("echo", () => seen.push(2));
      const echo = t.next(s, "echo");
      s.emit("echo");
      await echo;
      t.equal(seen, [1, 2]);
    },
  },
  {
    name: "client/what the manager tells",
    async run(t) {
      const s = t.create("/", { autoConnect: false });
      const events = [];
      for (const event of ["open", "packet", "ping", "close"]) s.io.on(event, () => events.includes(event) || events.push(event));
      const ping = t.next(s.io, "ping");
      s.connect();
      await t.ready(s);
      await ping;
      s.disconnect();
      t.equal(events.sort(), ["close", "open", "packet", "ping"]);
    },
  },
  {
    name: "client/EC1 many small packets fit into what the server takes at once",
    async run(t) {
      const s = await t.connect();
      const part = "€".repeat(30000); // 90 kB each
      const answers = await Promise.all(Array.from({ length: 25 }, () => t.ask(s, "ack", part)));
      t.ok(answers.every(([answer]) => answer === part));
    },
  },
  {
    name: "client/forceBase64",
    async run(t) {
      const s = await t.connect("/", { forceBase64: true });
      const bytes = Uint8Array.from({ length: 100000 }, (_, i) => i);
      t.equal(await t.ask1(s, "ack", bytes), bytes);
    },
  },
  {
    name: "client/binary of every kind, and an object that looks like a placeholder",
    async run(t) {
      const s = await t.connect();
      const { buffer } = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]);
      const sent = [new DataView(buffer, 2, 3), new Uint16Array(buffer, 2, 2), { toJSON: () => ({ made: new Uint8Array(buffer) }) }];
      const [view, words, made] = await t.ask(s, "ack", ...sent);
      t.equal([view, words], [Uint8Array.from([2, 3, 4]), Uint8Array.from([2, 3, 4, 5])]);
      t.ok(made);
      t.equal(await t.ask1(s, "ack", { _placeholder: true, num: 0 }), { _placeholder: true, num: 0 });
    },
  },
];

const needs = ["v4.8"];
module.exports = [...connection, ...emitting, ...listening].map((check) => ({ ...check, needs }));
