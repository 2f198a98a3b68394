"use strict";
// Runs the checks in pages of a headless Chromium and prints what client.js prints.
//
//   node page.js --client browser --transport upgrade --url http://… --recovery http://… --foreign http://…
//       --suite bundle.js [--skip "check|check"]
//
// From the environment: CHROMIUM is the browser.

const { readFileSync } = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");

const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const DIST = {
  browser: path.join(__dirname, "../../../../core/browser/dist"),
  client4: path.join(path.dirname(require.resolve("client4/package.json")), "dist"),
};

// Nothing else is needed, and no eval.
const POLICY = "default-src 'none'; script-src 'self'; connect-src *; img-src data:";

// What a browser logs when a request fails; nothing can keep it from that.
const unavoidable = /Failed to load resource|^WebSocket connection to /;

function parseArgs(argv) {
  const options = {};
  for (let i = 0; i < argv.length; i += 2) options[argv[i].replace(/^--/, "")] = argv[i + 1];
  return options;
}

// The files of the page come from here, whatever server its address is that of.
function files({ client, suite }) {
  const read = (...names) => readFileSync(path.join(...names), "utf8").replace(/^\/\/# sourceMappingURL.*/m, "");
  const contents = {
    "index.html": read(__dirname, "page/index.html"),
    "module.js": read(__dirname, "page/module.js"),
    "suite.js": read(suite),
  };
  for (const name of ["socket.io.js", "socket.io.esm.min.js"]) contents[name] = read(DIST[client], name);
  return contents;
}

async function open(browser, server, options, errors) {
  // A page that does not come over the network is not taken for a local one.
  const context = await browser.newContext({ permissions: ["local-network-access"] });
  const page = await context.newPage();
  const contents = files(options);
  await page.route("**/suite/*", (route) => {
    const name = new URL(route.request().url()).pathname.slice("/suite/".length);
    const contentType = name.endsWith(".html") ? "text/html" : "text/javascript";
    return route.fulfill({ contentType, body: contents[name], headers: { "Content-Security-Policy": POLICY } });
  });
  page.on("pageerror", (err) => errors.push(`uncaught: ${err.stack ?? err}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !unavoidable.test(message.text())) errors.push(`console: ${message.text()}`);
  });
  await page.goto(`${server}/suite/index.html`);
  await page.waitForFunction(() => globalThis.esm);
  await page.unrouteAll(); // what is intercepted may not leave a page that goes away
  return page;
}

async function suite(browser, server, groups, options, report) {
  const errors = [];
  const page = await open(browser, server, options, errors);
  await page.exposeFunction("report", report);
  const setup = { ...options, skip: (options.skip || "").split("|") };
  await page.evaluate(([groups, setup]) => globalThis.runChecks(groups, setup), [groups, setup]);
  await page.context().close();
  report({ check: `page/no errors, ${groups}`, ok: errors.length === 0, error: errors.join("\n") });
}

const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

// connect connects in the page and returns the id of the socket.
const connect = (page, url, options) =>
  page.evaluate(([url, options]) => new Promise((resolve, reject) => {
    globalThis.socket = globalThis.io(url, { forceNew: true, ...options });
    globalThis.socket.on("connect", () => resolve(globalThis.socket.id)).on("connect_error", (err) => reject(err));
  }), [url, options]);

const ask = (page, ...args) => page.evaluate((args) => globalThis.socket.timeout(15000).emitWithAck(...args), args);

const checks = {
  // The heartbeat would notice after 20 s; this is at once.
  async "page/a page that goes away ends its connection"(browser, options, errors) {
    const transports = TRANSPORTS[options.transport];
    for (const closeOnBeforeunload of [false, true]) {
      const [witness, page] = [await open(browser, options.url, options, errors), await open(browser, options.url, options, errors)];
      await connect(witness, options.url, { transports });
      const id = await connect(page, options.url, { transports, closeOnBeforeunload });
      await page.goto("about:blank");
      await ask(witness, "end-of", id);
      await Promise.all([witness.context().close(), page.context().close()]);
    }
  },

  async "page/cookies go to other origins with withCredentials only"(browser, options, errors) {
    const transports = TRANSPORTS[options.transport];
    const page = await open(browser, options.url, options, errors);
    await page.context().addCookies([{ name: "user", value: "ada", url: options.foreign }]);
    for (const withCredentials of [true, false]) {
      await connect(page, options.foreign, { transports, withCredentials });
      const cookie = await ask(page, "cookie");
      // A websocket has them always: the origin is all that a server can go by.
      const expected = withCredentials || options.transport === "websocket" ? "user=ada" : "";
      if (cookie !== expected) throw new Error(`withCredentials ${withCredentials}: got ${cookie}`);
    }
    await page.context().close();
  },
};

async function main() {
  const options = parseArgs(process.argv.slice(2));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ARGS });
  let done = 0;
  const report = (result) => {
    console.log(JSON.stringify(result));
    done++;
  };
  try {
    await suite(browser, options.url, ["basic", "connect", "events", "rooms", "lifecycle", "upgrade", "client", "page"], options, report);
    await suite(browser, options.recovery, ["recovery"], options, report);
    for (const [check, run] of Object.entries(checks)) {
      const errors = [];
      const failed = await run(browser, options, errors).then(() => errors.join("\n"), (err) => String(err.stack));
      report({ check, ok: !failed, error: failed });
    }
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify({ done }));
}

main();
