"use strict";
// Official clients: node clients.js. Each has a name and tells what happens to it.

const { io } = require("socket.io-client");
const { serve, tell, usage } = require("./wire");

const clients = new Map();
let floods = 0;
let latencies = [];

const get = (c) => {
  const socket = clients.get(c.client);
  if (!socket) throw new Error("no such client: " + c.client);
  return socket;
};

function listen(name, socket) {
  const say = (what, more) => tell({ what, client: name, ...more });
  socket.on("connect", () => say("connect", { id: socket.id, recovered: socket.recovered }));
  socket.on("connect_error", (e) => say("connect_error", { error: e.message }));
  socket.on("disconnect", (reason) => say("disconnect", { reason }));
  socket.on("flood", (number, at) => {
    floods++;
    latencies.push(performance.timeOrigin + performance.now() - at);
  });
  socket.onAny((event, ...args) => {
    if (event === "flood") return;
    const ack = typeof args[args.length - 1] === "function" ? args.pop() : undefined;
    say("event", { args: [event, ...args] });
    if (ack && event !== "silent") ack(args[0] === undefined ? name : args[0]);
  });
}

serve({
  open: (c) => {
    const socket = io(c.url + (c.nsp || "/"), {
      forceNew: true,
      transports: ["websocket"],
      auth: { name: c.client, rooms: c.rooms || [] },
      reconnectionDelay: 20,
      reconnectionDelayMax: 200,
      reconnection: c.reconnect !== false,
      timeout: 5000,
    });
    clients.set(c.client, socket);
    listen(c.client, socket);
  },
  // away breaks the connection, and keeps the client from coming back by itself.
  away: (c) => {
    const manager = get(c).io;
    manager.reconnection(false);
    manager.engine.close();
  },
  // move has the client connect to another node, as a load balancer would.
  move: (c) => {
    const manager = get(c).io;
    manager.uri = c.url;
    if (manager.reconnection()) return; // it is about to try again
    manager.reconnection(true);
    manager.connect();
  },
  pids: (c) => ({ pid: get(c)._pid, offset: get(c)._lastOffset }),
  emit: (c) => void get(c).emit(c.name, ...(c.args || [])),
  ask: (c) => get(c).timeout(c.timeout || 5000).emitWithAck(c.name, ...(c.args || [])),
  close: (c) => void get(c).disconnect(),
  closeAll: () => {
    for (const socket of clients.values()) socket.disconnect();
    clients.clear();
  },
  floods: () => ({ count: floods, latencies }),
  received: () => floods,
  reset: () => {
    floods = 0;
    latencies = [];
  },
  usage,
});
tell({ what: "ready" });
