// What a <script> without type="module" loads: it defines io.

import { io, Manager, protocol, Socket } from "./index.js";

Object.assign(io, { io, connect: io, default: io, Manager, protocol, Socket });

// The bundler wraps this file into a function that has `publish` and knows whether there are modules.
publish(io);
