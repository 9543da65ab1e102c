// What a visitor chooses of a service: one of its lengths, and any of its extras.

const NOTHING_CHOSEN = { duration: null, addOns: [] };

/** How long the visit lasts and what it costs with what is chosen, in the fields of a service. */
function chosenVisit(service, { duration, addOns }) {
  const length = service.durations?.find(({ minutes }) => minutes === (duration ?? service.duration_minutes)) ?? {
    minutes: service.duration_minutes,
    price: service.price,
    price_from: service.price_from,
  };
  const added = addOnsOf(service, addOns);
  const more = added.reduce((sum, { price }) => sum + (price?.amount_minor ?? 0), 0);
  const dearer = (money) => money && { ...money, amount_minor: money.amount_minor + more };
  return {
    // The nights of a stay, of which there is no choice.
    duration: service.duration,
    duration_minutes: added.reduce((sum, { minutes }) => sum + minutes, length.minutes),
    price: dearer(length.price),
    price_from: dearer(length.price_from),
  };
}

function addOnsOf(service, keys) {
  return (service.add_ons ?? []).filter(({ key }) => keys.includes(key));
}

/** The same as the API is asked for it. */
function askedChoices({ duration, addOns }) {
  return { ...(duration ? { duration_minutes: duration } : {}), ...(addOns.length ? { add_ons: addOns } : {}) };
}

/** Null where there is nothing to choose, and for a move, which keeps what was chosen. */
function choiceFields({ service, state }, formats) {
  const { durations = [], add_ons: addOns = [] } = service ?? {};
  const isFree = durations.length > 1 && !state.route?.duration_minutes;
  if (state.moving || !(isFree || addOns.length)) return null;
  const chosen = state.choices.duration ?? service.duration_minutes;
  return h("div", { class: "choices" },
    isFree && choiceGroup("lengths", WORDS.length, durations.map((option) =>
      choice({
        type: "radio", name: "duration", value: option.minutes, "data-action": "duration",
        checked: option.minutes === chosen,
      }, WORDS.duration(option.minutes), priceOf(option, formats)))),
    addOns.length > 0 && choiceGroup("extras", WORDS.extras, addOns.map((addOn) =>
      choice({
        type: "checkbox", name: "add-on", value: addOn.key, "data-action": "add-on",
        checked: state.choices.addOns.includes(addOn.key),
      }, addOn.name, addedBy(addOn, formats)))));
}

function choiceGroup(name, legend, choices) {
  return h("fieldset", { class: name, "data-key": name }, h("legend", null, legend), h("div", null, choices));
}

function choice(attributes, name, about) {
  return h("label", { class: "choice", "data-key": `${attributes.name}-${attributes.value}` },
    h("input", attributes),
    h("span", null, h("bdi", null, name)),
    h("small", null, about));
}

function addedBy({ minutes, price }, formats) {
  const parts = [minutes && WORDS.duration(minutes), price?.amount_minor && formats.money(price)].filter(Boolean);
  // The sign stands apart, so that it stays before an amount that is written the other way.
  return parts.length ? between(parts.map((part) => ["+", h("bdi", null, part)])) : WORDS.free;
}

/** What a service offers in all its lengths: "30 min to 1 h · from €25". */
function aboutOffer(service, formats) {
  const options = service.durations ?? [];
  if (options.length < 2) return aboutService(service, formats);
  const lowest = options.map(({ price, price_from: from }) => from ?? price)
    .reduce((least, price) => (price.amount_minor < least.amount_minor ? price : least));
  const differ = options.some(({ price, price_from: from }) => from || price.amount_minor !== lowest.amount_minor);
  const length = WORDS.durations(options[0].minutes, options.at(-1).minutes);
  return between([length, priceOf({ price: lowest, price_from: differ && lowest }, formats)]);
}
