// Small helpers for the document. Whatever users wrote goes in as text, never as HTML.

export const $ = (id) => document.getElementById(id);

/**
 * el makes an element. Properties are set on the element, "data" on its dataset and
 * "css" as custom properties; children that are strings become text.
 */
export function el(tag, { data, css, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(css ?? {})) {
    element.style.setProperty(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** icon shows a symbol of the page's sprite. What it means must be said beside it. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#i-" + name);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** avatar shows the initials of a name, in a colour that belongs to it. */
export function avatar(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word].at(0) ?? "").join("");
  let hash = 0;
  for (const c of name) {
    hash = (hash * 31 + c.codePointAt(0)) % 3600;
  }
  return el("span", { className: "avatar", ariaHidden: "true", css: { "--hue": hash / 10 } }, initials.toUpperCase());
}

/** linked returns nodes for a text, with its web addresses as links. */
export function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]'])/).map((part, i) =>
    i % 2 ? el("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part) : part);
}

/** toast shows words for a while. */
export function toast(words) {
  const element = el("p", {}, words);
  $("toasts").append(element);
  setTimeout(() => element.remove(), 6000);
}

/** names lists names as a sentence does. */
export function names(list, most = 3) {
  const shown = list.length > most ? [...list.slice(0, most - 1), `${list.length - most + 1} others`] : list;
  return shown.length < 2 ? shown.join("") : shown.slice(0, -1).join(", ") + " and " + shown.at(-1);
}
