// The page on which users sign in. It sends nothing until a button is pressed: programs that open links spend none.

import { languageOf } from "./words.js";

const SESSION = "holdfast.session";
const CODE = /^#(hfc_[0-9a-f]{32}[\w-]{43})$/;
const INSIDE_THE_SITE = /^\/(?![/\\])/;

const root = document.documentElement.dataset.root;
const query = new URLSearchParams(location.search);
const { code: language, direction, words } = languageOf([query.get("lang") ?? "", ...navigator.languages]);
const element = (id) => document.getElementById(id);
let busy = false;

function say(id, text) {
  element(id).textContent = text;
}

function tell(text, wrong = false) {
  say("message", text);
  element("message").classList.toggle("wrong", wrong);
}

function show(shown) {
  for (const id of ["ask", "confirm", "inside"]) element(id).hidden = id !== shown;
}

function linkCode() {
  return CODE.exec(location.hash)?.[1];
}

function storedSession() {
  try {
    return JSON.parse(localStorage.getItem(SESSION));
  } catch {
    return null;
  }
}

async function send(method, path, body, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(`${root}${path}`, {
    method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store",
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
}

/** Let a press of a form's button do something, once at a time. */
function onSubmit(id, act) {
  element(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    const button = element(id).querySelector("button");
    button.setAttribute("aria-disabled", "true");
    tell("");
    try {
      await act();
    } catch {
      tell(words.failed, true);
    } finally {
      busy = false;
      button.removeAttribute("aria-disabled");
    }
  });
}

async function ask() {
  const { status } = await send("POST", "/v1/sign-in", { email: element("email").value.trim() });
  if (status === 202) return tell(words.sent);
  return tell({ 422: words.wrongAddress, 429: words.tooMany }[status] ?? words.failed, true);
}

async function enter() {
  const { status, body } = await send("POST", "/v1/sessions", { code: linkCode() });
  if (status === 401) {
    element("other-button").hidden = false;
    return tell(words.wrongLink, true);
  }
  if (status !== 201) return tell(words.failed, true);
  localStorage.setItem(SESSION, JSON.stringify(body));
  forgetLink();
  const next = query.get("next") ?? "";
  if (INSIDE_THE_SITE.test(next)) return location.replace(next);
  return showInside(body);
}

async function leave() {
  let session = storedSession();
  if (new Date(session.expires_at) <= new Date()) {
    const refreshed = await send("POST", "/v1/sessions/refresh", { refresh_token: session.refresh_token });
    session = refreshed.status === 200 ? refreshed.body : null;
  }
  if (session) {
    const { status } = await send("DELETE", "/v1/sessions/current", null, session.access_token);
    if (status >= 500) return tell(words.failed, true);
  }
  localStorage.removeItem(SESSION);
  show("ask");
  return tell(words.left);
}

function forgetLink() {
  history.replaceState(null, "", location.pathname + location.search);
}

function showInside(session) {
  say("inside-title", words.inside(session.business.name));
  say("inside-text", words.as(session.user.name, session.user.role));
  show("inside");
  element("inside-title").focus();
}

function askAnew() {
  forgetLink();
  tell("");
  show("ask");
  element("email").focus();
}

function start() {
  tell("");
  const session = storedSession();
  if (linkCode()) show("confirm");
  else if (session?.business) showInside(session);
  else show("ask");
}

document.documentElement.lang = language;
document.documentElement.dir = direction;
document.title = words.title;
for (const [id, text] of Object.entries({
  "ask-title": words.title, "ask-text": words.ask, "email-label": words.email, "ask-button": words.send,
  "confirm-title": words.title, "confirm-text": words.confirm, "confirm-button": words.enter,
  "other-button": words.again, "out-button": words.leave,
})) say(id, text);
onSubmit("ask", ask);
onSubmit("confirm", enter);
onSubmit("inside", leave);
element("other-button").addEventListener("click", askAnew);
window.addEventListener("hashchange", start);
start();
