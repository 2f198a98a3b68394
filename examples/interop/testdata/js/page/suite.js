"use strict";
// The checks in a page, where this is bundled with them.

// What they use of Node.js, already when they are loaded.
globalThis.Buffer = {
  from: (data) => (typeof data === "string" ? new TextEncoder().encode(data) : Uint8Array.from(data)),
  alloc: (length, fill = 0) => new Uint8Array(length).fill(fill),
};

const { featuresOf, runSuite } = require("../suite");

// Called by the driver, which has also put `report` there.
globalThis.runChecks = (groups, setup) => runSuite(groups, { ...setup, io: globalThis.io, features: featuresOf(4, 8) }, globalThis.report);
