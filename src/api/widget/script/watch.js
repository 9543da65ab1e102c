// Looking again and again at what is shown: about once a second while somebody sees and uses it, and less often else.

const LOOK_EVERY_MS = 1000;
// Pages that were opened together do not ask together for ever.
const LOOK_SPREAD = 0.2;
const LONGEST_PAUSE_MS = 30_000;
// Nobody has touched the page for so long: it was left open, and is looked after less often.
const IDLE_AFTER_MS = 600_000;

class Watch {
  #look;
  #failed;
  #turn = 0;
  #wake = () => {};
  #usedAt = Date.now();

  /**
   * `look(isOn)` looks once and says whether there is still something to look at; `isOn()` tells whether what it found
   * is still wanted. `failed(refusal, times)` is called after each look that was refused, with how many in a row were.
   */
  constructor({ look, failed }) {
    this.#look = look;
    this.#failed = failed;
  }

  async start() {
    const turn = ++this.#turn;
    const isOn = () => turn === this.#turn;
    let failures = 0;
    while (isOn()) {
      let pause = this.#isIdle ? LONGEST_PAUSE_MS : LOOK_EVERY_MS;
      if (document.visibilityState === "visible") {
        try {
          if (!(await this.#look(isOn))) return;
          failures = 0;
        } catch (refusal) {
          if (!(refusal instanceof Refusal)) throw refusal;
          if (!isOn()) return;
          failures += 1;
          pause = Math.min(LONGEST_PAUSE_MS, pause * 2 ** failures);
          // Whoever says when to come back is not asked before.
          pause = Math.max(pause, (refusal.retryAfterSeconds ?? 0) * 1000);
          this.#failed(refusal, failures);
        }
      }
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, pause * (1 + LOOK_SPREAD * Math.random()));
      });
    }
  }

  stop() {
    this.#turn += 1;
    this.#wake();
  }

  /** Look at once: the page is seen again, or the visitor is back on line. */
  now() {
    this.#wake();
  }

  /** Somebody is there. */
  used() {
    const wasIdle = this.#isIdle;
    this.#usedAt = Date.now();
    if (wasIdle) this.#wake();
  }

  get #isIdle() {
    return Date.now() - this.#usedAt > IDLE_AFTER_MS;
  }
}
