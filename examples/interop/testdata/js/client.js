"use strict";
// Runs every check of one official client over one transport in Node.js and prints one JSON line per
// check, as suite.js reports them, and at last {"done":<number of lines>}.
//
//   node client.js --client client4 --transport upgrade --url http://… --recovery http://…
//       [--only connect,basic] [--skip "check|check"]

const { featuresOf, runSuite } = require("./suite");

const GROUPS = ["basic", "connect", "events", "rooms", "lifecycle", "upgrade", "recovery", "client"];

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

function versionOf(name) {
  return name === "browser" ? [4, 8] : require(`${name}/package.json`).version.split(".").map(Number);
}

async function main() {
  const options = parseArgs(process.argv.slice(2));
  const setup = {
    ...options,
    io: load(options.client),
    features: featuresOf(...versionOf(options.client)),
    skip: (options.skip || "").split("|"),
  };
  const done = await runSuite(options.only ? options.only.split(",") : GROUPS, setup, (result) => {
    console.log(JSON.stringify(result));
  });
  console.log(JSON.stringify({ done }));
  process.exit(0);
}

main();
