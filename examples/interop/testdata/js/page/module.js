import * as esm from "./socket.io.esm.min.js";

globalThis.esm = esm;
