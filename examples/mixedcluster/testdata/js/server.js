"use strict";
// A node of the official server: node server.js ADAPTER REDIS-URL NAME
// ADAPTER is classic, sharded or streams. See gonode_test.go for its like in Go.

const { createServer } = require("node:http");
const { Server } = require("socket.io");
const { serve, tell, usage } = require("./wire");

const [adapter, redisURL, name] = process.argv.slice(2);

async function createAdapter() {
  const { createClient } = require("redis");
  const connect = async () => {
    const client = createClient({ url: redisURL });
    client.on("error", () => {}); // tests kill and restart Redis
    return client.connect();
  };
  switch (adapter) {
    case "classic":
      return require("@socket.io/redis-adapter").createAdapter(await connect(), await connect(), { requestsTimeout: 2000 });
    case "sharded": {
      // The sharded adapter of node-redis needs a client whose subscriptions are apart.
      return require("@socket.io/redis-adapter").createShardedAdapter(await connect(), await connect());
    }
    case "streams":
      return require("@socket.io/redis-streams-adapter").createAdapter(await connect());
  }
  throw new Error("unknown adapter: " + adapter);
}

// watch has a namespace serve the tests.
function watch(io, nsp) {
  io.of(nsp).on("connection", (socket) => {
    const { name, rooms } = socket.handshake.auth;
    if (!socket.recovered) {
      socket.data = { name };
      socket.join(rooms || []);
    }
    tell({ what: "connection", socket: name, id: socket.id, recovered: socket.recovered });
    socket.on("disconnect", (reason) => tell({ what: "disconnect", socket: name, reason }));
    socket.on("say", (n, ack) => {
      io.of(nsp).emit("said", n);
      ack(n);
    });
  });
  io.of(nsp).on("tell", (...args) => tell({ what: "told", nsp, args }));
  io.of(nsp).on("ask", (value, ack) => ack(value === "silence" ? undefined : { from: name, value }));
  io.of(nsp).on("never", () => {});
}

function select(io, c) {
  let to = io.of(c.nsp || "/");
  if (c.rooms && c.rooms.length) to = to.to(c.rooms);
  if (c.except && c.except.length) to = to.except(c.except);
  if (c.volatile) to = to.volatile;
  return to;
}

const describe = (s) => ({ id: s.id, rooms: [...s.rooms].sort(), data: s.data, handshake: s.handshake });

function flood(io, c) {
  return new Promise((resolve) => {
    let sent = 0;
    const tick = () => {
      if (sent === c.count) return resolve(sent);
      io.emit("flood", sent, performance.timeOrigin + performance.now(), c.filler);
      sent++;
      c.gap ? setTimeout(tick, c.gap) : setImmediate(tick);
    };
    tick();
  });
}

const answersOf = (to, c) =>
  new Promise((resolve) => {
    to.timeout(c.timeout).emit(c.name, ...(c.args || []), (err, answers) =>
      resolve({ answers, error: err ? String(err.message || err) : "" }));
  });

const operations = (io, http) => ({
  emit: (c) => void select(io, c).emit(c.name, ...(c.args || [])),
  call: (c) => answersOf(select(io, c), c),
  askSocket: async (c) => {
    const [socket] = await io.of(c.nsp || "/").in(c.rooms).fetchSockets();
    return socket.timeout(c.timeout).emitWithAck(c.name, ...(c.args || []));
  },
  join: (c) => void select(io, c).socketsJoin(c.join),
  leave: (c) => void select(io, c).socketsLeave(c.join),
  disconnect: (c) => void select(io, c).disconnectSockets(c.close),
  fetch: async (c) => (await select(io, c).fetchSockets()).map(describe),
  tell: (c) => void io.of(c.nsp || "/").serverSideEmit("tell", ...c.args),
  ask: (c) =>
    new Promise((resolve) => {
      io.of(c.nsp || "/").serverSideEmit(c.name || "ask", ...c.args, (err, answers) =>
        resolve({ answers, error: err ? String(err.message || err) : "" }));
    }),
  count: async (c) => (await io.of(c.nsp || "/").adapter.serverCount()),
  flood: (c) => flood(io, c),
  usage,
  close: async () => {
    await io.close();
  },
});

createAdapter().then((made) => {
  const http = createServer();
  const io = new Server(http, {
    adapter: made,
    pingInterval: 1000,
    pingTimeout: 2000,
    connectionStateRecovery: adapter === "streams" ? { maxDisconnectionDuration: 60000 } : undefined,
  });
  for (const nsp of ["/", "/chat"]) watch(io, nsp);
  http.listen(0, "127.0.0.1", () => {
    serve(operations(io, http));
    tell({ what: "listening", port: http.address().port });
  });
});
