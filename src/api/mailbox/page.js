// Asks for the messages while somebody looks, and shows them (view.js).

import { WrongKey, ask, forgetKey, keepKey, keptKey } from "../ops/client.js";
import * as view from "./view.js";

const EVERY_MS = 1500;

const at = (id) => document.getElementById(id);
let timer = null;
let round = 0;

function openDoor(fault = "") {
  clearTimeout(timer);
  round += 1;
  forgetKey();
  at("board").hidden = true;
  at("door").hidden = false;
  at("key-fault").textContent = fault;
  at("key").focus();
}

/** Ask once, and again after a while. */
async function refresh() {
  clearTimeout(timer);
  round += 1;
  const mine = round;
  try {
    const { data } = await ask("mail/messages", keptKey());
    if (mine !== round) return;
    at("door").hidden = true;
    at("board").hidden = false;
    view.show(data);
  } catch (error) {
    if (mine !== round) return;
    if (error instanceof WrongKey) {
      openDoor("That is not the operator key of this engine.");
      return;
    }
    view.unreachable();
  }
  if (document.visibilityState === "visible") timer = setTimeout(refresh, EVERY_MS);
}

/** The key may come behind the # of the address, which is sent to nobody. */
function takeKeyFromAddress() {
  if (location.hash.length < 2) return;
  keepKey(decodeURIComponent(location.hash.slice(1)));
  history.replaceState(null, "", location.pathname + location.search);
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = at("key").value.trim();
  if (!key) return;
  at("key").value = "";
  at("key-fault").textContent = "";
  keepKey(key);
  refresh();
});
document.addEventListener("visibilitychange", () => {
  if (keptKey() !== null && document.visibilityState === "visible") refresh();
  else clearTimeout(timer);
});

takeKeyFromAddress();
if (keptKey() === null) openDoor();
else refresh();
