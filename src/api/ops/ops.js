// Asks every two seconds while somebody looks, and shows what it was told (view.js).

import { WrongKey, ask, forgetKey, keepKey, keptKey } from "./client.js";
import * as view from "./view.js";

const EVERY_MS = 2000;
const OLD_MS = 7000;
const NAMES_EVERY_MS = 60_000;

const at = (id) => document.getElementById(id);
const seen = { at: null, redis: true, names: -NAMES_EVERY_MS };
let timer = null;
let round = 0;

function openBoard() {
  at("door").hidden = true;
  for (const id of ["board", "state", "lock"]) at(id).hidden = false;
}

function openDoor(fault = "") {
  clearTimeout(timer);
  round += 1;
  forgetKey();
  for (const id of ["board", "state", "lock"]) at(id).hidden = true;
  at("door").hidden = false;
  at("key-fault").textContent = fault;
  at("key").focus();
}

/** Ask for everything once, and again after a while; whatever a later round has overtaken is dropped. */
async function refresh() {
  clearTimeout(timer);
  round += 1;
  const mine = round;
  const began = performance.now();
  try {
    await refreshOnce(mine);
  } catch (error) {
    if (mine !== round) return;
    if (error instanceof WrongKey) {
      openDoor("That is not the operator key of this engine.");
      return;
    }
    view.unreachable(seen.at);
  }
  if (mine === round && document.visibilityState === "visible") {
    timer = setTimeout(refresh, Math.max(EVERY_MS - (performance.now() - began), 250));
  }
}

async function refreshOnce(mine) {
  const key = keptKey();
  if (key === null) {
    openDoor();
    return;
  }
  const figures = await ask("ops/data", key);
  if (mine !== round) return;
  openBoard();
  seen.redis = figures.counts !== null;
  if (seen.redis) seen.at = Date.now();
  view.show(figures, seen.at);
  if (performance.now() - seen.names >= NAMES_EVERY_MS) await refreshNames(key);
  const business = at("business").value;
  if (business && seen.redis) {
    const use = await ask(`ops/data/occupancy?business=${encodeURIComponent(business)}`, key).catch(rethrowWrongKey);
    if (mine === round) view.showUse(use);
  } else if (!business) {
    view.showUse(null);
  }
}

async function refreshNames(key) {
  const names = await ask("ops/data/businesses", key).catch(rethrowWrongKey);
  if (names === null) return;
  seen.names = performance.now();
  view.showNames(names.data);
}

// What needs Postgres may be missing; the rest is shown all the same.
function rethrowWrongKey(error) {
  if (error instanceof WrongKey) throw error;
  return null;
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = at("key").value.trim();
  if (!key) return;
  at("key").value = "";
  at("key-fault").textContent = "";
  keepKey(key);
  seen.names = -NAMES_EVERY_MS;
  refresh();
});
at("lock").addEventListener("click", () => openDoor());
at("business").addEventListener("change", refresh);
document.addEventListener("visibilitychange", () => {
  if (keptKey() === null) return;
  if (document.visibilityState === "visible") refresh();
  else clearTimeout(timer);
});
// Told by the page itself: whatever keeps it from asking must not leave old numbers looking new.
setInterval(() => {
  if (seen.at !== null && Date.now() - seen.at > OLD_MS && !at("board").hidden) view.old(seen.at, seen.redis);
}, 1000);

if (keptKey() === null) openDoor();
else refresh();
