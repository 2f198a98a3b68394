"use strict";
// How connections end, with the reason on both sides, and how they come back.

// ends runs act and returns the client's reason and what the server noted about the end of the socket.
async function ends(t, s, act) {
  const witness = await t.connect();
  const { id } = await t.ask1(s, "whoami");
  const ended = t.next(s, "disconnect");
  act();
  const [reason] = await ended;
  return { client: reason, server: await t.ask1(witness, "end-of", id) };
}

const clean = (reason) => ({ reason, left: ["lounge"], kept: [] });

async function seated(t, namespace, options) {
  const s = await t.connect(namespace, options);
  await t.ask(s, "join", ["lounge"]);
  return s;
}

module.exports = [
  {
    name: "lifecycle/SO17 N7 the server disconnects the namespace",
    async run(t) {
      const s = await seated(t, "/custom");
      const { client, server } = await ends(t, s, () => s.emit("kick", false));
      t.equal([client, server], ["io server disconnect", clean("server namespace disconnect")]);
    },
  },
  {
    name: "lifecycle/a kicked namespace leaves the connection to the others",
    async run(t) {
      const main = await t.connect();
      const s = t.share(main, "/custom");
      await t.ready(s);
      const ended = t.next(s, "disconnect");
      s.emit("kick", false);
      t.equal((await ended)[0], "io server disconnect");
      t.equal(await t.ask(main, "ack", 1), [1]);
    },
  },
  {
    name: "lifecycle/N6 the server closes the connection",
    async run(t) {
      const s = await seated(t);
      const second = t.share(s, "/custom");
      await t.ready(second);
      const other = t.next(second, "disconnect");
      const { client, server } = await ends(t, s, () => s.emit("kick", true));
      t.equal([client, server], ["io server disconnect", clean("server namespace disconnect")]);
      t.equal((await other)[0], "io server disconnect");
    },
  },
  {
    name: "lifecycle/what the server sent before it disconnects arrives",
    async run(t) {
      for (const close of [false, true]) {
        const s = await t.connect();
        const got = t.log(s, "n");
        const ended = t.next(s, "disconnect");
        s.emit("farewell", close);
        await ended;
        t.equal(got, [0, 1, 2, 3, 4], `close=${close}`);
      }
    },
  },
  {
    name: "lifecycle/SO17 the client disconnects",
    async run(t) {
      const s = await seated(t);
      const { client, server } = await ends(t, s, () => s.disconnect());
      t.equal([client, server], ["io client disconnect", clean("client namespace disconnect")]);
    },
  },
  {
    name: "lifecycle/the client closes the engine",
    async run(t) {
      const s = await seated(t);
      const { client, server } = await ends(t, s, () => s.io.engine.close());
      t.equal([client, server], ["forced close", clean("transport close")]);
    },
  },
  {
    name: "lifecycle/the client vanishes",
    only: ["websocket", "upgrade"],
    async run(t) {
      const s = await seated(t);
      const { client, server } = await ends(t, s, () => s.io.engine.transport.ws._socket.destroy());
      t.equal([client, server], ["transport close", clean("transport close")]);
    },
  },
  {
    name: "lifecycle/the server drops the connection",
    async run(t) {
      const s = await seated(t);
      const { client, server } = await ends(t, s, () => s.emit("drop"));
      t.equal([client, server], ["transport close", clean("forced close")]);
    },
  },
  {
    name: "lifecycle/reconnection after the server dropped the connection",
    async run(t) {
      const s = await t.connect("/custom", { reconnection: true });
      const before = s.id;
      const back = t.next(s, "connect");
      s.emit("drop");
      await t.next(s, "disconnect");
      for (let i = 0; i < 5; i++) s.emit("seq", i); // buffered by the client
      await back;
      await t.upgraded(s);
      t.ok(s.id !== before, "a new socket");
      t.equal(await t.ask1(s, "seq-report"), { count: 5, ordered: true });
    },
  },
  {
    name: "lifecycle/three reconnections in a row",
    async run(t) {
      const s = await t.connect("/", { reconnection: true });
      for (let i = 0; i < 3; i++) {
        const back = t.next(s, "connect");
        s.emit("drop");
        await back;
        await t.upgraded(s);
        t.equal(await t.ask(s, "ack", i), [i]);
      }
    },
  },
  {
    name: "lifecycle/no reconnection after the server said goodbye",
    async run(t) {
      const s = await t.connect("/", { reconnection: true });
      const ended = t.next(s, "disconnect");
      s.emit("kick", true);
      t.equal((await ended)[0], "io server disconnect");
      if (!t.features.EIO3) t.ok(!s.active, "the client does not try again");
      s.connect(); // by hand it can
      await t.ready(s);
    },
  },
  {
    name: "lifecycle/words just before the client disconnects are heard",
    async run(t) {
      const witness = await t.connect();
      for (let round = 0; round < 5; round++) {
        const s = await t.connect();
        const { id } = await t.ask1(s, "whoami");
        for (let i = 0; i < 3; i++) s.emit("say", id, i);
        s.disconnect();
        await t.ask(witness, "end-of", id);
        t.equal(await t.ask1(witness, "heard", id), [0, 1, 2], `round ${round}`);
      }
    },
  },
];
