"use strict";
// Runs checks, in Node.js or in a page, and reports one result per check:
//   {"check":"events/unicode","ok":true}   {"check":…,"ok":false,"error":…}   {"check":…,"na":"why this client cannot"}

const { Harness, within } = require("./harness");

const CHECK_TIMEOUT = 60000;

const groups = {
  basic: require("./checks/basic"),
  connect: require("./checks/connect"),
  events: require("./checks/events"),
  rooms: require("./checks/rooms"),
  lifecycle: require("./checks/lifecycle"),
  upgrade: require("./checks/upgrade"),
  recovery: require("./checks/recovery"),
  client: require("./checks/client"),
  page: require("./checks/page"),
};

// What the client at this version can do.
function featuresOf(major, minor) {
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

// runSuite runs the groups of these names and returns how many checks there were.
async function runSuite(names, setup, report) {
  let done = 0;
  for (const check of names.flatMap((name) => groups[name])) {
    const na = inapplicable(check, setup);
    const result = na ? { na } : await run(check, setup);
    report({ check: check.name, ...result });
    done++;
  }
  return done;
}

module.exports = { featuresOf, runSuite };
