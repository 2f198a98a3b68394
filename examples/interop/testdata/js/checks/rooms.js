"use strict";
// Rooms, broadcasts, broadcasts that ask, and operations on many sockets.

async function three(t, namespace = "/custom") {
  const sockets = [await t.connect(namespace), await t.connect(namespace), await t.connect(namespace)];
  const room = `room-${sockets[0].id}`;
  for (const s of sockets) await t.ask(s, "join", [room]);
  return { sockets, room };
}

// news returns what each socket received of one broadcast.
async function news(t, sockets, from, how, ...args) {
  const logs = sockets.map((s) => t.log(s, "news"));
  await t.ask(from, "broadcast", how, ...args);
  await t.settle(...sockets);
  return logs;
}

module.exports = [
  {
    name: "rooms/join, leave and the own rooms",
    async run(t) {
      const s = await t.connect();
      await t.ask(s, "join", ["a", "b"]);
      await t.ask(s, "leave", "a");
      await t.ask(s, "leave", "never-joined");
      t.equal((await t.ask1(s, "whoami")).rooms, ["b"]);
    },
  },
  {
    name: "rooms/MM1 everyone in the namespace, nobody outside",
    async run(t) {
      const { sockets } = await three(t, t.alone());
      const outside = await t.connect(t.alone());
      const logs = await news(t, [...sockets, outside], sockets[0], { via: "server" }, 1, "two");
      t.equal(logs, [[[1, "two"]], [[1, "two"]], [[1, "two"]], []]);
    },
  },
  {
    name: "rooms/MM2 a socket's broadcast spares the sender",
    async run(t) {
      const { sockets, room } = await three(t);
      t.equal(await news(t, sockets, sockets[0], { via: "socket", to: [room] }, "x"), [[], ["x"], ["x"]]);
    },
  },
  {
    name: "rooms/MM2 once per socket, however many rooms match",
    async run(t) {
      const { sockets, room } = await three(t);
      await t.ask(sockets[1], "join", [`${room}-b`]);
      const to = [room, `${room}-b`, sockets[1].id];
      t.equal(await news(t, sockets, sockets[0], { via: "server", to }, "x"), [["x"], ["x"], ["x"]]);
    },
  },
  {
    name: "rooms/MM4 except a room and except an id",
    async run(t) {
      const { sockets, room } = await three(t);
      await t.ask(sockets[1], "join", [`${room}-b`]);
      const except = [`${room}-b`, sockets[2].id];
      t.equal(await news(t, sockets, sockets[0], { via: "server", to: [room], except }, "x"), [["x"], [], []]);
    },
  },
  {
    name: "rooms/to one socket by its id",
    async run(t) {
      const { sockets } = await three(t);
      t.equal(await news(t, sockets, sockets[0], { via: "server", to: [sockets[2].id] }, "x"), [[], [], ["x"]]);
    },
  },
  {
    name: "rooms/nothing after leaving",
    async run(t) {
      const { sockets, room } = await three(t);
      await t.ask(sockets[1], "leave", room);
      t.equal(await news(t, sockets, sockets[0], { via: "server", to: [room] }, "x"), [["x"], [], ["x"]]);
    },
  },
  {
    name: "rooms/MM1 binary broadcast",
    async run(t) {
      const { sockets, room } = await three(t);
      const payload = { a: [Buffer.from([1, 2]), "text"], b: Buffer.from([3]) };
      t.equal(await news(t, sockets, sockets[0], { via: "server", to: [room] }, payload), [[payload], [payload], [payload]]);
    },
  },
  {
    name: "rooms/local broadcast",
    async run(t) {
      const { sockets, room } = await three(t);
      t.equal(await news(t, sockets, sockets[0], { via: "server", to: [room], local: true }, "x"), [["x"], ["x"], ["x"]]);
    },
  },
  {
    name: "rooms/volatile broadcast",
    async run(t) {
      const { sockets, room } = await three(t);
      const logs = sockets.map((s) => t.log(s, "news"));
      for (let i = 0; i < 50 && !logs.every((log) => log.length); i++) {
        await t.ask(sockets[0], "broadcast", { via: "server", to: [room], volatile: true }, "x");
        await t.settle(...sockets);
      }
      t.ok(logs.every((log) => log[0] === "x"), "each socket got one of 50");
    },
  },
  {
    name: "rooms/MM6 a broadcast that asks everyone",
    async run(t) {
      const { sockets, room } = await three(t);
      sockets.forEach((s, i) => s.on("poll", (question, done) => done({ question, i, bytes: Buffer.from([i]) })));
      const [err, answers] = await t.ask(sockets[0], "poll", { to: [room], timeout: 5000 }, "here?");
      t.equal(err, "");
      const expected = [0, 1, 2].map((i) => ({ question: "here?", i, bytes: Buffer.from([i]) }));
      t.equal(answers.sort((a, b) => a.i - b.i), expected);
    },
  },
  {
    name: "rooms/MM7 a broadcast that asks, one stays silent",
    async run(t) {
      const { sockets, room } = await three(t);
      sockets.slice(0, 2).forEach((s, i) => s.on("poll", (question, done) => done(i)));
      const [err, answers] = await t.ask(sockets[0], "poll", { to: [room], timeout: 300 }, "here?");
      t.equal([err, answers.sort()], ["timeout", [0, 1]]);
    },
  },
  {
    name: "rooms/MM8 a broadcast that asks nobody",
    async run(t) {
      const s = await t.connect();
      t.equal(await t.ask(s, "poll", { to: ["nobody"], timeout: 5000 }, "here?"), ["", []]);
    },
  },
  {
    name: "rooms/U1 U2 list and move the members of a room",
    async run(t) {
      const { sockets, room } = await three(t);
      const whole = (await Promise.all(sockets.map((s) => t.ask1(s, "whoami")))).map((who) => who.id).sort();
      t.equal(await t.ask1(sockets[0], "members", room), whole);
      await t.ask(sockets[0], "move", room, `${room}-new`);
      t.equal(await t.ask1(sockets[0], "members", room), []);
      t.equal(await t.ask1(sockets[0], "members", `${room}-new`), whole);
    },
  },
  {
    name: "rooms/U3 disconnect the members of a room",
    async run(t) {
      const { sockets, room } = await three(t);
      await t.ask(sockets[0], "leave", room);
      const ended = Promise.all([t.next(sockets[1], "disconnect"), t.next(sockets[2], "disconnect")]);
      await t.ask(sockets[0], "evict", room, false);
      t.equal((await ended).map(([reason]) => reason), ["io server disconnect", "io server disconnect"]);
      t.ok(sockets[0].connected, "who is not in the room stays");
    },
  },
];
