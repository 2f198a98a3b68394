"use strict";
// Connection state recovery (clients from 4.6 on).

const values = (log) => log.map((args) => args[0]);

// member connects to the recovery server, joins a room and leaves a value with the server.
async function member(t) {
  const namespace = t.alone();
  const s = t.create(namespace, { server: t.recovery });
  const welcome = t.next(s, "welcome"); // its offset is what a recovery starts from
  await t.ready(s);
  await welcome;
  const room = `room-${s.id}`;
  await t.ask(s, "join", [room]);
  await t.ask(s, "set", { name: "ada" });
  const witness = await t.connect(namespace, { server: t.recovery });
  return { s, room, witness };
}

// away loses the connection and returns when the server has noticed.
async function away(t, s, witness) {
  const { id } = s;
  s.io.engine.close();
  return t.ask1(witness, "end-of", id);
}

async function back(t, s) {
  const connected = t.next(s, "connect");
  s.connect();
  await connected;
  await t.upgraded(s);
}

module.exports = [
  {
    name: "recovery/CSR3 CSR4 missed events, id, rooms and data come back",
    needs: ["recovery"],
    async run(t) {
      const { s, room, witness } = await member(t);
      const { id } = s;
      t.equal((await away(t, s, witness)).reason, "transport close");
      const got = t.log(s, "news");
      const say = (how, value) => t.ask(witness, "broadcast", { via: "server", ...how }, value);
      await say({ to: [room] }, "one");
      await say({ to: ["elsewhere"] }, "not for us");
      await say({}, { bytes: Buffer.from([2]) });
      await say({ to: [room], except: [room] }, "excepted");
      await say({ to: [id] }, "three");
      await back(t, s);
      t.equal([s.recovered, s.id], [true, id]);
      t.equal(values(got), ["one", { bytes: Buffer.from([2]) }, "three"]);
      const who = await t.ask1(s, "whoami");
      t.equal([who.recovered, who.rooms, who.value], [true, [room], { name: "ada" }]);
    },
  },
  {
    name: "recovery/nothing missed",
    needs: ["recovery"],
    async run(t) {
      const { s, room, witness } = await member(t);
      await away(t, s, witness);
      await back(t, s);
      t.equal([s.recovered, (await t.ask1(s, "whoami")).rooms], [true, [room]]);
      const logs = [t.log(s, "news"), t.log(witness, "news")];
      await t.ask(witness, "broadcast", { via: "server", to: [room] }, "live again");
      await t.settle(s);
      t.equal(logs.map(values), [["live again"], []]);
    },
  },
  {
    name: "recovery/twice in a row",
    needs: ["recovery"],
    async run(t) {
      const { s, room, witness } = await member(t);
      const got = t.log(s, "news");
      for (const value of ["first", "second"]) {
        await away(t, s, witness);
        await t.ask(witness, "broadcast", { via: "server", to: [room] }, value);
        await back(t, s);
        t.ok(s.recovered, value);
      }
      t.equal(values(got), ["first", "second"]);
    },
  },
  {
    name: "recovery/CSR5 an unknown session starts anew",
    needs: ["recovery"],
    async run(t) {
      const { s, witness } = await member(t);
      const { id } = s;
      await away(t, s, witness);
      s._pid = "no-such-session";
      await back(t, s);
      const who = await t.ask1(s, "whoami");
      t.equal([s.recovered, who.recovered, who.rooms, who.value], [false, false, [], null]);
      t.ok(s.id !== id, "a new id");
    },
  },
  {
    name: "recovery/CSR7 not after a disconnect on purpose",
    needs: ["recovery"],
    async run(t) {
      const { s } = await member(t);
      const ended = t.next(s, "disconnect");
      s.emit("kick", false);
      await ended;
      await back(t, s);
      t.equal([s.recovered, (await t.ask1(s, "whoami")).value], [false, null]);
    },
  },
  {
    name: "recovery/clients without it are served as ever",
    async run(t) {
      if (t.features.EIO3) return; // this server takes protocol 4 only
      const s = await t.connect("/custom", { server: t.recovery });
      const echo = t.next(s, "echo");
      s.emit("echo", 1);
      t.equal((await echo)[0], 1);
      t.equal(await t.ask(s, "ack", 2), [2]);
    },
  },
];
