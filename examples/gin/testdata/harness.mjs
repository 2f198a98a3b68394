// What the tests of the page stand on: the server as a process that can be killed,
// a browser, and pages that notice every error.
//
// From the environment: CHAT is the program, CHROMIUM the browser, and SHOTS a
// directory for screenshots, if they are wanted.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

// The modules are not beside this file, but in a cache that NODE_PATH names. Only require looks there.
const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const officialClient = join(dirname(require.resolve("socket.io-client/package.json")), "dist/socket.io.esm.min.js");

export const password = "correct horse";
export const patience = 30_000; // ms until something that does not happen is a failure

/** Server is the chat as a process. It can be killed and started anew at the same address. */
export class Server {
  #port = 0;
  #data = mkdtempSync(join(tmpdir(), "chat-"));
  #process;
  #output = "";

  /**
   * start begins, at first on a port that is free. It is none of those that the system
   * gives away, or another could have it while the server is down.
   */
  async start() {
    for (let tries = 5; this.#port === 0;) {
      try {
        return await this.#run(10_000 + Math.floor(Math.random() * 20_000));
      } catch (error) {
        if (--tries === 0) {
          throw error;
        }
      }
    }
    await this.#run(this.#port);
  }

  async #run(port) {
    const args = ["-addr", `127.0.0.1:${port}`, "-data", this.#data, "-admin-password", password];
    const child = spawn(process.env.CHAT, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    child.stderr.on("data", (chunk) => { this.#output += chunk; });
    await new Promise((resolve, reject) => {
      createInterface(child.stdout).on("line", (line) => {
        this.#output += line + "\n";
        if (line.startsWith("listening on ")) {
          resolve();
        }
      });
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.#output}`)));
    });
    this.#port = port;
  }

  get url() { return `http://127.0.0.1:${this.#port}`; }

  /** end ends the process, as a crash does or as an interrupt does, and waits for it. */
  async end(signal) {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill(signal);
      await ended;
    }
  }

  async close() {
    await this.end("SIGTERM");
    rmSync(this.#data, { recursive: true });
    assert.doesNotMatch(this.#output, /panic| ERROR /, "the server's log");
  }
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

// What a browser logs when a server does not answer; nothing can keep it from that.
const unavoidable = /net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED|INCOMPLETE_CHUNKED_ENCODING|INTERNET_DISCONNECTED)|WebSocket connection to .* failed: (Connection closed|WebSocket is closed|Error in connection)/;

/**
 * Person is somebody at a browser of their own.
 *
 * Options: official (with the official client), polling (websockets do not get through),
 * allow (a pattern of further logs that are no failure), and those of a browser context.
 */
export class Person {
  errors = [];

  static async open(browser, url, { official, polling, allow, ...options } = {}) {
    const person = new Person();
    person.context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options });
    person.context.setDefaultTimeout(patience);
    if (official) {
      const body = readFileSync(officialClient, "utf8").replace(/^\/\/# sourceMappingURL.*/m, "");
      await person.context.route("**/socket.io/socket.io.esm.min.js", (route) => route.fulfill({ contentType: "text/javascript", body }));
    }
    if (polling) {
      await person.context.routeWebSocket(/./, (ws) => ws.close());
    }
    person.page = await person.openPage(url, allow);
    return person;
  }

  /** openPage opens one more window. */
  async openPage(url, allow) {
    const page = await this.context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" && !unavoidable.test(message.text()) && !allow?.test(message.text())) {
        this.errors.push(`console: ${message.text()} (${message.location().url})`);
      }
    });
    page.on("pageerror", (error) => this.errors.push(`uncaught: ${error.stack}`));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (e) => console.error(`policy violated: ${e.violatedDirective} ${e.blockedURI}`));
    });
    await page.goto(url);
    return page;
  }

  async login(name, secret) {
    await this.page.getByLabel("Your name").fill(name);
    if (secret !== undefined) {
      await this.page.getByLabel("Password of admin").fill(secret);
    }
    await this.page.getByRole("button", { name: "Enter the chat" }).click();
  }

  async write(text) {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  /** sees waits until this text is to be seen. */
  async sees(text, within = "body") {
    await this.page.locator(within).getByText(text, { exact: false }).first().waitFor({ state: "visible" });
  }

  /** misses waits until this text is not to be seen. */
  async misses(text, within = "body") {
    await this.page.locator(within).getByText(text, { exact: false }).first().waitFor({ state: "hidden" });
  }

  /** online waits for the connection; on a phone, the words for it are in the list of rooms. */
  async online(transport = "") {
    await this.page.locator("#status", { hasText: `Online · ${transport}` }).waitFor({ state: "attached" });
  }

  /** texts returns what the messages say, in their order. */
  texts() { return this.page.locator(".message .text").allTextContents(); }

  /** tick waits until the message of that text has that mark. */
  async tick(text, state) {
    await this.page.locator(`.message[data-state="${state}"]`, { hasText: text }).waitFor();
  }

  async shot(name) {
    if (process.env.SHOTS) {
      await this.page.screenshot({ path: join(process.env.SHOTS, name + ".png") });
    }
  }

  async close() {
    await this.context.close();
    assert.deepEqual(this.errors, [], "errors on the page");
  }
}
