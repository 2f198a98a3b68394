// The list of messages. It is brought up to date element by element, so that pictures
// do not flicker and screen readers announce only what is new.

import { keyOf } from "./chat.js";
import { $, avatar, el, icon, linked, names } from "./dom.js";
import { knownURL, urlFor } from "./picture.js";

const together = 5 * 60_000; // ms between messages of one author that stand together
const nearEnd = 80; // pixels from the end that count as being there
const mostSide = 320; // pixels of a picture in the list
const leastWidth = 96; // has room for the time on it

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export class Messages {
  #chat;
  #elements = new Map(); // by key, those in the list
  #room = null;
  #missed = 0;
  #pictures; // loads those that come into sight

  constructor(chat) {
    this.#chat = chat;
    this.#pictures = new IntersectionObserver((entries) => entries.filter((e) => e.isIntersecting).forEach((e) => this.#loadPicture(e.target)),
      { root: $("scroll"), rootMargin: "400px" });
    chat.addEventListener("messages", (e) => e.detail === chat.current?.name && this.render());
    chat.addEventListener("opened", () => this.render());
    $("scroll").addEventListener("scroll", () => this.#seen(), { passive: true });
    $("latest").addEventListener("click", () => this.toEnd("smooth"));
    document.addEventListener("visibilitychange", () => this.#seen());
    new ResizeObserver(() => this.#stay && this.toEnd()).observe($("scroll"));
  }

  #stay = true; // at the end of the list, whatever is added

  get #atEnd() {
    const { scrollTop, scrollHeight, clientHeight } = $("scroll");
    return scrollHeight - scrollTop - clientHeight < nearEnd;
  }

  toEnd(behavior = "auto") {
    const smooth = behavior === "smooth" && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    $("scroll").scrollTo({ top: $("scroll").scrollHeight, behavior: smooth ? "smooth" : "auto" });
  }

  // What is at the end of the list, on a page that is looked at, has been read.
  #seen() {
    this.#stay = this.#atEnd;
    if (this.#stay) {
      this.#missed = 0;
      if (document.visibilityState === "visible") {
        this.#chat.read();
      }
    }
    $("latest").hidden = this.#stay;
    $("latest").querySelector("span").textContent = this.#missed ? `${this.#missed} new` : "Latest";
  }

  render() {
    const room = this.#chat.current;
    const list = $("messages");
    const changedRoom = this.#room !== room.name;
    if (changedRoom) {
      list.replaceChildren();
      this.#elements.clear();
      this.#room = room.name;
      this.#missed = 0;
    }
    const fresh = this.#update(list, room);
    const own = fresh.some((m) => m.pending);
    if (changedRoom || own || this.#stay) {
      this.toEnd();
    } else {
      this.#missed += fresh.filter((m) => m.from !== this.#chat.user).length;
    }
    this.#seen();
    $("empty").hidden = list.childElementCount > 0;
    $("empty").textContent = room.loaded ? `Nothing has been said in #${room.name}. Begin!` : "";
  }

  // update makes the list show what is visible, and returns the messages that are new in it.
  #update(list, room) {
    const fresh = [];
    const wanted = new Set();
    let at = list.firstChild;
    const place = (key, make) => {
      wanted.add(key);
      let element = this.#elements.get(key);
      if (!element) {
        element = make();
        this.#elements.set(key, element);
      }
      if (element === at) {
        at = at.nextSibling;
      } else {
        list.insertBefore(element, at);
      }
      return element;
    };
    let before = null;
    for (const message of this.#chat.visible()) {
      const day = calendar.format(message.at);
      if (!before || calendar.format(before.at) !== day) {
        place("day " + day, () => el("li", { className: "divider" }, el("span", {}, dayName(message.at))));
        before = null;
      }
      if (room.newFrom && message.seq > room.newFrom && !wanted.has("new")) {
        place("new", () => el("li", { className: "divider new" }, el("span", {}, "New messages")));
        before = null;
      }
      const element = place(keyOf(message), () => {
        fresh.push(message);
        return this.#make(message);
      });
      const continued = before?.from === message.from && message.at - before.at < together;
      element.classList.toggle("continued", continued);
      this.#mark(element, message);
      before = message;
    }
    for (const [key, element] of this.#elements) {
      if (!wanted.has(key)) {
        element.remove();
        this.#elements.delete(key);
      }
    }
    return fresh;
  }

  #make(message) {
    const own = message.from === this.#chat.user;
    return el("li", { className: own ? "message own" : "message", data: { key: keyOf(message) } },
      own ? null : avatar(message.from),
      el("div", { className: "column" },
        el("p", { className: own ? "author hidden" : "author" }, message.from),
        el("div", { className: message.text ? "bubble" : "bubble bare" },
          message.picture ? this.#makePicture(message) : null,
          message.text ? el("p", { className: "text" }, ...linked(message.text)) : null,
          el("p", { className: "meta" },
            el("time", { dateTime: new Date(message.at).toISOString() }, clock.format(message.at)),
            own ? el("span", { className: "tick" }) : null)),
        el("p", { className: "trouble", hidden: true })));
  }

  // mark shows what has become of our own message.
  #mark(element, message) {
    const tick = element.querySelector(".tick");
    if (!tick) {
      return;
    }
    const readers = message.pending ? [] : this.#chat.readersOf(message);
    const state = message.error ? "failed" : message.pending ? "sending" : readers.length ? "read" : "stored";
    const title = { failed: message.error, sending: "On its way", stored: "Stored on the server", read: "Read by " + names(readers) }[state];
    if (element.dataset.state !== state) {
      element.dataset.state = state;
      tick.replaceChildren(icon(state), el("span", { className: "hidden" }));
    }
    if (tick.title !== title) {
      tick.title = tick.lastChild.textContent = title;
    }
    this.#explain(element.querySelector(".trouble"), message);
  }

  #explain(trouble, { item, error }) {
    if (trouble.hidden !== !error) {
      trouble.hidden = !error;
      trouble.replaceChildren(...(error ? [error + " ",
        el("button", { type: "button", onclick: () => this.#chat.outbox.retry(item) }, "Try again"), " ",
        el("button", { type: "button", onclick: () => this.#chat.outbox.discard(item) }, "Discard")] : []));
    }
  }

  #makePicture(message) {
    const { width, height } = message.picture;
    const scale = Math.min(1, mostSide / width, mostSide / height);
    const button = el("button", {
      type: "button", className: "picture", onclick: () => enlarge(button), ariaLabel: "Enlarge the picture",
      css: { "--width": `${Math.max(leastWidth, Math.round(width * scale))}px`, "--ratio": `${width} / ${height}` },
    }, el("img", { alt: `Picture from ${message.from}`, hidden: true }));
    button.message = message;
    const url = message.data ? urlFor(keyOf(message), message.data, message.picture.type) : knownURL(keyOf(message));
    if (url) {
      show(button, url);
    } else {
      this.#pictures.observe(button);
    }
    return button;
  }

  async #loadPicture(button) {
    this.#pictures.unobserve(button);
    const { message } = button;
    try {
      show(button, urlFor(keyOf(message), await this.#chat.picture(message), message.picture.type));
    } catch (error) {
      button.replaceChildren(el("span", { className: "gone" }, this.#chat.socket.connected ? error.message : "Not loaded yet."));
      this.#chat.addEventListener("welcome", () => this.#pictures.observe(button), { once: true });
    }
  }
}

function show(button, url) {
  const img = button.querySelector("img") ?? el("img", { alt: `Picture from ${button.message.from}` });
  img.src = url;
  img.hidden = false;
  button.replaceChildren(img);
}

function enlarge(button) {
  const img = button.querySelector("img");
  if (img?.src) {
    Object.assign($("lightbox").querySelector("img"), { src: img.src, alt: img.alt });
    $("lightbox").showModal();
  }
}

function dayName(at) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
  return ["Today", "Yesterday"][days] ?? calendar.format(at);
}
