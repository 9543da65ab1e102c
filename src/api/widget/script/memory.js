// What the browser keeps: who this visitor is for as long as the tab is open, and the tokens of what they booked.
// No name, no address. Where storage is forbidden the widget works all the same, until the page is left.

const MOST_REMEMBERED = 5;

class Memory {
  #name;
  #fallback = new Map();

  constructor(key) {
    this.#name = `holdfast:${key}`;
  }

  /** Tells this visitor's holds from those of others, and nothing else. */
  get client() {
    let known = this.#read("sessionStorage", "client");
    if (!known) {
      known = randomId();
      this.#write("sessionStorage", "client", known);
    }
    return known;
  }

  /** `{id, token}` of each appointment, the newest first. */
  get appointments() {
    const known = this.#read("localStorage", "appointments");
    return Array.isArray(known) ? known : [];
  }

  remember(id, token) {
    const others = this.appointments.filter((known) => known.id !== id);
    this.#write("localStorage", "appointments", [{ id, token }, ...others].slice(0, MOST_REMEMBERED));
  }

  forget(id) {
    this.#write("localStorage", "appointments", this.appointments.filter((known) => known.id !== id));
  }

  #read(store, what) {
    const name = `${this.#name}:${what}`;
    try {
      return JSON.parse(window[store].getItem(name) ?? "null") ?? this.#fallback.get(name) ?? null;
    } catch {
      return this.#fallback.get(name) ?? null;
    }
  }

  #write(store, what, value) {
    const name = `${this.#name}:${what}`;
    this.#fallback.set(name, value);
    try {
      window[store].setItem(name, JSON.stringify(value));
    } catch {
      // Full, or forbidden: the fallback has it.
    }
  }
}
