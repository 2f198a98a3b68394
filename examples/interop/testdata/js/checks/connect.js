"use strict";
// Credentials, namespaces of every kind, and refusals.

const { within } = require("../harness");

// rejoin leaves a namespace and enters it again after pause.
async function rejoin(t, pause) {
  const main = await t.connect();
  const s = t.share(main, "/custom");
  await t.ready(s);
  const { id } = await t.ask1(s, "whoami");
  s.disconnect();
  await pause(main, id);
  const again = t.next(s, "connect");
  s.connect();
  await again;
  t.equal(await t.ask(s, "ack", 1), [1]);
}

module.exports = [
  {
    name: "connect/auth object",
    needs: ["auth"],
    async run(t) {
      const auth = { token: "secret", nested: { list: [1, "ü", null] } };
      const s = await t.connect("/auth", { auth });
      t.equal((await t.ask1(s, "whoami")).auth, auth);
    },
  },
  {
    name: "connect/auth function",
    needs: ["auth"],
    async run(t) {
      const s = await t.connect("/auth", { auth: (give) => setTimeout(() => give({ token: "secret" }), 5) });
      t.equal((await t.ask1(s, "whoami")).auth, { token: "secret" });
    },
  },
  {
    name: "connect/EI2 query of the namespace is the auth of v2",
    needs: ["EIO3"],
    async run(t) {
      const s = await t.connect("/auth?token=secret&name=%C3%BC");
      t.equal((await t.ask1(s, "whoami")).auth, { token: "secret", name: "ü" });
    },
  },
  {
    name: "connect/query and headers",
    async run(t) {
      const extraHeaders = { "x-probe": "here" };
      const s = await t.connect("/", {
        query: { flavour: "vanille & ü" },
        extraHeaders,
        transportOptions: { polling: { extraHeaders }, websocket: { extraHeaders } },
      });
      const who = await t.ask1(s, "whoami");
      t.equal([who.query, who.probe, who.xdomain, who.secure], ["vanille & ü", "here", false, false]);
    },
  },
  {
    name: "connect/MI1 refused by middleware with data",
    async run(t) {
      const { message, data } = await t.refused(...t.auth("/auth", { token: "wrong" }));
      t.equal(data, { code: 401, hint: "send the token" });
      if (!t.features.EIO3) t.equal(message, "not authorized");
    },
  },
  {
    name: "connect/N8 unknown namespace",
    async run(t) {
      t.equal((await t.refused("/nowhere")).message, "Invalid namespace");
    },
  },
  {
    name: "connect/a refused namespace leaves the others alone",
    async run(t) {
      const s = await t.connect();
      const refused = t.share(s, "/nowhere");
      await t.next(refused, t.features.EIO3 ? "error" : "connect_error");
      t.equal(await t.ask(s, "ack", 1), [1]);
    },
  },
  {
    name: "connect/custom namespace",
    async run(t) {
      const s = t.create("/custom");
      const welcome = t.next(s, "welcome");
      await t.ready(s);
      t.equal(await welcome, ["/custom"]);
      t.equal((await t.ask1(s, "whoami")).namespace, "/custom");
    },
  },
  {
    name: "connect/N17 dynamic namespace by regular expression",
    async run(t) {
      const s = await t.connect("/dyn-101");
      const who = await t.ask1(s, "whoami");
      t.equal([who.namespace, who.checked], ["/dyn-101", true], "the middleware of the parent ran");
      t.equal((await t.refused("/dyn-x")).message, "Invalid namespace");
    },
  },
  {
    name: "connect/N17 dynamic namespace by function",
    async run(t) {
      const s = await t.connect(...t.auth("/fn-room", { key: "open" }));
      t.equal((await t.ask1(s, "whoami")).namespace, "/fn-room");
      t.equal((await t.refused(...t.auth("/fn-room2", { key: "shut" }))).message, "Invalid namespace");
    },
  },
  {
    name: "connect/N17 the parent of dynamic namespaces reaches all children",
    async run(t) {
      const [a, b] = [await t.connect(t.alone()), await t.connect(t.alone())];
      const word = `for ${a.id}`; // others use the same parent
      const heard = (s) => within(new Promise((done) => s.on("family", (w) => w === word && done())), word);
      const both = Promise.all([heard(a), heard(b)]);
      a.emit("family", word);
      await both;
    },
  },
  {
    name: "connect/several namespaces over one connection",
    async run(t) {
      const main = await t.connect();
      const spaces = ["/custom", "/dyn-1", "/dyn-2", "/slow"];
      const sockets = spaces.map((namespace) => t.share(main, namespace));
      await Promise.all(sockets.map((s) => t.ready(s)));
      const who = await Promise.all(sockets.map((s) => t.ask1(s, "whoami")));
      t.equal(who.map((w) => w.namespace), spaces);
      t.equal(new Set([main.id, ...who.map((w) => w.id)]).size, 5, "one id each");
      sockets[0].disconnect();
      t.equal(await t.ask(sockets[1], "ack", "still"), ["still"]);
      t.equal(await t.ask(main, "ack", "here"), ["here"]);
    },
  },
  {
    name: "connect/SO7 what is emitted before connect arrives once and in order",
    async run(t) {
      const s = t.create("/slow");
      for (let i = 0; i < 20; i++) s.emit("seq", i);
      await t.ready(s);
      t.equal(await t.ask1(s, "seq-report"), { count: 20, ordered: true });
    },
  },
  {
    name: "connect/a namespace that was left can be joined again",
    run: (t) => rejoin(t, (main, id) => t.ask(main, "end-of", id)),
  },
  {
    name: "connect/a namespace that was left can be joined again at once",
    run: (t) => rejoin(t, () => {}),
  },
  {
    name: "connect/EI3 v2 is refused unless it is allowed",
    needs: ["EIO3"],
    async run(t) {
      const s = t.create("/", { server: t.recovery });
      s.on("connect", () => t.ok(false, "connected"));
      await t.next(s, "connect_error");
      t.ok(!s.connected);
    },
  },
];
