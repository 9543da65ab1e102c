// What the visitor is doing: the state, and everything that can be done to it. Knows the API, and nothing of elements.

// The first request may be without an answer, and the next one with an answer that was too old.
const CHALLENGE_TRIES = 3;
const EXTEND_EVERY_MS = 15_000;
// So that the time is shown as free again; nobody waits longer for a server that is slow to hear of it.
const RELEASE_WITHIN_MS = 1000;
// When the time left is told to those who do not see it.
const MILESTONES_SECONDS = [300, 120, 60, 30, 10];
// What a proof of the contact would change.
const NEEDS_CODE = new Set(["verification_required", "limit_reached"]);
const CODE = /^\d{6}$/;
// So long after a code the server sends the next one.
const CODE_PAUSE_MS = 30_000;
const TO_TIMES = new Set(["slot_held", "slot_taken", "not_offered", "hold_expired", "hold_not_found"]);

/** What tells the times of a day apart: a start may be free at several locations. */
function timeKey({ start, location }) {
  return location ? `${start} ${location}` : start;
}

class Booking {
  #client;
  #memory;
  #options;
  #formats;
  #tell;
  #turn = 0;
  #wanted = null;
  #asked = 0;
  #watch;
  #ticking = null;
  #extendedAt = 0;
  #again = null;
  // What was sent to confirm the hold, the latest first, if nobody knows whether it arrived: the visitor may be booked
  // already.
  #sent = [];
  #announces = false;
  #prove;
  // What the engine has asked this visitor to pass, once it has: {site_key, script}.
  #asksFor = null;

  /**
   * `options`: service and resource, each a key or null. `changed()` is called after each change of the state,
   * `say(sentence)` with what only a screen reader needs to hear, `report(event, detail)` with what the page may want
   * to know; nothing of it is personal. `prove(form)` has the answer to a challenge, or throws a refusal.
   */
  constructor({ client, memory, options, formats, changed, say, report, prove }) {
    this.#prove = prove;
    this.#client = client;
    this.#memory = memory;
    this.#options = options;
    this.#formats = formats;
    this.#tell = { changed, say, report };
    this.#watch = new Watch({
      look: (isOn) => this.#refresh(isOn),
      failed: (refusal, times) => {
        // One lost look is nothing to tell of.
        if (times > 1 || !this.state.times) this.#refuse(refusal, { watching: true, again: () => this.look() });
      },
    });
    this.state = {
      step: "loading", // services, times, details, booked, moving, cancelling, cancelled
      storefront: null,
      service: null,
      resource: options.resource,
      choices: NOTHING_CHOSEN,
      days: new Map(), // of each date what the calendar knows: how many slots
      focused: null, // the date that the keyboard is at
      date: null, // the date whose times are shown
      earliest: null, // the date before whose month there is nothing
      route: null, // what answers led to: {asked, answers, service, resources, duration_minutes}, and the terms of another service
      times: null, // [{key, start, location, free, price}] in order; null while they are not known
      hold: null,
      secondsLeft: 0,
      customer: { name: "", email: "", phone: "" }, // and answers, each under the name of its field
      faults: {}, // sentences by field
      appointment: null,
      token: null,
      mine: [], // other appointments of this visitor
      moving: false,
      moveTo: null,
      moved: null, // the appointment as the move would leave it
      justMoved: false,
      busy: null, // what is being waited for
      busyWith: null, // the time that is being held
      code: null, // the code that the visitor is asked for: { sentTo, mayAskAt (ms), contact }
      challenged: false, // whether an answer to a challenge is being waited for
      refused: null, // {text, again}
    };
  }

  /** The service that is being booked, or to which the appointment that is being moved belongs. */
  get service() {
    const { storefront, moving, appointment } = this.state;
    const key = moving ? appointment.service : this.state.service;
    return storefront?.services.find((service) => service.key === key) ?? null;
  }

  /** Milliseconds of the epoch, by the server's clock. */
  now() {
    return this.#client.now();
  }

  /** The same by the clock of the business: a sandbox sets its own. */
  businessNow() {
    return Date.parse(this.state.storefront.business.clock ?? "") || this.now();
  }

  get today() {
    return this.#formats.dateOf(this.businessNow());
  }

  // --- What is offered, and what this visitor has booked before ---

  async open() {
    await this.#attempt("opening", async () => {
      const storefront = await this.#client.get("/v1/storefront");
      const wanted = this.#options.service;
      const { services } = storefront;
      const named = services.find((one) => one.key === wanted || one.id === wanted);
      const chosen = named ?? (services.length === 1 && !wanted ? services[0] : null);
      if (wanted && !chosen) throw new Refusal("not_found");
      this.#set({ storefront, service: chosen?.key ?? null });
      this.#tell.report("ready", { business: storefront.business.name });
      await this.#findMine();
      if (this.state.mine.length) this.#show(...this.state.mine);
      else await this.start();
    });
  }

  /** Begin with the choice of a service, or where there is none, of a time. */
  async start() {
    const mine = this.state.appointment ? [this.#current(), ...this.state.mine] : this.state.mine;
    const begun = { step: this.state.service ? "times" : "services", date: null, times: null, refused: null };
    const forgotten = { appointment: null, token: null, choices: NOTHING_CHOSEN };
    this.#set({ ...this.#notMoving, ...begun, ...forgotten, mine: mine.filter(isComing) });
    if (this.service) await this.#openTimes();
  }

  async chooseService(key) {
    const { name, email, phone } = this.state.customer;
    const chosen = { resource: this.#options.resource, choices: NOTHING_CHOSEN };
    this.#set({ service: key, ...chosen, customer: { name, email, phone } });
    await this.#openTimes();
  }

  /** The answer to a question that decides what is booked; who serves then, and what is chosen, is chosen anew. */
  async chooseAnswer(key, answer) {
    this.state.customer[answerField(key)] = answer;
    this.#set({ resource: this.#options.resource, choices: NOTHING_CHOSEN });
    await this.#openTimes();
  }

  async chooseDuration(minutes) {
    await this.#choose({ duration: minutes });
  }

  async chooseAddOn(key, isWanted) {
    const others = this.state.choices.addOns.filter((one) => one !== key);
    await this.#choose({ addOns: isWanted ? [...others, key] : others });
  }

  changeService() {
    this.#stop();
    this.#set({ service: null, step: "services", refused: null });
  }

  async chooseResource(key) {
    this.#set({ resource: key || null });
    await this.#openTimes();
  }

  /** The date stays: it may have times for another length too. */
  async #choose(change) {
    const choices = { ...this.state.choices, ...change };
    const { duration: stay, duration_minutes: minutes, ...prices } = chosenVisit(this.service, choices);
    this.#set({ choices });
    const length = stay ? WORDS.nights(stay.nights) : WORDS.duration(minutes);
    this.#tell.say(WORDS.chosen(length, priceOf(prices, this.#formats)));
    await this.#openTimes(this.state.date ?? this.#wanted);
  }

  // --- Days and times ---

  /** Show another month, or the date in it that the keyboard went to. */
  async focusDate(date) {
    const month = firstOfMonth(date);
    const other = !this.state.focused || firstOfMonth(this.state.focused) !== month;
    this.#set({ focused: date });
    const count = () => this.#attempt(null, () => this.#countMonth(), { again: count });
    if (other) await count();
  }

  async chooseDate(date) {
    this.#set({ date, focused: date, times: null, refused: null });
    this.#announces = true;
    this.#watch.start();
  }

  async chooseTime(key) {
    const time = this.state.times?.find((one) => one.key === key);
    if (!time || this.state.busy) return;
    const chosen = { ...time, again: () => this.chooseTime(key) };
    if (!time.free) {
      this.#tell.say(WORDS.someoneTook(this.#formats.time(time.start)));
    } else if (this.state.moving) {
      await this.#attempt("planning", () => this.#plan(time), chosen);
    } else {
      await this.#attempt("holding", () => this.#place(time), chosen);
    }
  }

  /** Look again at once: the page is seen again, or the visitor is back on line. */
  look() {
    this.#watch.now();
  }

  /** The visitor is there. */
  used() {
    this.#watch.used();
  }

  /** Times that are shown stay where they are: one that is gone is marked, not taken away. */
  async #refresh(isOn) {
    const { step, date } = this.state;
    if (step !== "times" || !date) return false;
    const question = { ...this.#question(), from: date, to: date };
    const listing = await this.#client.get("/v1/availability", question, this.#proof());
    if (!isOn() || date !== this.state.date) return isOn();
    const { slots } = listing.days[0];
    const offered = slots.map((slot) => ({ key: timeKey(slot), start: slot.start, location: slot.location }));
    const free = new Set(offered.map((time) => time.key));
    const shown = this.state.times ?? [];
    const times = [...new Map([...shown, ...offered].map((time) => [time.key, time])).values()]
      .sort((one, other) => Date.parse(one.start) - Date.parse(other.start))
      .map(({ key, start, location }) => {
        const mine = slots.filter((slot) => timeKey(slot) === key);
        return { key, start, location, free: free.has(key), price: priceAt(start, mine) };
      });
    const gone = shown.filter((time) => time.free && !free.has(time.key)).map((time) => time.key);
    const days = new Map(this.state.days).set(date, { ...this.state.days.get(date), slots: free.size });
    this.#set({ times, days });
    if (gone.length) this.#tell.changed(gone);
    if (this.#announces) this.#tell.say(WORDS.dayWithTimes(this.#formats.day(date), free.size));
    this.#announces = false;
    if (this.state.refused?.watching) this.#set({ refused: null });
    return true;
  }

  /** `wanted` is a date to show, instead of the first that has times. */
  async #openTimes(wanted = null) {
    const turn = this.#stop();
    // Whoever chooses once more before the answer means the same date.
    this.#wanted = wanted;
    this.#set({ step: "times", days: new Map(), date: null, times: null, route: null });
    // Without the answer nobody knows which times to show.
    if (!this.state.moving && this.#unanswered()) return this.#set({ focused: null });
    await this.#attempt("opening", async () => {
      const next = await this.#client.get("/v1/availability/next", { ...this.#question(), limit: 1 }, this.#proof());
      if (turn !== this.#turn) return;
      const { route = null } = next;
      const { choices } = this.state;
      this.#set({ route, choices: { ...choices, duration: route?.duration_minutes ?? choices.duration } });
      const first = next.slots[0] ? this.#formats.dateOf(next.slots[0].start) : null;
      const date = first && (wanted ?? first);
      this.#set({ focused: date ?? this.today, earliest: first && first < this.today ? first : this.today });
      await this.#countMonth();
      if (date && turn === this.#turn) this.#set({ date });
    }, { again: () => this.#openTimes(wanted) });
    if (turn === this.#turn && this.state.date) this.#watch.start();
  }

  /** What was asked for the times that were shown so far is wanted no more. */
  #stop() {
    this.#watch.stop();
    return ++this.#turn;
  }

  async #countMonth() {
    const asked = ++this.#asked;
    const month = firstOfMonth(this.state.focused);
    const range = { from: month, to: lastOfMonth(month) };
    const { days } = await this.#client.get("/v1/availability/days", { ...this.#question(), ...range }, this.#proof());
    if (asked !== this.#asked) return;
    this.#set({ days: new Map([...this.state.days, ...days.map((day) => [day.date, day])]) });
  }

  #question() {
    const { service, resource, choices, moving, appointment } = this.state;
    const where = { resource, timezone: this.#formats.timeZone };
    if (moving) return { service: appointment.service, ...where, rescheduling: appointment.id };
    return { service, ...where, ...askedChoices(choices), answer: this.#answers().map((pair) => pair.join(":")) };
  }

  /** Question and answer, of those that decide what is booked. */
  #answers() {
    const { customer } = this.state;
    return choosing(this.service).map(({ key }) => [key, customer[answerField(key)]]).filter(([, answer]) => answer);
  }

  #unanswered() {
    return choosing(this.service).some(({ key, required }) => required && !this.state.customer[answerField(key)]);
  }

  #proof() {
    return this.state.moving ? { token: this.state.token } : {};
  }

  // --- The hold ---

  async #place({ start, location }) {
    const { service, resource, choices } = this.state;
    const answers = this.#answers();
    const who = { client: this.#memory.client, ...(resource ? { resource } : {}), ...(location ? { location } : {}) };
    const also = answers.length ? { answers: Object.fromEntries(answers) } : {};
    const wanted = { service, start, ...who, ...askedChoices(choices), ...also };
    const hold = await this.#proven((proof) => this.#client.post("/v1/holds", { ...wanted, ...proof }));
    this.#stop();
    this.#set({ step: "details", hold, faults: {} });
    this.#extendedAt = this.#client.now();
    const { id, end, expires_at } = hold;
    this.#tell.report("held", { id, service: hold.service, start: hold.start, end, expires_at });
    this.#tick();
    const left = WORDS.leftSpoken(this.state.secondsLeft);
    this.#tell.say(WORDS.heldAnnounced(this.#formats.dayAndTime(hold.start), left));
  }

  /** The answer to a request; with that to a challenge where the engine asks for one. Each of those is good once. */
  async #proven(ask) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await ask(this.#asksFor ? { challenge: await this.#challenge() } : {});
      } catch (refusal) {
        const { site_key: siteKey, script } = refusal.facts ?? {};
        if (refusal.code !== "challenge_required" || !siteKey || tries === CHALLENGE_TRIES) throw refusal;
        this.#asksFor = { site_key: siteKey, script };
      }
    }
  }

  async #challenge() {
    this.#set({ challenged: true });
    try {
      return await this.#prove(this.#asksFor);
    } finally {
      this.#set({ challenged: false });
    }
  }

  /** Whoever is still typing keeps their time, as long as the business lets them. */
  async typed(field, value) {
    this.state.customer[field] = value;
    const { hold } = this.state;
    if (!hold || this.#client.now() - this.#extendedAt < EXTEND_EVERY_MS) return;
    this.#extendedAt = this.#client.now();
    const room = Math.floor((Date.parse(hold.extendable_until) - this.#client.now()) / 1000) - 1;
    const seconds = Math.min(this.service.hold_seconds, room);
    if (seconds <= this.state.secondsLeft) return;
    try {
      const extended = await this.#client.post(`/v1/holds/${hold.id}/extend`, { ttl_seconds: seconds });
      if (this.state.hold?.id === hold.id) this.#set({ hold: extended });
    } catch {
      // It lives as long as it does; the countdown says so.
    }
  }

  /** Back to the times. */
  async back() {
    const { hold } = this.state;
    if (!hold || this.state.busy) return;
    if (!(await (this.#sent.length ? this.#isGivenUp(hold) : this.#giveUp(hold)))) return;
    this.#tell.report("released", { id: hold.id });
    this.#drop();
    this.#returnToTimes();
  }

  async #giveUp(hold) {
    this.#set({ busy: "releasing" });
    const late = new Promise((resolve) => setTimeout(resolve, RELEASE_WITHIN_MS));
    await Promise.race([this.#client.release(hold.id), late]);
    this.#set({ busy: null });
    return true;
  }

  /**
   * The same after a confirmation of which nobody knows whether it arrived. If it did, the appointment is shown:
   * whoever chooses another time now would have two.
   */
  async #isGivenUp(hold) {
    let isGone = false;
    let isBooked = false;
    await this.#attempt("releasing", async () => {
      try {
        await this.#client.giveUp(hold.id);
        isGone = true;
      } catch (refusal) {
        if (refusal.code !== "invalid_transition") throw refusal;
        isBooked = true;
      }
    }, { again: () => this.back() });
    if (isBooked) await this.#confirmAs(hold, this.#sent[0]);
    return isGone;
  }

  /** The page goes away: nobody has to wait until the hold has expired. */
  leave() {
    const { hold, busy } = this.state;
    this.#stop();
    clearTimeout(this.#ticking);
    if (hold && busy !== "confirming") this.#client.release(hold.id);
  }

  /** The page was kept by the browser, and is seen again. */
  comeBack() {
    this.#drop();
    if (this.state.step === "details") this.#returnToTimes();
    else if (this.state.step === "times" && this.state.date) this.#watch.start();
  }

  #tick() {
    clearTimeout(this.#ticking);
    const { hold, secondsLeft: before } = this.state;
    if (!hold) return;
    const milliseconds = Date.parse(hold.expires_at) - this.#client.now();
    const left = Math.max(0, Math.ceil(milliseconds / 1000));
    if (left !== before) this.#set({ secondsLeft: left });
    const passed = MILESTONES_SECONDS.find((mark) => left <= mark && before > mark && before <= mark + 5);
    if (passed) this.#tell.say(WORDS.timeRunsOut(WORDS.leftSpoken(left)));
    // What was sent in time is for the server to decide.
    if (left === 0 && !this.state.busy) this.#expire();
    else this.#ticking = setTimeout(() => this.#tick(), left === 0 ? 1000 : milliseconds % 1000 || 1000);
  }

  #expire() {
    const { hold } = this.state;
    // It may have been confirmed in time: the same request again tells.
    if (this.#sent.length) {
      this.#confirmAs(hold, this.#sent[0]);
      return;
    }
    this.#tell.report("expired", { id: hold.id });
    this.#fallBack(new Refusal("hold_expired"), hold);
  }

  #drop() {
    clearTimeout(this.#ticking);
    this.#sent = [];
    this.#set({ hold: null, secondsLeft: 0, code: null });
  }

  // --- Confirming, moving, cancelling ---

  async confirm() {
    const { hold, customer } = this.state;
    if (!hold || this.state.busy) return;
    const faults = faultsOf(customer, this.service);
    this.#set({ faults });
    if (Object.keys(faults).length || (this.state.code && !(await this.#isProved(hold)))) return;
    await this.#confirmAs(hold, detailsOf(customer, this.service, this.#formats.timeZone));
  }

  /** Whether the code that was typed is the one that was sent. */
  async #isProved(hold) {
    const code = (this.state.customer.code ?? "").trim();
    if (!CODE.test(code)) {
      this.#set({ faults: { code: WORDS.codes.missing } });
      return false;
    }
    let isRight = false;
    await this.#attempt("confirming", async () => {
      await this.#client.post(`/v1/holds/${hold.id}/verification/check`, { code });
      isRight = true;
      this.#set({ code: null });
    }, { ...hold, again: () => this.confirm() });
    return isRight;
  }

  /** Have a code sent to the e-mail address, or to the telephone number; then the form asks for it. */
  async #askForCode(channel) {
    const { hold, customer } = this.state;
    const contact = channel === "sms" ? { phone: customer.phone.trim() } : { email: customer.email.trim() };
    if (contact.phone === "") {
      this.#set({ faults: { phone: WORDS.phoneMissing } });
      return;
    }
    const sent = await this.#client.post(`/v1/holds/${hold.id}/verification`, contact);
    customer.code = "";
    const mayAskAt = sent.codes_left ? this.#client.now() + CODE_PAUSE_MS : null;
    const code = { channel, sentTo: sent.sent_to, mayAskAt };
    this.#set({ code, hold: { ...hold, expires_at: sent.hold_expires_at }, faults: {}, refused: null });
    this.#tick();
    this.#tell.say(WORDS.codeSent(sent.sent_to));
  }

  async sendCodeAgain() {
    const { code } = this.state;
    if (code) await this.#attempt("sending", () => this.#askForCode(code.channel), { ...this.state.hold, again: () => this.sendCodeAgain() });
  }

  async #confirmAs(hold, details) {
    await this.#attempt("confirming", async () => {
      const { token, ...appointment } = await this.#sendDetails(hold, details);
      this.#memory.remember(appointment.id, token);
      this.#drop();
      this.#set({ step: "booked", appointment, token, justMoved: false });
      this.#tell.report("confirmed", told(appointment));
    }, { ...hold, again: () => this.#confirmAs(hold, details) });
  }

  /**
   * The appointment that the hold has become. Its token comes with the answer to the details that were the first to
   * arrive: this visitor may have sent others before these, and lost the answer.
   */
  async #sendDetails(hold, details) {
    const confirm = (sent) => this.#client.post(`/v1/holds/${hold.id}/confirm`, sent);
    let booked;
    try {
      booked = await confirm(details);
    } catch (refusal) {
      if (refusal.isOpen) this.#sent.unshift(details);
      throw refusal;
    }
    for (const earlier of this.#sent) {
      if (booked.token === null) booked = await confirm(earlier);
    }
    // Somebody else's details were first.
    if (booked.token === null) throw new Refusal("slot_taken");
    return booked;
  }

  async startMoving() {
    this.#set({ moving: true, refused: null });
    // At first with whom they have now.
    const now = this.state.appointment.resources[0]?.resource;
    await this.chooseResource(this.service?.resources.includes(now) ? now : null);
  }

  /** What moving to a start would come to: with whom, until when and for how much. */
  async #plan({ start, location }) {
    const { appointment, token, resource } = this.state;
    const wanted = { start, dry_run: true, ...(resource ? { resource } : {}), ...(location ? { location } : {}) };
    const moved = await this.#client.post(`/v1/appointments/${appointment.id}/reschedule`, wanted, { token });
    // The visitor may have kept it, or looked at another, while the answer was on its way.
    if (this.state.moving && this.state.appointment === appointment) {
      this.#set({ step: "moving", moveTo: start, moved });
    }
  }

  async move() {
    const { appointment, token, moveTo, moved: planned, resource } = this.state;
    const { location } = planned;
    const wanted = { start: moveTo, ...(resource ? { resource } : {}), ...(location ? { location } : {}) };
    await this.#attempt("moving", async () => {
      const moved = await this.#client.post(`/v1/appointments/${appointment.id}/reschedule`, wanted, { token });
      this.#set({ step: "booked", appointment: moved, justMoved: true, ...this.#notMoving });
      this.#tell.report("moved", told(moved));
    }, { start: moveTo, location, again: () => this.move() });
  }

  otherTime() {
    this.#returnToTimes();
  }

  startCancelling() {
    this.#set({ step: "cancelling", refused: null });
  }

  async cancel() {
    const { appointment, token } = this.state;
    await this.#attempt("cancelling", async () => {
      const cancelled = await this.#client.post(`/v1/appointments/${appointment.id}/cancel`, {}, { token });
      this.#memory.forget(appointment.id);
      this.#set({ step: "cancelled", appointment: cancelled });
      this.#tell.report("cancelled", told(cancelled));
    }, { again: () => this.cancel() });
  }

  /** Back to the appointment, as it is. */
  keep() {
    this.#stop();
    this.#set({ step: "booked", refused: null, ...this.#notMoving });
  }

  /** Another of this visitor's appointments. */
  showMine(id) {
    const all = this.state.appointment ? [this.#current(), ...this.state.mine] : this.state.mine;
    this.#stop();
    const others = all.filter((one) => one.appointment.id !== id && isComing(one));
    this.#show(all.find((one) => one.appointment.id === id), ...others);
  }

  async tryAgain() {
    const again = this.#again;
    this.#set({ refused: null });
    await again?.();
  }

  #show(one, ...others) {
    this.#set({ ...one, step: "booked", mine: others, refused: null, justMoved: false, ...this.#notMoving });
  }

  get #notMoving() {
    return { moving: false, moveTo: null, moved: null, resource: this.#options.resource };
  }

  #current() {
    return { appointment: this.state.appointment, token: this.state.token };
  }

  async #findMine() {
    const mine = [];
    for (const { id, token } of this.#memory.appointments) {
      try {
        const found = { appointment: await this.#client.get(`/v1/appointments/${id}`, {}, { token }), token };
        if (isComing(found) && Date.parse(found.appointment.end) > this.businessNow()) mine.push(found);
        else this.#memory.forget(id);
      } catch (refusal) {
        // A business that was set up anew, or a token that was revoked.
        if ([401, 403, 404].includes(refusal.status)) this.#memory.forget(id);
      }
    }
    this.#set({ mine });
  }

  // --- What may go wrong ---

  /**
   * Do it, unless something else is being done (`busy` names it; null: beside anything). A refusal is told, with the
   * next possible step.
   */
  async #attempt(busy, action, { start = null, location, again = null } = {}) {
    if (busy && busy !== "opening" && this.state.busy) return;
    this.#set(busy ? { busy, busyWith: start && timeKey({ start, location }), refused: null } : { refused: null });
    try {
      await action();
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      await this.#handle(refusal, { start, location, again: again ?? (() => this.open()) });
    } finally {
      if (busy) this.#set({ busy: null, busyWith: null });
    }
  }

  async #handle(refusal, { start, location, again }) {
    if (Object.hasOwn(WORDS.codes, refusal.code)) {
      this.#set({ faults: { code: WORDS.codes[refusal.code] } });
      return;
    }
    const channel = this.state.hold && (refusal.facts.verification ?? refusal.facts.channel);
    if (channel && NEEDS_CODE.has(refusal.code)) {
      await this.#attempt(null, () => this.#askForCode(channel), { start, location, again });
      return;
    }
    if (TO_TIMES.has(refusal.code)) {
      this.#fallBack(refusal, { start, location });
      return;
    }
    if (refusal.code === "invalid_transition") await this.#readAgain();
    this.#refuse(refusal, { start, again });
  }

  /** Somebody else has changed the appointment: show what became of it. */
  async #readAgain() {
    const { appointment, token } = this.state;
    try {
      const found = await this.#client.get(`/v1/appointments/${appointment.id}`, {}, { token });
      const step = isComing({ appointment: found }) ? "booked" : "cancelled";
      this.#set({ appointment: found, step, ...this.#notMoving });
    } catch {
      // Then what is shown stays; the sentence says that it has changed.
    }
  }

  /** The chosen time is not to be had: say so, and show which are. */
  #fallBack(refusal, { start, location }) {
    const gone = (time) => Date.parse(time.start) === Date.parse(start) && time.location === location;
    this.#drop();
    // A hold that has ended may have left its time free.
    if (refusal.code !== "hold_expired" && refusal.code !== "hold_not_found") {
      this.#set({ times: this.state.times?.map((time) => (gone(time) ? { ...time, free: false } : time)) ?? null });
    }
    this.#refuse(refusal, { start });
    this.#returnToTimes(this.state.refused);
  }

  #returnToTimes(refused = null) {
    this.#set({ step: "times", refused, moveTo: null });
    // The calendar may be a little old; the times are looked at again at once.
    this.#countMonth().catch(() => {});
    if (this.state.date) this.#watch.start();
  }

  #refuse(refusal, { start = null, again = null, watching = false } = {}) {
    const wait = refusal.retryAfterSeconds && WORDS.leftSpoken(refusal.retryAfterSeconds);
    const say = Object.hasOwn(WORDS.refusals, refusal.code) ? WORDS.refusals[refusal.code] : WORDS.refusals.other;
    const text = say({ time: start ? this.#formats.time(start) : "", wait });
    this.#again = refusal.mayPass ? again : null;
    this.#set({ refused: { text, again: this.#again !== null, watching }, faults: faultsTold(refusal) });
    this.#tell.report("refused", { code: refusal.code });
  }

  #set(change) {
    Object.assign(this.state, change);
    this.#tell.changed([]);
  }
}
