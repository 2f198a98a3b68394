"use strict";
// Nothing is lost, doubled or reordered while the transport changes. Over one transport: the same under load.

const { pause } = require("../harness");

const TICKS = 150;

// stream sends numbered events at a steady pace until stopped, and returns how many.
async function stream(s, running) {
  let i = 0;
  for (; running(); i++) {
    s.emit("seq", i);
    await pause(1);
  }
  return i;
}

async function oneRun(t) {
  const s = t.create();
  let running = true;
  const sent = stream(s, () => running);
  const ticks = t.take(s, "n", TICKS);
  s.emit("ticks", TICKS);
  await t.ready(s);
  t.equal(await ticks, Array.from({ length: TICKS }, (_, i) => i));
  running = false;
  const count = await sent;
  t.equal(await t.ask1(s, "seq-report"), { count, ordered: true });
}

module.exports = [
  {
    name: "upgrade/the transport is the one that was asked for",
    async run(t) {
      const s = await t.connect();
      t.equal(s.io.engine.transport.name, t.transport === "polling" ? "polling" : "websocket");
    },
  },
  {
    name: "upgrade/nothing is lost while streaming both ways",
    async run(t) {
      for (let i = 0; i < 5; i++) await oneRun(t);
    },
  },
  {
    name: "upgrade/thirty clients at once",
    async run(t) {
      const sockets = await Promise.all(Array.from({ length: 30 }, () => t.connect()));
      const bytes = Buffer.alloc(2000, 1);
      const answers = await Promise.all(sockets.map((s, i) => t.ask(s, "ack", i, bytes)));
      t.equal(answers, sockets.map((_, i) => [i, bytes]));
    },
  },
];
