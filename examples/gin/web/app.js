// The page: the login, and around the list of messages everything else.

import { Chat } from "./chat.js";
import { $, avatar, el, names, toast } from "./dom.js";
import { Messages } from "./messages.js";
import { shrink } from "./picture.js";

start();

async function start() {
  const { user } = await fetch("/api/me").then((response) => response.json(), () => ({})); // without an answer, the login will say so
  if (user) {
    enter(user);
  } else {
    showLogin();
  }
}

// The login.

function showLogin() {
  $("login").hidden = false;
  $("name").value = localStorage.getItem("name") ?? "";
  askPassword();
  $("name").addEventListener("input", askPassword);
  $("login-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const words = await login($("name").value, $("password").value);
    $("login-error").textContent = words;
    $("name").setAttribute("aria-invalid", String(words !== ""));
  });
  $("name").focus();
}

function askPassword() {
  $("password-field").hidden = $("name").value.trim().toLowerCase() !== "admin";
}

/** login enters the chat, or returns words that say why not. */
async function login(name, password) {
  try {
    const answer = await request("/api/login", { name, password });
    localStorage.setItem("name", answer.user);
    $("login").hidden = true;
    enter(answer.user);
    return "";
  } catch (error) {
    return error instanceof TypeError ? "The server cannot be reached." : error.message;
  }
}

async function request(path, body) {
  const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) {
    throw new Error(answer.error);
  }
  return answer;
}

// The chat.

function enter(user) {
  const chat = new Chat(user);
  $("me").textContent = user;
  $("me-avatar").replaceChildren(avatar(user));
  $("chat").hidden = false;
  new Messages(chat);
  followStatus(chat);
  followRooms(chat);
  followPeople(chat);
  compose(chat);
  chat.addEventListener("trouble", (e) => toast(e.detail));
  $("logout").addEventListener("click", async () => {
    await request("/api/logout", {}).then(() => location.reload(), () => toast("Logging out needs a connection to the server."));
  });
  $("lightbox").addEventListener("click", () => $("lightbox").close());
}

// The connection, in words.

function followStatus(chat) {
  let wasAway = false;
  let shown = "";
  const update = () => {
    const { kind, transport } = chat.status;
    document.body.dataset.status = kind;
    $("status").textContent = { online: `Online · ${transport}`, connecting: "Connecting…" }[kind] ?? "Not connected";
    wasAway ||= kind !== "online" && kind !== "connecting";
    const words = kind !== "online" ? statusWords(chat) : wasAway ? "The connection is back." : "";
    if (words !== shown) { // or it would be read aloud again
      shown = words;
      $("banner").replaceChildren(...(words ? [el("p", { className: kind === "online" ? "back" : "" }, words, button(chat))] : []));
    }
  };
  chat.addEventListener("status", update);
  addEventListener("online", update);
  addEventListener("offline", update);
  update();
}

function statusWords({ status: { kind, attempt, words } }) {
  const kept = "What you write is kept and sent when the connection is back.";
  switch (kind) {
    case "connecting": return "Connecting…";
    case "unreachable": return "The server cannot be reached. Trying again…";
    case "away":
      if (!navigator.onLine) {
        return `You are offline. ${kept}`;
      }
      return attempt < 3 ? `The connection is lost. Trying again… ${kept}` : `The server does not answer. Still trying… ${kept}`;
    default: return words + " ";
  }
}

function button(chat) {
  switch (chat.status.kind) {
    case "login": return el("button", { type: "button", onclick: () => location.reload() }, "Log in");
    case "kicked":
    case "ended": return el("button", { type: "button", onclick: () => chat.comeBack() }, "Come back");
    default: return null;
  }
}

// The rooms. The one in the address is open: links, bookmarks and the back button work.

function followRooms(chat) {
  const wanted = () => decodeURIComponent(location.hash.slice(1));
  const open = () => {
    const name = wanted() || "general";
    if (!chat.rooms.has(name)) {
      toast(`There is no room #${name}.`);
      location.replace("#" + (chat.current?.name ?? "general"));
      return;
    }
    document.body.classList.remove("side-open");
    chat.open(name);
    $("room").textContent = "#" + name;
    $("text").placeholder = `Message #${name}`;
    renderRooms(chat);
  };
  addEventListener("hashchange", () => chat.rooms.size && wanted() !== chat.current?.name && open());
  chat.addEventListener("welcome", () => chat.current || open());
  chat.addEventListener("rooms", () => renderRooms(chat));
  $("create").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = $("create-name").value.trim().toLowerCase().replace(/^#/, "").replace(/\s+/g, "-");
    try {
      await chat.create(name);
      $("create-name").value = "";
      location.hash = "#" + name;
    } catch (error) {
      toast(error.message);
    }
  });
  $("side-open").addEventListener("click", () => {
    document.body.classList.add("side-open");
    $("rooms").querySelector("a")?.focus();
  });
  $("side-close").addEventListener("click", () => document.body.classList.remove("side-open"));
  document.querySelector(".talk").addEventListener("click", (event) => { // what a phone still shows of it
    if (document.body.classList.contains("side-open")) {
      document.body.classList.remove("side-open");
      event.preventDefault();
    }
  }, true);
  addEventListener("keydown", (e) => e.key === "Escape" && document.body.classList.remove("side-open", "people-open"));
}

function renderRooms(chat) {
  let elsewhere = 0;
  const focused = document.activeElement?.closest?.("#rooms a")?.hash;
  $("rooms").replaceChildren(...Array.from(chat.rooms.values(), (room) => {
    const unread = room === chat.current ? 0 : room.last - room.read;
    elsewhere += unread;
    return el("li", {}, el("a", { href: "#" + room.name, ariaCurrent: room === chat.current ? "page" : null, className: unread ? "unread" : "" },
      el("span", {}, room.name),
      unread ? el("span", { className: "badge", ariaLabel: `${unread} unread` }, unread > 99 ? "99+" : String(unread)) : null));
  }));
  Array.from($("rooms").querySelectorAll("a")).find((a) => a.hash === focused)?.focus();
  $("unread-elsewhere").hidden = elsewhere === 0;
  document.title = (elsewhere ? `(${elsewhere}) ` : "") + (chat.current ? `#${chat.current.name} · ` : "") + "sio chat";
}

// Who is there, who is typing, and who has to go.

function followPeople(chat) {
  let admin = null; // the socket in the namespace /admin, once it has let us in
  const render = () => {
    const people = chat.current?.people ?? [];
    $("stack").replaceChildren(...people.slice(0, 3).map(avatar));
    $("count").textContent = people.length;
    $("people-toggle").setAttribute("aria-label", `${people.length} ${people.length === 1 ? "person" : "people"} in this room`);
    $("present").replaceChildren(...people.map((name) => el("li", {}, avatar(name),
      el("span", {}, name, name === chat.user ? el("small", {}, " you") : null),
      admin && name !== chat.user ? el("button", { type: "button", className: "quiet", onclick: () => askKick(admin, name) }, "Remove") : null)));
  };
  chat.addEventListener("people", render);
  chat.addEventListener("opened", () => { render(); renderTyping(chat); });
  chat.addEventListener("typing", () => renderTyping(chat));
  const show = (open) => {
    document.body.classList.toggle("people-open", open);
    $("people-toggle").setAttribute("aria-expanded", String(open));
  };
  $("people-toggle").addEventListener("click", () => show(!document.body.classList.contains("people-open")));
  $("people-close").addEventListener("click", () => show(false));
  $("moderate").addEventListener("click", () => {
    if (admin) {
      return;
    }
    const socket = chat.socket.io.socket("/admin"); // connects, over the same connection
    socket.off(); // what an earlier try has left
    socket.once("connect", () => {
      admin = socket;
      $("moderate").hidden = true;
      render();
    });
    socket.once("connect_error", (error) => toast(error.message)); // the namespace has refused us
  });
}

function renderTyping(chat) {
  const people = [...chat.typists.keys()];
  $("typing").replaceChildren(...(people.length === 0 ? [] : [
    el("span", { className: "dots", ariaHidden: "true" }, el("i"), el("i"), el("i")),
    `${names(people)} ${people.length === 1 ? "is" : "are"} typing`]));
}

function askKick(admin, user) {
  const dialog = $("kick");
  $("kick-title").textContent = `Remove ${user}?`;
  $("kick-reason").value = "";
  dialog.onclose = async () => {
    if (dialog.returnValue !== "kick") {
      return;
    }
    const answer = await admin.timeout(5000).emitWithAck("kick", { user, reason: $("kick-reason").value }).catch((error) => ({ error: error.message }));
    toast(answer?.error ?? `${user} was removed.`);
  };
  dialog.returnValue = "";
  dialog.showModal();
}

// Writing.

function compose(chat) {
  const text = $("text");
  const unfinished = new Map(); // by room: what was begun and not sent
  let room = null;
  let picture = null;
  const update = () => {
    text.style.setProperty("height", "auto");
    text.style.setProperty("height", `${text.scrollHeight}px`);
    $("send").disabled = !text.value.trim() && !picture;
  };
  const choose = async (file) => {
    try {
      attach(await shrink(file));
      text.focus();
    } catch (error) {
      toast(error.message);
    }
  };
  const attach = (chosen) => {
    const img = $("preview").querySelector("img");
    URL.revokeObjectURL(img.src);
    picture = chosen;
    $("preview").hidden = !picture;
    if (picture) {
      img.src = URL.createObjectURL(new Blob([picture.data], { type: picture.picture.type }));
    }
    update();
  };
  chat.addEventListener("opened", () => {
    if (room !== chat.current.name) {
      unfinished.set(room, { words: text.value, chosen: picture });
      room = chat.current.name;
      const { words = "", chosen = null } = unfinished.get(room) ?? {};
      text.value = words;
      attach(chosen);
    }
  });
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if ((text.value.trim() || picture) && chat.current) {
      chat.post(text.value.trim(), picture);
      text.value = "";
      attach(null);
      text.focus();
    }
  });
  text.addEventListener("keydown", (event) => {
    const phone = matchMedia("(pointer: coarse)").matches; // where Enter begins a new line
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !phone) {
      event.preventDefault();
      $("composer").requestSubmit();
    }
  });
  text.addEventListener("input", () => {
    update();
    if (text.value.trim()) {
      chat.typing();
    }
  });
  $("file").addEventListener("change", () => {
    choose($("file").files[0]);
    $("file").value = "";
  });
  $("preview").querySelector("button").addEventListener("click", () => {
    attach(null);
    text.focus();
  });
  const pictureIn = (transfer) => [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
  text.addEventListener("paste", (event) => pictureIn(event.clipboardData) && choose(pictureIn(event.clipboardData)));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (pictureIn(event.dataTransfer)) {
      choose(pictureIn(event.dataTransfer));
    }
  });
  update();
}
