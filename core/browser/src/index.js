// The browser client of Socket.IO: io(), Manager and Socket. It works unchanged in Node.js.

import { Manager } from "./manager.js";
import { protocol } from "./parser.js";
import { Socket } from "./socket.js";

const managers = {};

/** Completes a URL as a browser does, and takes it apart. */
function parse(uri, path) {
  const { location } = globalThis;
  let text = uri ?? location.origin;
  if (text.startsWith("//")) text = location.protocol + text;
  else if (text.startsWith("/")) text = location.origin + text;
  else if (!/^(https?|wss?):\/\//.test(text)) text = `${location?.protocol ?? "https:"}//${text}`;
  const url = new URL(text);
  const secure = /^(https|wss):/.test(url.protocol);
  const port = url.port || (secure ? "443" : "80");
  return {
    id: `${secure ? "https" : "http"}://${url.hostname}:${port}${path}`,
    source: `${url.protocol}//${url.host}`,
    nsp: url.pathname,
    query: Object.fromEntries(url.searchParams),
  };
}

/**
 * Returns the socket of the namespace that the path of the URL names, and connects it unless
 * `autoConnect` is false. Sockets of one server share a connection.
 */
export function io(uri, opts) {
  if (uri && typeof uri === "object") [uri, opts] = [undefined, uri];
  opts = { ...opts };
  const { id, source, nsp, query } = parse(uri, opts.path ?? "/socket.io");
  const taken = managers[id]?.nsps[nsp];
  if (Object.keys(query).length) opts.query ??= query;
  let manager;
  if (opts.forceNew || opts["force new connection"] || opts.multiplex === false || taken) manager = new Manager(source, opts);
  else manager = managers[id] ??= new Manager(source, opts);
  return manager.socket(nsp, opts);
}

export { io as connect, io as default, Manager, protocol, Socket };
