"use strict";
// The part that depends on how the server is mounted: every request and method passes through the router.

const { within } = require("../harness");

module.exports = [
  {
    name: "basic/connect",
    async run(t) {
      const s = await t.connect();
      t.ok(s.id, "a socket id");
      const who = await t.ask1(s, "whoami");
      t.equal(who.id, s.id);
      t.equal(who.transport, t.transport === "polling" ? "polling" : "websocket");
    },
  },
  {
    name: "basic/event, ack and binary",
    async run(t) {
      const s = await t.connect();
      const echo = t.next(s, "echo");
      s.emit("echo", "text", { bytes: Buffer.from([0, 1, 255]) });
      t.equal(await echo, ["text", { bytes: Buffer.from([0, 1, 255]) }]);
      t.equal(await t.ask(s, "ack", 1, "two"), [1, "two"]);
    },
  },
  {
    name: "basic/server asks",
    async run(t) {
      const s = await t.connect();
      s.on("question", (value, done) => done(value + 1));
      const answered = t.next(s, "answered");
      s.emit("ask", 41);
      t.equal(await answered, ["", 42]);
    },
  },
  {
    name: "basic/large message",
    async run(t) {
      const s = await t.connect();
      const text = "x".repeat(100000);
      t.equal(await t.ask(s, "ack", text), [text]);
    },
  },
  {
    name: "basic/heartbeats keep the connection", // the server pings (v2: is pinged) every second
    async run(t) {
      const s = await t.connect();
      const beat = t.features.EIO3 ? "pong" : "ping";
      await within(new Promise((seen) => s.io.engine.on("packet", ({ type }) => type === beat && seen())), beat);
      t.equal(await t.ask(s, "ack", "alive"), ["alive"]);
    },
  },
];
