// The element: options in, events out, and what people do with pointer and keyboard.

const SCRIPT = document.currentScript;
const ORIGIN = new URL(".", SCRIPT.src).href;
const OPTIONS = ["key", "service", "resource", "locale", "time-zone", "theme", "api"];
const EVENT_PREFIX = "holdfast:";

class HoldfastBooking extends HTMLElement {
  #booking = null;
  #formats;
  #frame;
  #status;
  #used = false;
  #pressedIn = null;
  #leaving = new AbortController();
  #challenge = new Challenge(this);

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    this.#formats = formatsFor(this.getAttribute("locale"), this.getAttribute("time-zone"));
    const key = this.getAttribute("key") ?? "";
    this.#booking = new Booking({
      client: new Client(this.getAttribute("api") ?? ORIGIN, key),
      memory: new Memory(key),
      options: { service: this.getAttribute("service"), resource: this.getAttribute("resource") },
      formats: this.#formats,
      changed: (gone) => this.#show(gone),
      say: (sentence) => this.#say(sentence),
      report: (event, detail) => this.#report(event, detail),
      prove: (form) => this.#challenge.answer(form),
    });
    document.addEventListener("visibilitychange", () => this.#booking.look(), { signal });
    for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "focus"]) {
      window.addEventListener(kind, () => this.#booking.used(), { signal, passive: true });
    }
    window.addEventListener("online", () => this.#booking.look(), { signal });
    window.addEventListener("pagehide", () => this.#booking.leave(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.#booking.comeBack(), { signal });
    this.#booking.open();
  }

  disconnectedCallback() {
    this.#leaving.abort();
    this.#challenge.giveUp();
    this.#booking.leave();
  }

  #build() {
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.#frame = h("section");
    this.#status = h("p", { class: "unseen", role: "status", lang: WORDS.language });
    root.append(this.#frame, this.#status);
    for (const kind of ["click", "keydown", "input", "change", "submit"]) {
      root.addEventListener(kind, (event) => {
        this.#used = true;
        this.#on(kind, event);
      });
    }
  }

  /** Show the state; `gone` are times that were free a moment ago. */
  #show(gone) {
    const { step } = this.#booking.state;
    const focused = this.shadowRoot.activeElement;
    const wasAsked = this.#frame.querySelector("#code") !== null;
    const wasChallenged = this.#frame.querySelector(".challenge") !== null;
    const began = step !== this.#frame.querySelector(".step")?.dataset.key;
    const wanted = view(this.#booking, this.#formats);
    morph(this.#frame, wanted);
    // Who has not touched the widget yet is somewhere else on the page, and stays there.
    const pressed = focused?.dataset.action === "again" && !focused.isConnected;
    if ((began && this.#used) || pressed) this.#frame.querySelector("[data-focus]")?.focus();
    if (this.#booking.state.challenged && !wasChallenged) this.#frame.querySelector("#challenge").focus();
    if (this.#booking.state.code && !wasAsked) this.#frame.querySelector("#code").focus();
    if (gone.includes(focused?.dataset.value)) this.#say(WORDS.someoneTook(this.#formats.time(focused.dataset.value.split(" ")[0])));
  }

  #report(event, detail) {
    this.dispatchEvent(new CustomEvent(EVENT_PREFIX + event, { detail, bubbles: true, composed: true }));
  }

  #say(sentence) {
    // The same sentence again is no change, and would not be read out.
    this.#status.textContent = this.#status.textContent === sentence ? `${sentence}\u00a0` : sentence;
  }

  #on(kind, event) {
    const target = event.target.closest("[data-action]");
    const action = target?.dataset.action;
    if (kind === "input" && event.target.name && !action) this.#booking.typed(event.target.name, event.target.value);
    else if (kind === "keydown" && action === "date") this.#onDateKey(event, target.dataset.value);
    else if (kind === "change" && action === "resource") this.#booking.chooseResource(event.target.value);
    else if (kind === "change" && action === "answer") this.#booking.chooseAnswer(target.dataset.value, event.target.value);
    else if (kind === "change" && action === "duration") this.#booking.chooseDuration(Number(event.target.value));
    else if (kind === "change" && action === "add-on") {
      this.#booking.chooseAddOn(event.target.value, event.target.checked);
    } else if (kind === "submit") this.#submit(event);
    else if (kind === "click" && target?.nodeName === "BUTTON") this.#press(target, event.detail);
  }

  #press(target, clicks) {
    const { action, value } = target.dataset;
    const { step } = this.#booking.state;
    // The second click of two was meant for what the first one has replaced.
    if (clicks > 1 && step !== this.#pressedIn) return;
    this.#pressedIn = step;
    const off = target.getAttribute("aria-disabled") === "true";
    // A time that is gone says so when it is pressed; nothing else happens where something is off.
    if (off && action !== "time") return;
    const booking = this.#booking;
    const actions = {
      again: () => booking.tryAgain(),
      service: () => booking.chooseService(value),
      "change-service": () => booking.changeService(),
      "previous-month": () => booking.focusDate(addMonths(booking.state.focused, -1)),
      "next-month": () => booking.focusDate(addMonths(booking.state.focused, 1)),
      date: () => booking.chooseDate(value),
      time: () => booking.chooseTime(value),
      back: () => booking.back(),
      start: () => booking.start(),
      mine: () => booking.showMine(value),
      "start-moving": () => booking.startMoving(),
      "start-cancelling": () => booking.startCancelling(),
      move: () => booking.move(),
      cancel: () => booking.cancel(),
      keep: () => booking.keep(),
      "send-code": () => booking.sendCodeAgain(),
      "other-time": () => booking.otherTime(),
      "give-up-challenge": () => this.#challenge.giveUp(),
    };
    actions[action]?.();
  }

  async #submit(event) {
    event.preventDefault();
    await this.#booking.confirm();
    this.#frame.querySelector("[aria-invalid]")?.focus();
  }

  /** The keys of a date grid (ARIA Authoring Practices). */
  async #onDateKey(event, date) {
    const ahead = WORDS.direction === "rtl" ? -1 : 1;
    const weekStart = startOfWeek(date, this.#formats.firstWeekday);
    const moves = {
      ArrowRight: () => addDays(date, ahead),
      ArrowLeft: () => addDays(date, -ahead),
      ArrowDown: () => addDays(date, DAYS_OF_A_WEEK),
      ArrowUp: () => addDays(date, -DAYS_OF_A_WEEK),
      Home: () => weekStart,
      End: () => addDays(weekStart, DAYS_OF_A_WEEK - 1),
      PageDown: () => addMonths(date, event.shiftKey ? 12 : 1),
      PageUp: () => addMonths(date, event.shiftKey ? -12 : -1),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const { earliest } = this.#booking.state;
    const first = firstOfMonth(earliest ?? this.#booking.today);
    const wanted = move() < first ? first : move();
    const moved = this.#booking.focusDate(wanted);
    this.#frame.querySelector(`.day[data-value="${wanted}"]`)?.focus();
    await moved;
  }
}

function formatsFor(locale, timeZone) {
  const own = Intl.DateTimeFormat().resolvedOptions();
  try {
    return new Formats(locale || navigator.language, timeZone || own.timeZone);
  } catch {
    // Of an option that is misspelled the browser knows nothing; it knows its own.
    return new Formats(own.locale, own.timeZone);
  }
}

if (!customElements.get("holdfast-booking")) customElements.define("holdfast-booking", HoldfastBooking);

// `<script src="…/widget.js" data-key="hfp_…" defer></script>`: the widget stands where the script does.
if (SCRIPT.dataset.key) {
  const element = document.createElement("holdfast-booking");
  // Of scripts from several servers the first has defined the element.
  element.setAttribute("api", ORIGIN);
  for (const name of OPTIONS) {
    const value = SCRIPT.getAttribute(`data-${name}`);
    if (value !== null) element.setAttribute(name, value);
  }
  if (SCRIPT.closest("head")) document.body.append(element);
  else SCRIPT.after(element);
}
