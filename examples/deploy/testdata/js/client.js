// The official client, as a visitor: node client.js URL TRANSPORTS
// It prints what the node at the other end knows, after an echo of some size.
"use strict";
const { io } = require("socket.io-client");

const [url, transports] = process.argv.slice(2);
const socket = io(url, { transports: transports.split(","), reconnection: false });

async function converse() {
  const wanted = transports.endsWith("websocket") ? "websocket" : "polling";
  if (socket.io.engine.transport.name !== wanted) {
    await new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
  }
  const text = "long ".repeat(20_000);
  const echoed = await socket.timeout(20_000).emitWithAck("echo", text);
  if (echoed !== text) {
    throw new Error(`the echo of ${text.length} characters has ${echoed.length}`);
  }
  const guest = await socket.timeout(20_000).emitWithAck("whoami");
  console.log(JSON.stringify({ ...guest, transport: socket.io.engine.transport.name }));
  socket.disconnect();
}

function fail(err) {
  console.error(err);
  process.exit(1);
}

socket.on("connect_error", fail);
socket.on("connect", () => converse().catch(fail));
