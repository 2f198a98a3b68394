"use strict";
// Runs every check of one official client over one transport and prints one JSON line per check:
//   {"check":"events/unicode","ok":true}   {"check":…,"ok":false,"error":…}   {"check":…,"na":"why this client cannot"}
// and at last {"done":<number of lines>}.
//
//   node client.js --client client4 --transport upgrade --url http://… --recovery http://…
//       [--only connect,basic] [--skip "check|check"]

const { Harness, within } = require("./harness");

const GROUPS = ["basic", "connect", "events", "rooms", "lifecycle", "upgrade", "recovery", "client"];
const CHECK_TIMEOUT = 60000;

function parseArgs(argv) {
  const options = {};
  for (let i = 0; i < argv.length; i += 2) options[argv[i].replace(/^--/, "")] = argv[i + 1];
  return options;
}

// Our own client for browsers runs in Node.js too, which has no WebSocket before version 22.
function load(name) {
  if (name !== "browser") return require(name);
  globalThis.WebSocket ??= require("ws");
  return require("../../../../core/browser/dist/socket.io.js");
}

// What the client at this version can do.
function featuresOf(name) {
  const [major, minor] = name === "browser" ? [4, 8] : require(`${name}/package.json`).version.split(".").map(Number);
  const since = (a, b) => major > a || (major === a && minor >= b);
  return {
    major,
    auth: since(3, 0),
    "catch-all": since(3, 0),
    volatile: since(3, 0),
    timeout: since(4, 4),
    recovery: since(4, 6),
    "v4.8": since(4, 8),
    EIO3: major === 2,
  };
}

function inapplicable(check, setup) {
  if (setup.skip.includes(check.name)) return "skipped on request";
  if (check.only && !check.only.includes(setup.transport)) return `not over ${setup.transport}`;
  const missing = (check.needs || []).filter((need) => !setup.features[need]);
  return missing.length ? `this client has no ${missing.join(", ")}` : "";
}

async function run(check, setup) {
  const harness = new Harness(setup);
  try {
    await within(check.run(harness), check.name, CHECK_TIMEOUT);
    return { ok: true };
  } catch (err) {
    return { ok: false, error: String((err && err.message) || err) };
  } finally {
    await harness.cleanUp();
  }
}

async function main() {
  const options = parseArgs(process.argv.slice(2));
  const setup = {
    ...options,
    io: load(options.client),
    features: featuresOf(options.client),
    skip: (options.skip || "").split("|"),
  };
  const groups = options.only ? options.only.split(",") : GROUPS;
  let done = 0;
  for (const check of groups.flatMap((group) => require(`./checks/${group}`))) {
    const na = inapplicable(check, setup);
    const result = na ? { na } : await run(check, setup);
    console.log(JSON.stringify({ check: check.name, ...result }));
    done++;
  }
  console.log(JSON.stringify({ done }));
  process.exit(0);
}

main();
