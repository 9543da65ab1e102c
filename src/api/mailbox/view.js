// How messages look: a list, and the one that was chosen.

import { h } from "../ops/element.js";

const CHANNELS = { email: "Mail", sms: "Text message", push: "Push message" };
const NARROW = window.matchMedia("(width <= 760px)");

const at = (id) => document.getElementById(id);
const known = new Map();
let chosen = null;
let form = "html";

/** The messages, the newest first. */
export function show(messages) {
  at("state").hidden = false;
  at("state").dataset.tone = "good";
  at("state").textContent = messages.length === 1 ? "1 message" : `${messages.length} messages`;
  at("none").hidden = messages.length > 0;
  const ids = messages.map((message) => message.id).join();
  if (at("list").dataset.ids === ids) return;
  at("list").dataset.ids = ids;
  known.clear();
  for (const message of messages) known.set(message.id, message);
  at("list").replaceChildren(...messages.map(entry));
  if (chosen === null && messages.length > 0 && !NARROW.matches) choose(messages[0].id);
}

/** Nobody answers. */
export function unreachable() {
  at("state").hidden = false;
  at("state").dataset.tone = "bad";
  at("state").textContent = "No answer";
}

function entry(message) {
  const button = h(
    "button",
    { type: "button", "data-id": message.id, "aria-current": message.id === chosen ? "true" : null },
    h("span", { class: "channel" }, CHANNELS[message.channel]),
    h("time", { datetime: message.sent_at }, time(message.sent_at)),
    h("b", { dir: "auto" }, message.subject),
    h("span", { class: "to", dir: "ltr" }, message.to),
  );
  button.addEventListener("click", () => {
    choose(message.id);
    at("message").focus();
  });
  return h("li", null, button);
}

function choose(id) {
  chosen = id;
  for (const button of at("list").querySelectorAll("button")) {
    if (button.dataset.id === id) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  showMessage(known.get(id));
}

function showMessage(message) {
  const article = at("message");
  article.hidden = false;
  document.body.classList.add("reading");
  article.replaceChildren(
    ...[
      back(),
      h("h2", { dir: "auto" }, message.channel === "sms" ? CHANNELS.sms : message.subject),
      facts(message),
      message.html === null ? null : tabs(message),
      message.html === null || form === "text" ? h("pre", { dir: "auto" }, message.text) : frame(message),
    ].filter((child) => child !== null),
  );
}

function back() {
  const button = h("button", { type: "button", class: "back" }, "All messages");
  button.addEventListener("click", () => {
    document.body.classList.remove("reading");
    at("message").hidden = true;
    at("list").querySelector("[aria-current]")?.focus();
  });
  return button;
}

function facts(message) {
  const rows = [
    ["From", message.sender],
    ["To", message.to],
    ["Sent", new Date(message.sent_at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" })],
    ["Attached", message.attachments.join(", ")],
  ].filter(([, value]) => value);
  return h("dl", null, rows.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", { dir: "ltr" }, value))));
}

function tabs(message) {
  const button = (name, label) => {
    const made = h("button", { type: "button", "aria-pressed": String(form === name) }, label);
    made.addEventListener("click", () => {
      form = name;
      showMessage(message);
    });
    return made;
  };
  return h("div", { class: "tabs", role: "group", "aria-label": "Part" }, button("html", "HTML"), button("text", "Text"));
}

/** A mail as a mail program shows it: no script of it runs, and its links open in another tab. */
function frame(message) {
  const made = h("iframe", { title: message.subject, sandbox: "allow-popups allow-popups-to-escape-sandbox" });
  made.srcdoc = message.html.replace(/<head[^>]*>/i, (head) => `${head}<base target="_blank">`);
  return made;
}

function time(instant) {
  return new Date(instant).toLocaleTimeString("en-GB");
}
