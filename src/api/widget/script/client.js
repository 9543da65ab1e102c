// The public API as the widget uses it. Nothing personal goes into a URL: addresses end up in logs.

const ANSWER_WITHIN_MS = 10_000;
// A request that was lost is sent again with the same Idempotency-Key: it is done once, however often it arrives.
const PAUSES_MS = [300, 1000];
// Who says "come back later" is not asked again meanwhile: beyond this, visitors are told instead of kept waiting.
const LONGEST_WAIT_MS = 3000;
const PUBLISHABLE = "hfp_";
// The Date header counts whole seconds, and servers may make it once a second for all answers.
const DATE_SPREAD_MS = 2000;

/** Why a request came to nothing. `code` is the API's, or "unreachable" where there was no answer. */
class Refusal extends Error {
  constructor(code, { status = 0, facts = {}, retryAfterSeconds = null } = {}) {
    super(code);
    this.code = code;
    this.status = status;
    this.facts = facts;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Whether nobody can tell if it was done: the same request, with its key, will. */
  get isOpen() {
    return this.code === "unreachable" || this.code === "idempotency_in_flight" || this.status >= 500;
  }

  /** Whether the same request may succeed in a moment. */
  get mayPass() {
    return this.isOpen || this.status === 429 || this.code === "challenge_required";
  }
}

/** The server's clock, learned from the Date of its answers: a visitor's own may be wrong by hours. */
class ServerClock {
  #least = -Infinity;
  #most = Infinity;

  learn(header, sentAt, receivedAt) {
    const told = Date.parse(header ?? "");
    if (Number.isNaN(told)) return;
    const least = told - receivedAt;
    const most = told + DATE_SPREAD_MS - sentAt;
    // Bounds that exclude each other mean that one of the clocks was set; what was learned before is no use then.
    const agrees = least <= this.#most && most >= this.#least;
    this.#least = agrees ? Math.max(this.#least, least) : least;
    this.#most = agrees ? Math.min(this.#most, most) : most;
  }

  now() {
    return Date.now() + (Number.isFinite(this.#least) ? (this.#least + this.#most) / 2 : 0);
  }
}

class Client {
  #base;
  #key;
  // Idempotency-Keys of requests of which nobody knows what became, by path and body.
  #open = new Map();
  #clock = new ServerClock();

  constructor(base, key) {
    this.#base = base.replace(/\/+$/, "");
    this.#key = key;
    if (!this.#isPublishable) {
      console.error(
        "Holdfast: the key of the widget must be a publishable one (hfp_…). Nothing was sent. " +
        "If this is a secret key, everybody can read it in this page: revoke it.",
      );
    }
  }

  get #isPublishable() {
    return this.#key.startsWith(PUBLISHABLE);
  }

  /** Milliseconds of the epoch, by the server's clock. */
  now() {
    return this.#clock.now();
  }

  async get(path, query = {}, { token } = {}) {
    const given = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
    const sent = new URLSearchParams(given.filter(([, value]) => value !== null));
    return this.#send("GET", [path, String(sent)].filter(Boolean).join("?"), { headers: this.#headers(token) });
  }

  async post(path, body, { token } = {}) {
    const sent = JSON.stringify(body);
    const name = `${path} ${sent}`;
    const key = this.#open.get(name) ?? randomId();
    this.#open.set(name, key);
    const headers = { ...this.#headers(token), "Content-Type": "application/json", "Idempotency-Key": key };
    for (const pause of [...PAUSES_MS, null]) {
      try {
        const answered = await this.#send("POST", path, { headers, body: sent });
        this.#open.delete(name);
        return answered;
      } catch (refusal) {
        if (!refusal.isOpen) this.#open.delete(name);
        const wait = Math.max(pause ?? 0, (refusal.retryAfterSeconds ?? 0) * 1000);
        if (!refusal.isOpen || pause === null || wait > LONGEST_WAIT_MS) throw refusal;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    return undefined;
  }

  /** Refused as `invalid_transition` if it is, or is becoming, an appointment. */
  async giveUp(holdId) {
    await this.#send("DELETE", `/v1/holds/${holdId}`, { headers: this.#headers(), keepalive: true });
  }

  /** The same while the page goes away, when nobody can wait for the answer. */
  async release(holdId) {
    try {
      await this.giveUp(holdId);
    } catch {
      // It ends by itself in a few minutes.
    }
  }

  #headers(token) {
    return { Authorization: `Bearer ${this.#key}`, ...(token ? { "Appointment-Token": token } : {}) };
  }

  async #send(method, path, options) {
    if (!this.#isPublishable) throw new Refusal("unauthorized");
    const sentAt = Date.now();
    let response;
    let answered;
    try {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      response = await fetch(this.#base + path, { method, signal, credentials: "omit", cache: "no-store", ...options });
      // What stands before the server refuses in its own words, and they are none of ours.
      answered = response.ok ? await read(response) : await read(response).catch(() => null);
    } catch {
      throw new Refusal("unreachable");
    }
    this.#clock.learn(response.headers.get("Date"), sentAt, Date.now());
    if (response.ok) return answered;
    const retryAfter = Number(response.headers.get("Retry-After"));
    throw new Refusal(answered?.code ?? (response.status === 429 ? "rate_limited" : "internal"), {
      status: response.status,
      facts: answered ?? {},
      retryAfterSeconds: retryAfter > 0 ? retryAfter : null,
    });
  }
}

async function read(response) {
  return response.status === 204 ? null : response.json();
}

/** 128 random bits. `crypto.randomUUID` exists only where the page came by https. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
