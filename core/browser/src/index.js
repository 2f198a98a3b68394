// The browser client of Socket.IO: io(), Manager and Socket. It works unchanged in Node.js.

import { Manager } from "./manager.js";
import { protocol } from "./parser.js";
import { Socket } from "./socket.js";
import { parse } from "./url.js";

const managers = {};

/**
 * Returns the socket of the namespace that the path of the URL names, and connects it unless
 * `autoConnect` is false. Sockets of one server share a connection.
 */
export function io(uri, opts) {
  if (uri && typeof uri === "object") [uri, opts] = [undefined, uri];
  opts = { ...opts };
  const { secure, host, path } = parse(uri);
  const id = `${secure} ${host} ${opts.path ?? "/socket.io"}`;
  const alone = opts.forceNew || opts["force new connection"] || opts.multiplex === false || managers[id]?.nsps[path];
  const manager = alone ? new Manager(uri, opts) : (managers[id] ??= new Manager(uri, opts));
  return manager.socket(path, opts);
}

export { Polling as Fetch, WS as WebSocket } from "./transports.js";
export { io as connect, io as default, Manager, protocol, Socket };
