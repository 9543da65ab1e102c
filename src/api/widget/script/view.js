// What is shown, as a function of the state. Buttons say what they do in `data-action`; element.js listens.

function view(booking, formats) {
  const { state } = booking;
  const { refused } = state;
  const said = { lang: WORDS.language, dir: WORDS.direction, "aria-labelledby": "title" };
  return h("section", { class: "frame", ...said, "aria-busy": state.busy ? "true" : null },
    h("header", { class: "top" },
      h("h2", { id: "title" }, state.storefront ? h("bdi", null, state.storefront.business.name) : (refused ? WORDS.book : WORDS.loading)),
      chosenService(booking, formats)),
    h("div", { class: "refusal", role: "alert" },
      refused && h("p", null, refused.text),
      refused?.again && button("again", WORDS.again, { class: "plain" })),
    state.challenged && challenge(),
    STEPS[state.step](booking, formats));
}

/** What the provider shows stands in the slot. */
function challenge() {
  return h("div", { class: "challenge", role: "group", "aria-labelledby": "challenge", "data-key": "challenge" },
    h("p", { id: "challenge", tabindex: "-1" }, WORDS.challenge),
    h("slot", { name: "challenge" }),
    button("give-up-challenge", WORDS.notNow, { class: "plain" }));
}

const STEPS = {
  loading: () => step("loading"),
  services: servicesStep,
  times: timesStep,
  details: detailsStep,
  booked: bookedStep,
  moving: movingStep,
  cancelling: cancellingStep,
  cancelled: cancelledStep,
};

function step(name, ...children) {
  return h("div", { class: `step ${name}`, "data-key": name }, ...children);
}

/** The heading that gets the focus when its step begins. */
function heading(text) {
  return h("h3", { tabindex: "-1", "data-focus": true }, text);
}

function button(action, text, attributes = {}) {
  return h("button", { type: "button", "data-action": action, ...attributes }, text);
}

function chosenService(booking, formats) {
  const { service, state } = booking;
  if (!service || state.step !== "times" || state.moving) return null;
  const several = state.storefront.services.length > 1;
  const label = { class: "plain", "aria-label": `${WORDS.changeService}: ${service.name}` };
  return [
    h("p", { class: "service" },
      h("span", null, h("strong", null, h("bdi", null, service.name)), "\u00a0· ",
        aboutService(chosenVisit(service, state.choices), formats)),
      several && button("change-service", WORDS.changeService, label)),
    // Of several, the list has shown it.
    !several && described(service.description),
  ];
}

/** Text of the business in its own lines, in the direction of its own script, and where the widget's texts begin. */
function described(text, attributes = {}) {
  return text && h("p", { class: "described", ...attributes }, h("bdi", null, text));
}

function aboutService(service, formats) {
  const { duration: stay, duration_minutes: minutes } = service;
  return between([stay ? WORDS.nights(stay.nights) : WORDS.duration(minutes), priceOf(service, formats)]);
}

function priceOf({ price, price_from: from }, formats) {
  const told = (money) => (money.amount_minor ? formats.money(money) : WORDS.free);
  return from ? WORDS.priceFrom(told(from)) : told(price);
}

/** What a button that starts something shows meanwhile. */
function main(action, text, state, style = "main") {
  const off = state.busy ? "true" : null;
  return button(action, state.busy ? WORDS.working : text, { class: style, "aria-disabled": off });
}

// --- Services ---

function servicesStep({ state }, formats) {
  if (!state.storefront.services.length) return step("services", heading(WORDS.nothingToBook));
  return step("services", mine(state, formats), heading(WORDS.chooseService),
    h("ul", { class: "offers" }, state.storefront.services.map((service) =>
      h("li", { "data-key": service.key }, offer(service, formats)))));
}

/** A description is read out after the name, not as a part of it. */
function offer(service, formats) {
  const [name, about, text] = ["name", "about", "text"].map((part) => `service-${service.key}-${part}`);
  const read = service.description ? { "aria-labelledby": `${name} ${about}`, "aria-describedby": text } : {};
  return button("service", [
    h("strong", { id: name }, h("bdi", null, service.name)),
    h("span", { id: about }, aboutOffer(service, formats)),
    service.description && h("span", { id: text, class: "described" }, h("bdi", null, service.description)),
  ], { "data-value": service.key, ...read });
}

function mine(state, formats) {
  if (!state.mine.length) return null;
  return h("nav", { class: "mine", "aria-label": WORDS.yourBookings },
    h("span", { "aria-hidden": "true" }, WORDS.yourBookings),
    state.mine.map(({ appointment: { id, start } }) =>
      button("mine", formats.dayAndTime(start), { "data-value": id, "data-key": id, class: "plain" })));
}

// --- Days and times ---

function timesStep(booking, formats) {
  const { state } = booking;
  return step("times",
    !state.moving && mine(state, formats),
    h("div", { class: "row" },
      heading(state.moving ? WORDS.chooseNewTime : WORDS.chooseTime),
      resourceChoice(booking)),
    !state.moving && choosing(booking.service).map((question) => decidingQuestion(question, state)),
    described(chosenResource(booking)?.description, { id: "resource-description" }),
    (!state.route || state.route.service === booking.service.key) && choiceFields(booking, formats),
    state.focused
      ? h("div", { class: "columns" }, calendar(booking, formats), times(booking, formats))
      : !state.busy && !state.refused && h("p", { class: "hint" }, WORDS.answerFirst),
    state.moving && h("div", { class: "buttons" }, button("keep", WORDS.keep)));
}

/** A question that decides which times there are. */
function decidingQuestion({ key, label, options, required }, { customer }) {
  const name = answerField(key);
  const option = (value, text) => h("option", { value, selected: (customer[name] ?? "") === value }, text);
  return h("label", { class: "with", "data-key": name },
    h("span", null, h("bdi", null, label), !required && h("small", null, ` (${WORDS.optional})`)),
    h("select", { "data-action": "answer", "data-value": key, required },
      option("", required ? WORDS.choose : ""), options.map((value) => option(value, value))));
}

function resourceChoice({ service, state }) {
  const { route } = state;
  if (route && route.service !== service?.key) return null;
  const keys = route?.resources ?? service?.resources ?? [];
  if (keys.length < 2) return null;
  const names = new Map(state.storefront.resources.map((resource) => [resource.key, resource.name]));
  const read = chosenResource({ service, state })?.description ? { "aria-describedby": "resource-description" } : {};
  const option = (value, text) => h("option", { value, selected: (state.resource ?? "") === value }, text);
  return h("label", { class: "with" },
    h("span", null, WORDS.withWhom),
    h("select", { "data-action": "resource", ...read },
      option("", WORDS.anybody),
      keys.map((key) => option(key, names.get(key) ?? key))));
}

/** Undefined where there is no choice. */
function chosenResource({ service, state }) {
  const keys = service?.resources ?? [];
  return keys.length > 1 ? state.storefront.resources.find(({ key }) => key === state.resource) : undefined;
}

/** A date grid after the ARIA Authoring Practices: one stop for Tab, arrow keys within. */
function calendar({ state, today }, formats) {
  const weeks = weeksOf(state.focused, formats.firstWeekday);
  const month = firstOfMonth(state.focused);
  const isFirst = month <= firstOfMonth(state.earliest ?? today);
  return h("div", { class: "calendar" },
    h("div", { class: "month" },
      button("previous-month", "‹", {
        class: "turn",
        "aria-label": WORDS.previousMonth,
        "aria-disabled": isFirst ? "true" : null,
      }),
      h("h4", { id: "month", "aria-live": "polite" }, formats.month(month)),
      button("next-month", "›", { class: "turn", "aria-label": WORDS.nextMonth })),
    h("table", { role: "grid", "aria-labelledby": "month" },
      h("thead", null, h("tr", null, weeks[0].map((date) =>
        h("th", { scope: "col", abbr: formats.weekday(date, "long") }, formats.weekday(date, "short"))))),
      h("tbody", null, weeks.map((week) =>
        h("tr", null, week.map((date) => day(date, state, { month, today }, formats)))))));
}

function day(date, state, { month, today }, formats) {
  if (firstOfMonth(date) !== month) return h("td", { role: "gridcell", "data-key": `beside-${date}` });
  // Undefined while nobody knows: then it may be chosen.
  const slots = state.days.get(date)?.slots;
  const named = formats.day(date);
  return h("td", { role: "gridcell", "aria-selected": String(date === state.date), "data-key": date },
    button("date", formats.dayOfMonth(date), {
      class: slots ? "day free" : "day",
      "data-value": date,
      tabindex: date === state.focused ? "0" : "-1",
      "aria-label": slots === 0 ? WORDS.dayWithout(named) : slots ? WORDS.dayWithTimes(named, slots) : named,
      "aria-disabled": slots === 0 && date !== state.date ? "true" : null,
      "aria-current": date === today ? "date" : null,
    }));
}

function times(booking, formats) {
  const { state } = booking;
  if (!state.date) {
    const hint = anyFree(state) ? WORDS.chooseDay : WORDS.nothingFree;
    return h("div", { class: "slots" }, !state.busy && h("p", { class: "hint" }, hint));
  }
  const shown = state.times ?? [];
  return h("div", { class: "slots" },
    h("h4", { id: "slots" }, formats.day(state.date)),
    zoneHint(booking, formats),
    state.times && !shown.some((time) => time.free) && h("p", { class: "hint" }, WORDS.nothingOnThisDay),
    WORDS.parts.map((part, place) => {
      const within = shown.filter((time) => partOf(formats.hour(time.start)) === place);
      return within.length > 0 && h("div", { class: "part", "data-key": part },
        h("h5", { id: `part-${place}` }, part),
        h("ul", { "aria-labelledby": `slots part-${place}` },
          within.map((time) => slot(time, shown, booking, formats))));
    }));
}

function anyFree(state) {
  return [...state.days.values()].some((day) => day.slots);
}

function partOf(hour) {
  return hour < 12 ? 0 : hour < 17 ? 1 : 2;
}

function slot({ key, start, location, free, price }, shown, booking, formats) {
  const { state } = booking;
  const spelled = formats.time(start);
  const twice = shown.some((time) => time.start !== start && formats.time(time.start) === spelled);
  const where = new Set(shown.map((time) => time.location)).size > 1 && locationOf(location, state);
  const place = locationOf(location, state)?.timezone ?? placeZone(booking);
  const there = formats.differs(start, place) ? WORDS.there(formats.time(start, place)) : null;
  return h("li", { "data-key": key },
    button("time", [
      h("span", { class: "clock" }, twice ? formats.timeWithZone(start) : spelled),
      free && where && h("small", { class: "location" }, " ", h("bdi", null, where.name)),
      free && there && h("small", null, " ", there),
      free && hasOwnPrices(shown, booking) && h("small", { class: "price" }, " ", priceOf(price, formats)),
      !free && h("small", null, " ", WORDS.taken),
    ], {
      class: "slot",
      "data-value": key,
      "aria-disabled": free ? null : "true",
      "aria-busy": state.busyWith === key ? "true" : null,
    }));
}

/** Undefined where the business has one location. */
function locationOf(key, { storefront }) {
  return key && storefront.locations?.find((location) => location.key === key);
}

/** Whether some time costs something else than the service, or than the appointment that is being moved. */
function hasOwnPrices(shown, { state, service }) {
  const usual = (state.moving ? state.appointment : chosenVisit(service, state.choices)).price.amount_minor;
  return shown.some(({ price }) => price && price.price?.amount_minor !== usual);
}

function zoneHint(booking, formats) {
  const place = placeZone(booking);
  const start = booking.state.times?.[0]?.start;
  if (!start || !formats.differs(start, place)) return null;
  return h("p", { class: "hint" }, WORDS.zones(cityOf(formats.timeZone), cityOf(place)));
}

/** The zone of the place where the visit takes place. */
function placeZone({ state, service }) {
  return (state.moving && state.appointment?.timezone) || service?.timezone || state.storefront.business.timezone;
}

// --- The form ---

function detailsStep(booking, formats) {
  const { state, service } = booking;
  const { hold, secondsLeft } = state;
  const { customer, faults, busy } = state;
  if (!hold) return step("details");
  const booked = state.storefront.services.find(({ key }) => key === hold.service) ?? null;
  const terms = termsOf(hold, booked ?? (state.route?.service === hold.service ? state.route : null), state.storefront);
  const send = busy === "confirming" ? WORDS.working : terms.approval ? WORDS.request : WORDS.confirm;
  return step("details",
    heading(WORDS.yourDetails),
    h("div", { class: "held" },
      visit({ ...hold, timezone: locationOf(hold.location, state)?.timezone ?? service.timezone }, booking, formats),
      countdown(secondsLeft)),
    h("form", { novalidate: true },
      field("name", WORDS.name, { maxlength: "200", required: true }, customer, faults),
      field("email", WORDS.email, { type: "email", maxlength: "254", required: true }, customer, faults),
      field("phone", WORDS.phone, { type: "tel", maxlength: "41", required: service.require?.includes("phone") }, customer, faults),
      (service.questions ?? []).filter(({ chooses }) => !chooses).map((question) => asked(question, customer, faults)),
      codeField(booking.state, booking.now()),
      h("p", { class: "hint" }, policyOf(hold, terms, formats, booking.businessNow())),
      h("div", { class: "buttons" },
        h("button", { type: "submit", class: "main", "aria-disabled": busy ? "true" : null }, send),
        button("back", WORDS.otherTime, { class: "plain" }))));
}

/** The code that the visitor was sent, and the way to another one. */
function codeField({ code, customer, faults }, now) {
  if (!code) return null;
  const label = WORDS.codeLabel(h("bdi", { dir: "ltr" }, code.sentTo));
  const attributes = { inputmode: "numeric", autocomplete: "one-time-code", maxlength: "6", dir: "ltr", required: true };
  const wait = code.mayAskAt === null ? 0 : Math.ceil((code.mayAskAt - now) / 1000);
  return h("div", { class: "field asked code", "data-key": "code" },
    labelled("code", label, true, faults.code, (wrong) =>
      h("input", { id: "code", name: "code", value: customer.code ?? "", ...attributes, ...wrong })),
    code.mayAskAt !== null && button("send-code", wait > 0 ? WORDS.sendAgainIn(wait) : WORDS.sendAgain, {
      class: "plain",
      "aria-disabled": wait > 0 ? "true" : null,
    }));
}

function countdown(seconds) {
  const named = { role: "timer", "aria-label": WORDS.timeLeft, "aria-live": "off" };
  return h("p", { class: seconds <= 60 ? "countdown last" : "countdown", ...named },
    WORDS.heldFor(""), h("strong", null, WORDS.left(seconds)));
}

// What browsers call what they fill in.
const AUTOCOMPLETE = { name: "name", email: "email", phone: "tel" };

function field(name, label, attributes, customer, faults, look) {
  return labelled(name, label, attributes.required, faults[name], (wrong) =>
    h("input", { id: name, name, autocomplete: AUTOCOMPLETE[name], value: customer[name], ...attributes, ...wrong }), look);
}

/** A question of the service. */
function asked({ key, label, options, required }, customer, faults) {
  const name = answerField(key);
  const named = h("bdi", null, label);
  const wide = "field asked";
  if (!options) return field(name, named, { maxlength: "2000", required }, customer, faults, wide);
  const option = (value) => h("option", { value, selected: (customer[name] ?? "") === value }, value);
  return labelled(name, named, required, faults[name], (wrong) =>
    h("select", { id: name, name, required, ...wrong }, option(""), options.map(option)), wide);
}

function labelled(name, label, required, fault, input, look = "field") {
  const wrong = fault ? { "aria-invalid": "true", "aria-describedby": `${name}-fault` } : {};
  return h("div", { class: look, "data-key": name },
    h("label", { for: name }, label, !required && h("small", null, ` (${WORDS.optional})`)),
    input(wrong),
    fault && h("p", { class: "fault", id: `${name}-fault` }, fault));
}

/** Those of the service, or of the route where visitors know it by their answers alone, unless whoever leads the visit has their own. */
function termsOf(hold, service, storefront) {
  const leading = storefront.resources.find((resource) => resource.key === hold.resources[0]?.resource);
  const { cancellation, approval } = leading ?? {};
  return { cancellation: cancellation ?? service?.cancellation, approval: approval ?? service?.approval };
}

function policyOf(hold, terms, formats, now) {
  if (!terms.cancellation) return null;
  const all = feeSteps({ ...hold, policy: terms });
  const steps = all
    .filter(({ until }, place) => until > now || place === all.length - 1)
    .filter(({ fee }, place, open) => fee !== open[place + 1]?.fee);
  if (steps.every(({ fee }) => !fee)) return null;
  const money = (fee) => formats.money({ ...hold.price, amount_minor: fee });
  const { grace_minutes: grace } = terms.cancellation;
  const sentences = steps.slice(1).map(({ fee }, place) => {
    const when = formats.dayAndTime(steps[place].until);
    return place || steps[0].fee ? WORDS.feeThen(when, money(fee)) : WORDS.feeAfter(when, money(fee));
  });
  if (steps[0].fee) sentences.unshift(WORDS.feeAlways(money(steps[0].fee)));
  if (grace) sentences.push(WORDS.feeGrace(WORDS.duration(grace)));
  return sentences.join(" ");
}

/** When, what, with whom, for how much and where: of a hold or an appointment. */
function visit(shown, { state }, formats) {
  const { start, end, resources, price, timezone, service, location, add_ons: extras = [] } = shown;
  const names = new Map(state.storefront.resources.map((resource) => [resource.key, resource.name]));
  const booked = state.storefront.services.find((one) => one.key === service);
  const served = new Set(resources.map((used) => names.get(used.resource) ?? used.resource));
  const who = between([...served], ", ");
  const what = [booked?.name ?? service, ...extras.map(({ name }) => WORDS.extra(h("bdi", null, name)))];
  const minutes = (Date.parse(end) - Date.parse(start)) / MINUTE_MS;
  const where = locationOf(location, state);
  // The end says more than a length in hours. What was booked may have other nights than the service has now.
  const isLong = booked?.duration !== undefined || minutes >= 24 * 60;
  return h("div", { class: "visit" },
    h("p", { class: "when" }, formats.dayAndTime(start)),
    there("p", start, timezone, formats),
    isLong && h("p", { class: "until" },
      WORDS.until(formats.dayAndTime(end)), there("span", end, timezone, formats)),
    h("p", null, between([
      ...what, ...(isLong ? [] : [WORDS.duration(minutes)]), who, priceOf({ price }, formats),
      ...(where ? [where.name] : []),
    ])),
    described(where ? where.address : addressOf(resources, state.storefront), { class: "described address" }));
}

/** That of the resource which leads the visit. An older server, while this one replaces it, names no locations. */
function addressOf([leading], { resources, locations }) {
  const key = resources.find((resource) => resource.key === leading?.resource)?.location;
  return locations?.find((location) => location.key === key)?.address;
}

/** Each stands by itself: a name may be of a script that is written the other way. */
function between(texts, sign = "\u00a0· ") {
  return texts.flatMap((text, place) => [place > 0 && sign, h("bdi", null, text)]);
}

/** The same instant by the clocks of the place, where those differ from the viewer's. */
function there(tag, start, timezone, formats) {
  if (!formats.differs(start, timezone)) return null;
  return h(tag, { class: "there" }, WORDS.inCity(formats.dayAndTime(start, timezone), cityOf(timezone)));
}

// --- The appointment ---

function bookedStep(booking, formats) {
  const { state } = booking;
  const { appointment } = state;
  const pending = appointment.status === "pending";
  const title = state.justMoved ? WORDS.moved : pending ? WORDS.pending : WORDS.booked;
  return step("booked",
    heading(title),
    visit(appointment, booking, formats),
    pending && h("p", { class: "hint" }, WORDS.pendingMeans),
    h("div", { class: "buttons" },
      isMovable(appointment, booking.businessNow())
        ? button("start-moving", WORDS.move)
        : h("p", { class: "hint" }, WORDS.cannotMove),
      button("start-cancelling", WORDS.cancel),
      button("start", WORDS.bookAnother, { class: "plain" })),
    mine(state, formats));
}

function movingStep(booking, formats) {
  const { state } = booking;
  const { appointment, moveTo, moved } = state;
  if (!moved) return step("moving");
  return step("moving",
    heading(WORDS.moveTo),
    h("dl", { class: "change" },
      h("dt", null, WORDS.from), h("dd", null, formats.dayAndTime(appointment.start)),
      h("dt", null, WORDS.to),
      h("dd", null, formats.dayAndTime(moveTo), there("span", moveTo, moved.timezone, formats))),
    visit(moved, booking, formats),
    moved.price.amount_minor !== appointment.price.amount_minor && h("p", { class: "fee" },
      WORDS.priceChanges(priceOf(appointment, formats), priceOf(moved, formats))),
    h("div", { class: "buttons" },
      main("move", WORDS.moveNow, state),
      button("other-time", WORDS.otherTime),
      button("keep", WORDS.keep, { class: "plain" })));
}

function cancellingStep(booking, formats) {
  const { state } = booking;
  const { fee, refund } = feeOf(state.appointment, booking.businessNow());
  return step("cancelling",
    heading(WORDS.cancelling),
    visit(state.appointment, booking, formats),
    h("p", { class: "fee" },
      fee.amount_minor ? WORDS.feeNow(formats.money(fee), formats.money(refund)) : WORDS.cancelFree),
    h("div", { class: "buttons" },
      main("cancel", WORDS.cancelNow, state, "danger"),
      button("keep", WORDS.keep, { class: "plain" })));
}

function cancelledStep(booking, formats) {
  const { fee, refund } = booking.state.appointment;
  return step("cancelled",
    heading(WORDS.cancelled),
    visit(booking.state.appointment, booking, formats),
    fee?.amount_minor > 0 && h("p", { class: "fee" }, WORDS.feeTaken(formats.money(fee), formats.money(refund))),
    h("div", { class: "buttons" }, button("start", WORDS.bookAnother, { class: "main" })));
}
