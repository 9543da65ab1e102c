// How figures look. It decides nothing and asks nobody.

import { h, share, svg } from "./element.js";

const NUMBER = new Intl.NumberFormat("en");
const TILES = [
  ["placed", "Placed"],
  ["confirmed", "Confirmed"],
  ["released", "Released"],
  ["expired", "Expired"],
  ["refused", "Refused"],
  ["lost", "Lost at confirm"],
];
const FATES = [
  ["confirmed", "Confirmed"],
  ["live", "Live"],
  ["released", "Released"],
  ["replaced", "Replaced"],
  ["expired", "Expired"],
  ["lost", "Lost at confirm"],
];
const MOST_ROUTES = 12;
const MOST_REASONS = 8;
const LAG_SECONDS = 5;
const RELAY_SECONDS = 60;
const TASK_SECONDS = 120;
const UNKNOWN = "not known";

const at = (id) => document.getElementById(id);
const put = (id, ...children) => at(id).replaceChildren(...children);
const time = (ms) => new Date(ms).toLocaleTimeString("en-GB");
const none = (text) => h("p", { class: "none" }, text);

/** Everything but the utilisation. `heard_at`: when Redis was last heard of, if it ever was. */
export function show(figures, heardAt) {
  const { counts } = figures;
  alarm(figures, heardAt);
  showHealth(figures);
  showProcesses(figures.processes);
  if (counts === null) return;
  put("tiles", ...TILES.map(([name, label]) => tile(name, label, counts[name])));
  showFate(counts, figures.live_holds ?? 0);
  showRefused(counts);
  showLatency(figures.routes);
  showTasks(figures);
  showAudit(figures.audit);
}

/** Nobody answers. */
export function unreachable(heardAt) {
  tell("bad", "No answer");
  stale(true);
  complain(`This server does not answer. ${since(heardAt)}`);
}

/** Nothing was heard for a while. */
export function old(heardAt, redis) {
  tell("bad", redis ? `Old: last heard ${time(heardAt)}` : `Redis is away since ${time(heardAt)}`);
  stale(true);
}

function alarm(figures, heardAt) {
  const { health } = figures;
  if (figures.counts === null) {
    tell("bad", "Redis is away");
    complain(`Redis does not answer: no holds can be placed. ${since(heardAt)}`);
  } else if (!health.postgres) {
    tell("bad", "Postgres is away");
    complain("Postgres does not answer: nothing can be booked. The numbers below are current.");
  } else if (!figures.counted) {
    tell("bad", "Not counting");
    complain("This process does not count: HOLDFAST_METRICS is off. What is below, other processes have counted.");
  } else {
    const well = health.schema && health.invalidator;
    tell(well ? "good" : "bad", well ? `Live, ${time(figures.at_ms)}` : "Not ready");
    complain(well ? "" : notReady(health));
  }
  stale(figures.counts === null);
}

function notReady(health) {
  if (!health.schema) return "The schema of Postgres is not the one of this version: run holdfast migrate.";
  return "No process is elected to run the background loops: start a worker.";
}

function since(heardAt) {
  if (heardAt === null) return "Nothing was heard of it since this page was opened.";
  return `The numbers below are those of ${time(heardAt)}.`;
}

function tell(tone, text) {
  const state = at("state");
  state.dataset.tone = tone;
  // "Live" goes on by itself; reading it out every two seconds would keep everything else from being heard.
  state.setAttribute("aria-live", tone === "good" ? "off" : "polite");
  if (state.textContent !== text) state.textContent = text;
}

function complain(text) {
  const notice = at("alarm");
  notice.hidden = text === "";
  if (notice.textContent !== text) notice.textContent = text;
}

const stale = (is) => at("board").classList.toggle("stale", is);

function tile(name, label, { total, minutes }) {
  const hour = minutes.reduce((sum, amount) => sum + amount, 0);
  return h(
    "div",
    { class: "tile", "data-tint": name, "data-name": name },
    h("span", { class: "label" }, label),
    h("span", { class: "total" }, NUMBER.format(total)),
    h("span", { class: "hour" }, `${NUMBER.format(hour)} in the last hour`),
    spark(minutes),
  );
}

function spark(minutes) {
  const highest = Math.max(...minutes, 1);
  return svg(
    "svg",
    { viewBox: `0 0 ${minutes.length * 4} 32`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    svg("rect", { class: "spark-base", x: 0, y: 31, width: minutes.length * 4, height: 1 }),
    minutes.map((amount, minute) => {
      const height = amount ? Math.max((amount / highest) * 31, 1.5) : 0;
      return height > 0 && svg("rect", { class: "spark", x: minute * 4 + 0.4, y: 32 - height, width: 3.2, height });
    }),
  );
}

function showFate(counts, live) {
  const amounts = FATES.map(([name, label]) => [name, label, name === "live" ? live : counts[name].total]);
  const all = amounts.reduce((sum, [, , amount]) => sum + amount, 0);
  if (all === 0) {
    put("fate", none("No hold has been placed yet."));
    return;
  }
  put(
    "fate",
    h(
      "div",
      { class: "stack", "aria-hidden": "true" },
      amounts
        .filter(([, , amount]) => amount > 0)
        .map(([name, , amount]) => share(h("span", { "data-tint": name }), amount)),
    ),
    h(
      "dl",
      { class: "legend" },
      amounts.map(([name, label, amount]) =>
        h(
          "div",
          { "data-tint": name },
          h("dt", {}, label),
          h("dd", {}, NUMBER.format(amount), " ", h("span", { class: "part" }, percent(amount / all))),
        ),
      ),
    ),
  );
}

function showRefused(counts) {
  const reasons = Object.entries(counts.refused_by_code);
  if (reasons.length === 0) {
    put("refused", none("No hold has been refused yet."));
    return;
  }
  const highest = Math.max(...reasons.map(([, amount]) => amount));
  const hour = counts.refused_by_code_in_an_hour;
  put(
    "refused",
    table(
      ["Reason", "", "Last hour", "All"],
      reasons.slice(0, MOST_REASONS).map(([code, amount]) => [
        h("code", {}, code),
        h("div", { "data-tint": "refused" }, share(h("span"), amount / highest)),
        NUMBER.format(hour[code] ?? 0),
        NUMBER.format(amount),
      ]),
      ["", "bar"],
    ),
    reasons.length > MOST_REASONS ? h("p", { class: "hint" }, `And ${reasons.length - MOST_REASONS} more.`) : "",
  );
}

function showLatency(all) {
  // What this page asks would be most of what there is to see on a quiet day.
  const routes = all.filter(({ name }) => !name.startsWith("GET /ops"));
  if (routes.length === 0) {
    put("latency", none("No requests in the last minutes."));
    return;
  }
  put(
    "latency",
    table(
      ["Route", "Requests", "p50", "p95", "p99", "Failed"],
      routes.slice(0, MOST_ROUTES).map((route) => [
        breakable(route.name),
        NUMBER.format(route.requests),
        ...[route.p50, route.p95, route.p99].map(milliseconds),
        h("span", { class: route.failed ? "fault" : "" }, NUMBER.format(route.failed)),
      ]),
      ["route"],
    ),
  );
}

/** A path that may go on in the next line after each slash. */
const breakable = (path) => path.split(/(?<=\/)/).flatMap((part) => [part, h("wbr")]);

function showHealth(figures) {
  const { health, counts } = figures;
  const lag = figures.invalidation_lag_seconds;
  put(
    "health",
    h(
      "ul",
      { class: "checks" },
      check("Postgres", health.postgres, "answers", "does not answer"),
      check("Redis", counts !== null && health.redis, "answers", "does not answer"),
      check("Schema", health.schema, "up to date", health.postgres ? "run holdfast migrate" : UNKNOWN),
      check("Invalidator", health.invalidator, "elected", health.postgres ? "nobody is elected" : UNKNOWN),
    ),
    h(
      "dl",
      { class: "facts" },
      fact("Live holds", figures.live_holds === null ? UNKNOWN : NUMBER.format(figures.live_holds)),
      fact("Invalidation lag", lag === null ? UNKNOWN : `${lag.toFixed(1)} s`, lag !== null && lag > LAG_SECONDS),
      fact("Cache hits", counts === null ? UNKNOWN : hits(counts)),
      fact("Booked without a hold", counts === null ? UNKNOWN : NUMBER.format(counts.booked_directly)),
      fact("Cancelled", counts === null ? UNKNOWN : NUMBER.format(counts.cancelled)),
    ),
  );
}

function check(label, well, good, bad) {
  return h("li", { class: well ? "" : "bad" }, h("b", {}, label), h("span", {}, well ? good : bad));
}

function hits(counts) {
  const asked = counts.cache_hits + counts.cache_misses;
  return asked === 0 ? "none asked" : `${percent(counts.cache_hits / asked)} of ${NUMBER.format(asked)}`;
}

const fact = (label, text, bad = false) => h("div", {}, h("dt", {}, label), h("dd", { class: bad ? "bad" : "" }, text));

function showProcesses(processes) {
  if (processes.length === 0) {
    put("processes", none("No process was heard of in the last 10 seconds."));
    return;
  }
  const pool = (process, store) => {
    const found = process.pools[store];
    return found ? `${found.used} / ${found.size}` : "";
  };
  put(
    "processes",
    table(
      ["Process", "Role", "Postgres", "Redis", "Breakers"],
      processes.map((process) => [
        process.name,
        process.elected ? `${process.role}, elected` : process.role,
        pool(process, "postgres"),
        pool(process, "redis"),
        process.silent.length ? h("span", { class: "fault" }, `open: ${process.silent.join(", ")}`) : "closed",
      ]),
      ["route", "text"],
    ),
  );
}

function showTasks({ outbox_oldest_seconds: age, tasks }) {
  const kinds = Object.entries(tasks);
  put(
    "tasks",
    h(
      "dl",
      { class: "facts" },
      fact("Oldest event not relayed yet", age === null ? UNKNOWN : waiting(age), age !== null && age > RELAY_SECONDS),
    ),
    kinds.length === 0
      ? none("No elected process has told of tasks.")
      : table(
          ["Task", "Late by", "Parked"],
          kinds.map(([kind, { lag_seconds: lag, parked }]) => [
            h("code", {}, kind),
            h("span", { class: lag > TASK_SECONDS ? "fault" : "" }, waiting(lag)),
            h("span", { class: parked ? "fault" : "" }, parked ? NUMBER.format(parked) : "–"),
          ]),
          ["route"],
        ),
  );
}

/** How long something has waited: not at all, seconds with a digit, minutes, or hours. */
function waiting(seconds) {
  if (seconds === 0) return "–";
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function showAudit(audit) {
  if (audit === null) {
    put("audit", none("No reconciliation of the elected process has ended yet."));
    return;
  }
  const kinds = Object.entries(audit.found).filter(([, amount]) => amount > 0);
  const all = kinds.reduce((sum, [, amount]) => sum + amount, 0);
  put(
    "audit",
    h(
      "dl",
      { class: "facts" },
      fact("Ended", new Date(audit.finished_ms).toLocaleString("en-GB")),
      fact("Differences", all ? NUMBER.format(all) : "none", all > 0),
      kinds.map(([kind, amount]) => fact(kind, NUMBER.format(amount))),
      fact("Mended", NUMBER.format(audit.repaired ?? 0)),
    ),
  );
}

/** The businesses to choose from; the chosen one stays. */
export function showNames(names) {
  const choice = at("business");
  const chosen = choice.value;
  choice.replaceChildren(...names.map(({ id, name }) => h("option", { value: id, selected: id === chosen }, name)));
}

/** The heat map; null: it is not to be had. */
export function showUse(use) {
  if (use === null || use.redis === false) {
    const missing = "There is no business to show, or its set-up is not to be had.";
    put("use", none(use === null ? missing : "Redis does not answer."));
    at("use-hint").textContent = "";
    return;
  }
  put(
    "use",
    h(
      "table",
      { class: "heat" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "Resource"),
          use.dates.map((date) => h("th", { scope: "col" }, dateOf(date))),
        ),
      ),
      h(
        "tbody",
        {},
        use.rows.map(({ name, uses }) => h("tr", {}, h("th", { scope: "row", title: name }, name), uses.map(cell))),
      ),
    ),
  );
  const more = use.left_out ? ` ${use.left_out} more resources are not shown.` : "";
  at("use-hint").textContent =
    `Share of the offered minutes that are booked, by date in ${use.timezone}. A dot: some are held. ` +
    `?: not cached, and not read for this page. –: closed.${more}`;
}

function cell(use) {
  if (use === null) return h("td", { "data-heat": "unknown", title: "Not cached" }, "?");
  if (use.share === null) return h("td", { "data-heat": "closed", title: "Closed" }, "–");
  const title = `${use.taken} of ${use.offered} minutes booked${use.held ? `, ${use.held} held` : ""}`;
  return h("td", { "data-heat": heat(use.share), class: use.held ? "held" : "", title }, percent(use.share));
}

/** 0 for nothing at all, then a fifth each. */
const heat = (value) => (value === 0 ? 0 : Math.min(Math.floor(value * 5) + 1, 5));

function dateOf(iso) {
  const date = new Date(`${iso}T00:00:00Z`);
  const spell = (options) => date.toLocaleDateString("en-GB", { timeZone: "UTC", ...options });
  return [spell({ weekday: "short" }), h("br"), spell({ day: "numeric", month: "short" })];
}

function percent(value) {
  if (value > 0 && value < 0.01) return "<1%";
  return `${value < 1 ? Math.min(Math.round(value * 100), 99) : 100}%`;
}

function milliseconds(value) {
  if (value === null) return "–";
  if (value >= 5000) return ">5000";
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

function table(heads, rows, classes = []) {
  const head = (text, column) => h(text ? "th" : "td", { scope: text ? "col" : null, class: classes[column] }, text);
  const inRow = (content, column) =>
    h(column ? "td" : "th", { scope: column ? null : "row", class: classes[column] }, content);
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, heads.map(head))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map(inRow)))),
  );
}
