"use strict";
// Arguments of every type, acknowledgements, order, volatile and catch-all.

const { pause } = require("../harness");

const VALUES = {
  "no arguments": [],
  numbers: [0, -1, 1.5, 1e21, 1e-7, 9007199254740991],
  "strings and unicode": ["", "日本語", "🚀 é \u2028 \u0000 \" \\ \n", "<&>"],
  "booleans and null": [true, false, null],
  arrays: [[], [1, [2, [3, [null]]]]],
  objects: [{}, { a: { b: { c: [1, { d: "e" }] } }, "ключ": true }],
  "many arguments": Array.from({ length: 40 }, (_, i) => i),
  "nested binary": [
    Buffer.from([1, 2, 3]),
    { deep: [{ er: Buffer.from("bytes") }, "text"], empty: Buffer.alloc(0), none: null },
  ],
  "large text": ["ü€".repeat(40000)],
  "large binary": [Buffer.alloc(200000, 7)],
};

const echoes = Object.entries(VALUES).map(([what, args]) => ({
  name: `events/SO1 ${what} there and back`,
  async run(t) {
    const s = await t.connect();
    const echo = t.next(s, "echo");
    s.emit("echo", ...args);
    t.equal(await echo, args);
  },
}));

const acks = Object.entries(VALUES).map(([what, args]) => ({
  name: `events/SO6 ${what} in an ack`,
  async run(t) {
    const s = await t.connect();
    t.equal(await t.ask(s, "ack", ...args), args);
  },
}));

const others = [
  {
    name: "events/typed arrays arrive as binary",
    async run(t) {
      const s = await t.connect();
      const bytes = new Uint8Array([9, 8, 7]);
      t.equal(await t.ask(s, "ack", { a: bytes, b: bytes.buffer }), [{ a: bytes, b: bytes }]);
    },
  },
  {
    name: "events/SO2 send is message",
    async run(t) {
      const s = await t.connect();
      s.send("hello");
      await t.settle(s);
      t.equal((await t.ask1(s, "any-report")).in.slice(0, 1), ["message"]);
    },
  },
  {
    name: "events/the server asks, the client answers",
    async run(t) {
      const s = await t.connect();
      s.on("question", (a, b, done) => done({ got: [a, b], bytes: Buffer.from([4]) }));
      const answered = t.next(s, "answered");
      s.emit("ask", "tea", { or: Buffer.from([5]) });
      t.equal(await answered, ["", { got: ["tea", { or: Buffer.from([5]) }], bytes: Buffer.from([4]) }]);
    },
  },
  {
    name: "events/T1 the server asks, nobody answers",
    async run(t) {
      const s = await t.connect();
      const question = t.next(s, "question");
      const answered = t.next(s, "answered");
      s.emit("ask-briefly", 50);
      t.equal(await answered, ["timeout", null]);
      const [late] = await question;
      late("too late"); // must be ignored, and must not harm
      t.equal(await t.ask(s, "ack", 1), [1]);
    },
  },
  {
    name: "events/the client asks with a timeout",
    needs: ["timeout"],
    async run(t) {
      const s = await t.connect();
      const ask = (event) => new Promise((resolve) => s.timeout(200).emit(event, 7, (err, value) => resolve([!!err, value])));
      t.equal(await ask("ack"), [false, 7]);
      t.equal((await ask("no-such-event"))[0], true);
      t.equal(await t.ask(s, "ack", 1), [1]);
    },
  },
  {
    name: "events/1000 from the client stay in order",
    async run(t) {
      const s = await t.connect();
      for (let i = 0; i < 1000; i++) s.emit("seq", i);
      t.equal(await t.ask1(s, "seq-report"), { count: 1000, ordered: true });
    },
  },
  {
    name: "events/1000 from the server stay in order",
    async run(t) {
      const s = await t.connect();
      const all = t.take(s, "n", 1000);
      s.emit("burst", 1000);
      t.equal(await all, Array.from({ length: 1000 }, (_, i) => i));
    },
  },
  {
    name: "events/1000 both ways at once, binary among them",
    async run(t) {
      const s = await t.connect();
      const all = t.take(s, "n", 1000);
      const binary = t.take(s, "echo", 50);
      s.emit("burst", 1000);
      for (let i = 0; i < 1000; i++) {
        s.emit("seq", i);
        if (i % 20 === 0) s.emit("echo", Buffer.from([i / 20]));
      }
      t.equal(await t.ask1(s, "seq-report"), { count: 1000, ordered: true });
      t.equal(await all, Array.from({ length: 1000 }, (_, i) => i));
      t.equal(await binary, Array.from({ length: 50 }, (_, i) => Buffer.from([i])));
    },
  },
  {
    name: "events/catch-all on the server, both directions",
    async run(t) {
      const s = await t.connect();
      const echo = t.next(s, "echo");
      s.emit("nobody-handles-this", 1);
      s.emit("echo", 2);
      await echo;
      const names = await t.ask1(s, "any-report");
      t.equal(names.in, ["nobody-handles-this", "echo", "any-report"]);
      t.equal(names.out, ["welcome", "echo"]);
    },
  },
  {
    name: "events/catch-all on the client",
    needs: ["catch-all"],
    async run(t) {
      const s = await t.connect();
      const seen = [];
      s.onAny((name, ...args) => seen.push([name, ...args]));
      s.emit("echo", 1, "a");
      await t.settle(s);
      t.equal(seen.filter(([name]) => name !== "welcome"), [["echo", 1, "a"]]);
    },
  },
  {
    name: "events/N11 volatile from the server arrives when the line is free",
    async run(t) {
      const s = await t.connect();
      const got = t.log(s, "volatile");
      for (let i = 0; i < 50 && got.length === 0; i++) {
        s.emit("volatile", "now");
        await pause(20); // a volatile event may be dropped at any time; one of many must come through
      }
      t.equal(got[0], "now");
    },
  },
  {
    name: "events/SO5 volatile never harms what is around it",
    async run(t) {
      const s = await t.connect();
      const got = t.log(s, "mixed");
      s.emit("mixed");
      await t.settle(s);
      t.equal(got.filter((value) => value !== "volatile"), ["first", "last"]);
      t.ok(got.length < 3 || got[1] === "volatile", `order: ${got}`);
    },
  },
  {
    name: "events/volatile from the client arrives when connected",
    needs: ["volatile"],
    async run(t) {
      const s = await t.connect();
      for (let i = 0; i < 50; i++) {
        await pause(5); // the line is free a moment after the last write
        s.volatile.emit("say", s.id, "v");
        await t.settle(s);
        if ((await t.ask1(s, "heard", s.id)).length) return;
      }
      t.ok(false, "none of 50 arrived");
    },
  },
  {
    name: "events/compress flags change nothing",
    async run(t) {
      const s = await t.connect();
      const echo = t.next(s, "echo");
      s.compress(true).emit("echo", "z".repeat(5000));
      t.equal((await echo)[0].length, 5000);
    },
  },
  {
    name: "events/fifty questions at once get their own answers",
    async run(t) {
      const s = await t.connect();
      const numbers = Array.from({ length: 50 }, (_, i) => i);
      t.equal(await Promise.all(numbers.map((i) => t.ask1(s, "ack", i))), numbers);
    },
  },
];

module.exports = [...echoes, ...acks, ...others];
