"use strict";
// The official emitter: node emitter.js REDIS-URL

const { createClient } = require("redis");
const { Emitter } = require("@socket.io/redis-emitter");
const { serve, tell } = require("./wire");

function select(emitter, c) {
  let to = c.nsp ? emitter.of(c.nsp) : emitter;
  if (c.rooms && c.rooms.length) to = to.to(c.rooms);
  if (c.except && c.except.length) to = to.except(c.except);
  if (c.volatile) to = to.volatile;
  return to;
}

createClient({ url: process.argv[2] })
  .connect()
  .then((client) => {
    const emitter = new Emitter(client);
    serve({
      emit: (c) => void select(emitter, c).emit(c.name, ...(c.args || [])),
      join: (c) => void select(emitter, c).socketsJoin(c.join),
      leave: (c) => void select(emitter, c).socketsLeave(c.join),
      disconnect: (c) => void select(emitter, c).disconnectSockets(c.close),
      tell: (c) => void select(emitter, c).serverSideEmit("tell", ...c.args),
    });
    tell({ what: "ready" });
  });
