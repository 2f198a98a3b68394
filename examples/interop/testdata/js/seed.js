"use strict";
// The demo server of a Node.js tutorial: it logs what it hears, and answers everybody. It tells where it listens first.

const http = require("http");
const { Server } = require("socket.io");

const server = http.createServer();
const io = new Server(server, { cors: { origin: "*" } });

io.on("connection", (socket) => {
  console.log("connection", socket.id);
  socket.on("message", (data) => {
    console.log("message", JSON.stringify(data));
    io.emit("message", { a: "messagetest" });
  });
  socket.on("login", (data) => {
    console.log("login", JSON.stringify(data));
    io.emit("login", { a: "logintest" });
  });
  socket.on("event", (data) => console.log("event", JSON.stringify(data)));
  socket.on("disconnect", (reason) => console.log("disconnect", socket.id, reason));
});

server.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
process.on("SIGINT", () => process.exit(0));
