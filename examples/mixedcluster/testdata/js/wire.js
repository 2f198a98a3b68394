"use strict";
// The programs of this folder are driven over their standard input and output, one JSON text a line.
// A command is {"id":1,"op":"emit",…}; its answer is {"id":1,"result":…} or {"id":1,"error":"…"}.
// What happens unasked is told as {"event":{…}}. Binary values are {"$b":"base64"}.

const { createInterface } = require("node:readline");

function pack(value) {
  if (Buffer.isBuffer(value) || value instanceof Uint8Array) return { $b: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(pack);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v)]));
  return value;
}

function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (!value || typeof value !== "object") return value;
  if (typeof value.$b === "string") return Buffer.from(value.$b, "base64");
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
}

const write = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// tell reports something that was not asked for.
exports.tell = (event) => write({ event: pack(event) });

// serve obeys commands until the input ends.
exports.serve = (ops) => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const command = unpack(JSON.parse(line));
    try {
      write({ id: command.id, result: pack(await ops[command.op](command)) ?? null });
    } catch (e) {
      write({ id: command.id, error: String((e && e.message) || e) });
    }
  });
  lines.on("close", () => process.exit(0));
};

// usage is the processor time of this process so far, in microseconds.
exports.usage = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
