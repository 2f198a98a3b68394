// The chat as people see it: headless Chromium, and the server as a process of its own.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, password, Person, Server } from "./harness.mjs";
import { sky } from "./sky.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** scene runs play with a fresh server, and ends everything that it began. */
async function scene(options, play) {
  const server = new Server();
  await server.start();
  const people = [];
  const enter = async (name, more) => {
    const person = await Person.open(browser, server.url, { ...options, ...more });
    people.push(person);
    if (name) {
      await person.login(name, name === "admin" ? password : undefined);
      await person.online(options.polling ? "polling" : "websocket");
    }
    return person;
  };
  try {
    await play({ server, enter });
    for (const person of people.splice(0)) {
      await person.close();
    }
  } finally {
    for (const [i, person] of people.entries()) { // if it has failed
      await person.shot(`failed-${i + 1}`).catch(() => {});
      await person.context.close().catch(() => {});
      console.error(person.errors.join("\n"));
    }
    await server.close();
  }
}

const refused = /the server responded with a status of (400|401) /; // what a browser logs then

describe("the chat", { concurrency: 3 }, () => { // they wait most of the time
  for (const [name, options] of Object.entries({
    "our client": {},
    "our client, websockets blocked": { polling: true },
    "the official client": { official: true },
  })) {
    describe(name, { concurrency: 1 }, () => {
      test("two people talk", () => scene(options, talk));
      test("the server is killed and comes back", () => scene(options, outage));
      test("somebody is offline for a while", () => scene(options, tunnel));
    });
  }
  test("what is wrong is said in words", () => scene({ allow: refused }, mistakes));
  test("somebody is removed, and comes back", () => scene({}, removal));
  test("one browser, two names", () => scene({}, twoNames));
  test("screenshots", { skip: !process.env.SHOTS }, () => scene({ allow: refused }, screenshots));
});

async function talk({ enter }) {
  const ada = await enter("ada");
  const bob = await enter("bob");
  await ada.page.getByRole("button", { name: "2 people in this room" }).click();
  await ada.sees("bob", "#present");

  await ada.page.getByLabel("Message", { exact: true }).pressSequentially("hi");
  await bob.sees("ada is typing", "#typing");
  await ada.page.getByLabel("Message", { exact: true }).fill("");
  await bob.misses("is typing", "#typing");

  await ada.write("Good morning, Bob!");
  await bob.sees("Good morning, Bob!", "#messages");
  await ada.tick("Good morning", "read");
  await bob.write("<img src=x onerror=alert(1)> https://go.dev.");
  await ada.sees("<img src=x onerror=alert(1)>", "#messages");
  assert.equal(await ada.page.locator("#messages .text img").count(), 0);
  assert.equal(await ada.page.locator("#messages a").getAttribute("href"), "https://go.dev");

  await sendPicture(ada);
  await bob.page.waitForFunction(() => document.querySelector("#messages img")?.naturalWidth > 0);
  assert.match(await bob.page.locator("#messages img").getAttribute("src"), /^blob:/);
  await bob.page.getByRole("button", { name: "Enlarge the picture" }).click();
  assert.ok(await bob.page.locator("#lightbox img").isVisible());
  await bob.page.keyboard.press("Escape");

  await secondWindow(ada, bob);
  await bob.page.getByRole("button", { name: "Log out" }).click();
  await bob.page.getByRole("heading", { name: "Welcome" }).waitFor();
  await ada.misses("bob", "#present");
}

async function sendPicture(person) {
  await person.page.locator("#file").setInputFiles({ name: "sky.png", mimeType: "image/png", buffer: sky(2400, 1500) });
  await person.page.locator("#preview img").waitFor();
  await person.page.getByRole("button", { name: "Send" }).click();
  await person.page.locator('.message[data-state="read"]:has(.picture)').waitFor();
}

// A second window of the same user: one person more in no list, and elsewhere unread counters.
async function secondWindow(ada, bob) {
  const second = await bob.openPage(bob.page.url());
  await second.locator("#count", { hasText: "2" }).waitFor();
  await second.getByLabel("Name of a new room").fill("Tea Time");
  await second.keyboard.press("Enter");
  await second.getByRole("heading", { name: "#tea-time" }).waitFor();
  await ada.sees("tea-time", "#rooms");
  const answer = await ada.context.request.post(new URL("/api/rooms/general/messages", ada.page.url()).href, { data: { text: "by REST" } });
  assert.equal(answer.status(), 201);
  await ada.sees("by REST", "#messages");
  await second.getByLabel("Message", { exact: true }).fill("begun");
  await second.getByRole("link", { name: /general/ }).click();
  assert.equal(await second.getByLabel("Message", { exact: true }).inputValue(), ""); // it stays with its room
  await second.locator("#messages", { hasText: "by REST" }).waitFor();
  await second.close();
}

async function outage({ server, enter }) {
  const ada = await enter("ada");
  const bob = await enter("bob");
  await ada.write("before");
  await bob.sees("before", "#messages");

  await server.end("SIGKILL");
  for (const person of [ada, bob]) {
    await person.sees("The connection is lost", "#banner");
  }
  for (const text of ["ada, first", "ada, second", "ada, third"]) {
    await ada.write(text);
    await ada.tick(text, "sending");
  }
  await bob.write("bob, first");
  await sendOffline(bob);
  await ada.shot("outage");

  await server.start();
  for (const person of [ada, bob]) {
    await person.page.locator("#banner .back").waitFor({ state: "attached" }); // it is soon hidden
    await person.page.locator(".message").nth(5).waitFor();
  }
  await ada.tick("ada, third", "read");
  await bob.tick("bob, first", "read");
  await bob.page.locator('.message[data-state="read"]:has(.picture)').waitFor();
  for (const person of [ada, bob]) {
    const texts = await person.texts();
    assert.deepEqual(texts.filter((text) => text.startsWith("ada")), ["ada, first", "ada, second", "ada, third"]);
    assert.deepEqual(texts.sort(), ["ada, first", "ada, second", "ada, third", "before", "bob, first"]);
    assert.equal(await person.page.locator(".message .picture").count(), 1);
  }
  await interrupt(server, ada, bob);
}

async function sendOffline(person) {
  await person.page.locator("#file").setInputFiles({ name: "sky.png", mimeType: "image/png", buffer: sky(64, 40) });
  await person.page.locator("#preview img").waitFor();
  await person.page.getByRole("button", { name: "Send" }).click();
  await person.page.locator('.message[data-state="sending"]:has(.picture)').waitFor();
}

// A restart as it is meant to be; and somebody who closes the page before it is over.
async function interrupt(server, ada, bob) {
  await server.end("SIGTERM");
  for (const person of [ada, bob]) {
    await person.sees("What you write is kept", "#banner");
  }
  await ada.write("written, then closed");
  await ada.tick("written, then closed", "sending");
  await ada.page.close();
  await server.start();
  ada.page = await ada.openPage(server.url);
  await bob.sees("written, then closed", "#messages");
  await ada.tick("written, then closed", "read");
}

// The server stays, so the events that bob misses are recovered.
async function tunnel({ enter }) {
  const ada = await enter("ada");
  const bob = await enter("bob");
  await ada.write("before");
  await bob.sees("before", "#messages");

  await bob.context.setOffline(true);
  await bob.sees("You are offline.", "#banner");
  await bob.write("bob, offline");
  await ada.write("ada, meanwhile");
  await ada.tick("ada, meanwhile", "stored");
  await bob.context.setOffline(false);

  await bob.tick("bob, offline", "read");
  await ada.tick("ada, meanwhile", "read");
  for (const person of [ada, bob]) {
    assert.deepEqual((await person.texts()).sort(), ["ada, meanwhile", "before", "bob, offline"]);
  }
}

async function mistakes({ server, enter }) {
  const eve = await enter();
  await eve.login("<eve>");
  await eve.sees("A name has up to 24 letters", "#login-error");
  await eve.login("Admin", "guess");
  await eve.sees("That is not the password of admin", "#login-error");
  await server.end("SIGKILL");
  await eve.login("eve");
  await eve.sees("The server cannot be reached.", "#login-error");
  await server.start();
  await eve.login("eve");
  await eve.online();

  await eve.page.getByRole("button", { name: "1 person in this room" }).click();
  await eve.page.getByRole("button", { name: "Moderate" }).click();
  await eve.sees("Only admin may remove people.", "#toasts");
  await eve.page.evaluate(() => { location.hash = "#nowhere"; });
  await eve.sees("There is no room #nowhere.", "#toasts");
  await eve.page.getByLabel("Name of a new room").fill("general");
  await eve.page.keyboard.press("Enter");
  await eve.sees("There is a room of that name already.", "#toasts");
  const missing = await eve.context.request.get(server.url + "/nothing");
  assert.equal(missing.status(), 404);
  assert.match(await missing.text(), /The chat is at \//);
}

async function removal({ enter }) {
  const bob = await enter("bob");
  const admin = await enter("admin");
  await admin.page.getByRole("button", { name: "2 people in this room" }).click();
  await admin.page.getByRole("button", { name: "Moderate" }).click();
  await admin.page.getByRole("button", { name: "Remove" }).click();
  await admin.page.getByLabel("Reason, which they see").fill("too loud");
  await admin.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await admin.sees("bob was removed.", "#toasts");
  await bob.sees("admin has removed you: too loud", "#banner");
  await admin.misses("bob", "#present");
  await bob.write("I will be quiet");
  await bob.page.getByRole("button", { name: "Come back" }).click();
  await admin.sees("I will be quiet", "#messages");
}

async function twoNames({ server, enter }) {
  const ada = await enter("ada");
  await ada.write("mine");
  await ada.tick("mine", "stored");
  const [second, third] = [await ada.openPage(server.url), await ada.openPage(server.url)];
  await third.locator("#status", { hasText: "Online" }).waitFor();
  await second.getByRole("button", { name: "Log out" }).click();
  await ada.sees("The server has ended the connection", "#banner"); // all windows are logged out
  await ada.write("not bob's");

  await third.getByRole("button", { name: "Come back" }).click();
  await third.locator("#banner", { hasText: "You are not logged in." }).waitFor();
  await second.getByLabel("Your name").fill("bob");
  await second.keyboard.press("Enter");
  await second.locator("#status", { hasText: "Online" }).waitFor();
  await ada.page.getByRole("button", { name: "Come back" }).click();
  await ada.sees("You are logged in as bob now.", "#banner");
  await third.getByRole("button", { name: "Log in" }).click();
  for (const page of [second, third]) {
    await page.locator(".message .text").first().waitFor();
    assert.deepEqual(await page.locator(".message .text").allTextContents(), ["mine"]);
  }
}

// For people to look at.
async function screenshots({ enter }) {
  const desktop = { viewport: { width: 1280, height: 800 } };
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
  const nobody = await enter(undefined, phone);
  await nobody.shot("login-phone");
  await nobody.login("admin", "guess");
  await nobody.sees("That is not the password", "#login-error");
  await nobody.shot("login-refused");
  const ada = await enter("Ada Lovelace", desktop);
  await ada.shot("empty-desktop");
  const grace = await enter("grace", { ...phone, colorScheme: "dark" });
  const bob = await enter("Bob", { ...desktop, colorScheme: "dark" });
  await bob.shot("empty-dark");
  await converse(ada, bob, grace);
  await ada.page.getByRole("button", { name: "3 people in this room" }).click();
  await bob.page.getByLabel("Message", { exact: true }).pressSequentially("I think");
  await ada.sees("Bob is typing", "#typing");
  await ada.shot("desktop");
  await bob.shot("desktop-dark");
  await grace.shot("phone-dark");
  await grace.page.getByRole("button", { name: "Show the list of rooms" }).click();
  await grace.page.waitForTimeout(400);
  await grace.shot("phone-dark-rooms");
  await grace.page.getByRole("button", { name: "Close the list of rooms" }).click();
  await grace.page.locator("#scroll").evaluate((e) => { e.scrollTop = 0; });
  await ada.write("One more, for those who have scrolled up.");
  await grace.sees("1 new", ".latest");
  await grace.shot("phone-dark-latest");
  await ada.page.getByRole("button", { name: "Enlarge the picture" }).click();
  await ada.shot("lightbox");
  await ada.page.keyboard.press("Escape");
  await grace.page.locator("#latest").click();
  await grace.context.setOffline(true);
  await grace.sees("You are offline.", "#banner");
  await grace.write("In a tunnel now.");
  await grace.page.locator("#file").setInputFiles({ name: "notes.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await grace.sees("no picture that can be shown", "#toasts");
  await grace.shot("phone-dark-offline");
  await bob.page.getByRole("link", { name: "random" }).click();
  await ada.write("For those who are elsewhere.");
  await bob.sees("1", ".badge");
  await bob.shot("unread-dark");
}

async function converse(ada, bob, grace) {
  await ada.write("Good morning! The new build is on the test server.");
  await ada.write("It has the picture upload, and the list of who is in a room.");
  await bob.sees("It has the picture", "#messages");
  await bob.write("Nice. How large may a picture be?");
  await grace.sees("How large", "#messages");
  await grace.write("The page makes it smaller before it goes out. Details are at https://github.com/gosocketio/sio, in examples/gin.\n\nThe server looks at the bytes, whatever the file is called.");
  await ada.sees("whatever the file", "#messages");
  await sendPicture(ada);
  await ada.write("From the office roof.");
  await bob.sees("office roof", "#messages");
  await bob.write("👍");
  await ada.sees("👍", "#messages");
  await ada.write("I have pulled the plug of the router in between, and everything I wrote meanwhile came through, once, and in order.");
  await bob.sees("in between", "#messages");
}
