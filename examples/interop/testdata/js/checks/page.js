"use strict";
// What there is in pages only. The page has io from the classic script, and esm from the module.

const bytes = Uint8Array.from([0, 1, 2, 254, 255]);

const contents = async (blob) => new Uint8Array(await blob.arrayBuffer());

module.exports = [
  {
    name: "page/a Blob and a File are sent as bytes",
    async run(t) {
      const s = await t.connect();
      t.equal(await t.ask(s, "ack", new Blob([bytes]), { file: new File([bytes], "name") }, "text"), [bytes, { file: bytes }, "text"]);
      s.emit("say", s.id, new Blob([bytes]));
      s.emit("say", s.id, "behind it");
      t.equal(await t.ask1(s, "heard", s.id), [bytes, "behind it"]);
    },
  },
  {
    name: "page/a large Blob",
    async run(t) {
      const s = await t.connect();
      const large = new Uint8Array(500000).fill(7);
      t.equal(await t.ask1(s, "ack", new Blob([large])), large);
    },
  },
  {
    name: "page/a Blob as base64",
    async run(t) {
      const s = await t.connect("/", { forceBase64: true });
      t.equal(await t.ask1(s, "ack", new Blob([bytes])), bytes);
    },
  },
  {
    name: "page/binaryType blob",
    async run(t) {
      const s = await t.connect();
      s.io.engine.binaryType = "blob";
      if (s.io.engine.transport.ws) s.io.engine.transport.ws.binaryType = "blob"; // the official client reads it once
      const blob = await t.ask1(s, "ack", bytes);
      t.ok(blob instanceof Blob, Object.prototype.toString.call(blob));
      t.equal(await contents(blob), bytes);
    },
  },
  {
    name: "page/the network goes",
    async run(t) {
      const s = await t.connect("/", { reconnection: true });
      const ended = t.next(s, "disconnect");
      const back = t.next(s, "connect");
      globalThis.dispatchEvent(new Event("offline"));
      const [reason, details] = await ended;
      t.equal([reason, details.description], ["transport close", "network connection lost"]);
      await back;
    },
  },
  {
    name: "page/the address is the one of the page",
    async run(t) {
      const options = { forceNew: true, transports: ["websocket"] };
      const sockets = [t.io(options), t.io("/custom", options), t.io(location.host, options), t.io("//" + location.host + "/slow", options)];
      t.sockets.push(...sockets);
      await Promise.all(sockets.map((s) => s.connected || t.next(s, "connect")));
      t.equal(sockets.map((s) => s.nsp), ["/", "/custom", "/", "/slow"]);
    },
  },
  {
    name: "page/the module has the same",
    async run(t) {
      const { io, connect, default: main, Manager, Socket, protocol } = globalThis.esm;
      t.ok(io === connect && io === main);
      t.equal(protocol, 5);
      t.ok(t.io.io === t.io && t.io.connect === t.io && typeof t.io.Manager === "function" && typeof t.io.Socket === "function");
      const manager = new Manager(t.url, { transports: ["websocket"] });
      const s = manager.socket("/");
      t.sockets.push(s);
      t.ok(s instanceof Socket);
      await t.next(s, "connect");
    },
  },
];
