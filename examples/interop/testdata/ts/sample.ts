// Uses the declarations of the browser client as programs do. It is checked, not run. A line
// after @ts-expect-error must be an error.

import connect, { Fetch, io, Manager, protocol, Socket, WebSocket } from "../../../../core/browser/dist/socket.io.js";

interface FromServer {
  message: (text: string, from: { name: string }) => void;
  picture: (bytes: ArrayBuffer) => void;
  question: (text: string, answer: (yes: boolean) => void) => void;
}

interface ToServer {
  say: (text: string) => void;
  join: (room: string, done: (members: string[]) => void) => void;
}

const socket: Socket<FromServer, ToServer> = io("https://example.com/chat", {
  auth: (give) => give({ token: "secret" }),
  transports: ["websocket", Fetch, WebSocket],
  reconnectionDelayMax: 10_000,
  retries: 3,
  ackTimeout: 1000,
  timeout: false,
  withCredentials: true,
  binaryType: "blob",
  transportOptions: { polling: { extraHeaders: { "x-probe": "here" } } },
});

socket.on("connect", () => console.log(socket.id?.length, socket.recovered));
socket.on("connect_error", (err) => console.log(err.message, err.data));
socket.on("disconnect", (reason, details) => console.log(reason === "ping timeout", details));
socket.on("message", (text, from) => console.log(text.length, from.name.length));
socket.once("question", (text, answer) => answer(text === "tea"));
socket.off("message").off();
// @ts-expect-error: an event that does not exist
socket.on("nothing", () => {});
// @ts-expect-error: the argument is an ArrayBuffer
socket.on("picture", (bytes: string) => bytes);

socket.emit("say", "hello").volatile.emit("say", "now or never");
socket.emit("join", "lobby", (members) => members.map((name) => name.length));
socket.timeout(500).emit("join", "lobby", (err, members) => console.log(err?.message, members.length));
// @ts-expect-error: the argument is a string
socket.emit("say", 1);

export async function ask(): Promise<number> {
  const members = await socket.emitWithAck("join", "lobby");
  const again = await socket.timeout(500).emitWithAck("join", "lobby");
  return members.length + again.length;
}

socket.onAny((event, ...args) => console.log(event.length, args.length)).offAny();

const manager = new Manager("https://example.com", { autoConnect: false });
manager.on("reconnect_attempt", (n) => n.toFixed()).reconnection(false).open((err) => err?.message);
manager.socket("/news").emit("anything", 1, true);
const delay: number = manager.reconnectionDelay();
socket.io.engine.once("upgrade", () => console.log(socket.io.engine.transport.name, delay, protocol));
connect().disconnect();
