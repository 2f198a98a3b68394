"use strict";
// The interop contract on the official Node server. The Go server in contract.go speaks the same
// contract; this one is the oracle: a check that fails here is a wrong check.
//
// Prints one JSON line with the URLs, then serves until its stdin closes.

const http = require("http");
const { Server } = require("socket.io");

const ASK_TIMEOUT = 5000;
const disconnects = new Map(); // socket id -> what is known about its end
const heard = new Map(); // key -> values said under that key

function entry(id) {
  if (!disconnects.has(id)) {
    let resolve;
    const promise = new Promise((r) => (resolve = r));
    disconnects.set(id, { promise, resolve });
  }
  return disconnects.get(id);
}

function reply(args) {
  const last = args[args.length - 1];
  return typeof last === "function" ? args.pop() : () => {};
}

const others = (socket) => [...socket.rooms].filter((room) => room !== socket.id).sort();

function whoami(socket) {
  const { headers, query, auth, xdomain, secure } = socket.handshake;
  return {
    id: socket.id,
    namespace: socket.nsp.name,
    transport: socket.conn.transport.name,
    probe: headers["x-probe"] || "",
    query: query.flavour || "",
    auth: { ...auth },
    xdomain,
    secure,
    recovered: !!socket.recovered,
    value: socket.data.value === undefined ? null : socket.data.value,
    checked: !!socket.data.checked,
    rooms: others(socket),
  };
}

function select(source, { to, except, volatile, local }) {
  let target = source;
  if (to && to.length) target = target.to(to);
  if (except && except.length) target = target.except(except);
  if (volatile) target = target.volatile;
  if (local) target = target.local;
  return target;
}

function onEvents(socket) {
  socket.on("echo", (...args) => {
    reply(args);
    socket.emit("echo", ...args);
  });
  socket.on("ack", (...args) => {
    const done = reply(args);
    done(...args);
  });
  socket.on("ask", (...args) => {
    socket.timeout(ASK_TIMEOUT).emit("question", ...args, (err, answer) => {
      socket.emit("answered", err ? "timeout" : "", answer === undefined ? null : answer);
    });
  });
  socket.on("ask-briefly", (ms) => {
    socket.timeout(ms).emit("question", (err, answer) => {
      socket.emit("answered", err ? "timeout" : "", answer === undefined ? null : answer);
    });
  });
  socket.on("whoami", (done) => done(whoami(socket)));
  socket.on("set", (value, done) => {
    socket.data.value = value;
    done();
  });
  socket.on("volatile", (value) => socket.volatile.emit("volatile", value));
  socket.on("mixed", () => {
    socket.emit("mixed", "first");
    socket.volatile.emit("mixed", "volatile");
    socket.emit("mixed", "last");
  });
}

function onStreams(socket) {
  const seen = [];
  socket.on("burst", (n) => {
    for (let i = 0; i < n; i++) socket.emit("n", i);
  });
  socket.on("ticks", (n) => {
    let i = 0;
    const next = () => {
      socket.emit("n", i++);
      if (i < n) setTimeout(next, 1);
    };
    next();
  });
  socket.on("seq", (i) => seen.push(i));
  socket.on("seq-report", (done) => done({ count: seen.length, ordered: seen.every((v, i) => v === i) }));
}

function onRooms(io, nsp, socket) {
  socket.on("join", (rooms, done) => {
    socket.join(rooms);
    done();
  });
  socket.on("leave", (room, done) => {
    socket.leave(room);
    done();
  });
  socket.on("broadcast", (how, ...args) => {
    const done = reply(args);
    const source = how.via === "socket" ? socket.broadcast : nsp;
    select(source, how).emit("news", ...args);
    done();
  });
  socket.on("poll", (how, question, done) => {
    select(nsp, how).timeout(how.timeout).emit("poll", question, (err, answers) => done(err ? "timeout" : "", answers));
  });
  socket.on("members", async (room, done) => done((await nsp.in(room).fetchSockets()).map((s) => s.id).sort()));
  socket.on("move", (from, to, done) => {
    nsp.in(from).socketsJoin(to);
    nsp.in(from).socketsLeave(from);
    done();
  });
  socket.on("evict", (room, close, done) => {
    nsp.in(room).disconnectSockets(close);
    done();
  });
}

function onEndings(socket) {
  let left = [];
  socket.on("disconnecting", () => (left = others(socket)));
  socket.on("disconnect", (reason) => entry(socket.id).resolve({ reason, left, kept: others(socket) }));
  socket.on("end-of", async (id, done) => done(await entry(id).promise));
  socket.on("kick", (close) => socket.disconnect(close));
  socket.on("farewell", (close) => {
    for (let i = 0; i < 5; i++) socket.emit("n", i);
    socket.disconnect(close);
  });
  socket.on("drop", () => socket.conn.close());
  socket.on("say", (key, value) => heard.set(key, [...(heard.get(key) || []), value]));
  socket.on("heard", (key, done) => done(heard.get(key) || []));
}

function onAnything(socket) {
  const names = { in: [], out: [] };
  socket.onAny((name) => names.in.push(name));
  socket.onAnyOutgoing((name) => names.out.push(name));
  socket.on("any-report", (done) => done(names));
}

function serve(io, nsp, family) {
  nsp.on("connection", (socket) => {
    if (socket.recovered) disconnects.delete(socket.id); // the same id lives again
    onAnything(socket);
    onEvents(socket);
    onStreams(socket);
    onRooms(io, socket.nsp, socket);
    onEndings(socket);
    socket.on("family", (value) => family.emit("family", value));
    socket.emit("welcome", socket.nsp.name);
  });
}

function checkToken(socket, next) {
  if (socket.handshake.auth.token === "secret") return next();
  const err = new Error("not authorized");
  err.data = { code: 401, hint: "send the token" };
  next(err);
}

function contract(options) {
  const io = new Server({ pingInterval: 1000, pingTimeout: 20000, ...options });
  const dynamic = io.of(/^\/dyn-\d+$/);
  const guarded = io.of((name, auth, next) => next(null, name.startsWith("/fn-") && auth.key === "open"));
  const mark = (socket, next) => {
    socket.data.checked = true;
    next();
  };
  dynamic.use(mark);
  io.use(mark);
  io.of("/auth").use(checkToken);
  io.of("/slow").use((socket, next) => setTimeout(next, 100));
  for (const nsp of [io, io.of("/custom"), io.of("/auth"), io.of("/slow"), guarded]) serve(io, nsp, io);
  serve(io, dynamic, dynamic);
  return io;
}

function listen(options) {
  return new Promise((resolve) => {
    const server = http.createServer();
    contract(options).attach(server);
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

async function main() {
  const url = await listen({ allowEIO3: true });
  const recovery = await listen({ connectionStateRecovery: { maxDisconnectionDuration: 60000 } });
  console.log(JSON.stringify({ url, recovery }));
  process.stdin.on("end", () => process.exit(0)).resume();
}

main();
