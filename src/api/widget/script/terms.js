// What follows from an appointment, its policy or the form, without asking anybody. The server decides all the same.

function isComing({ appointment }) {
  return appointment.status === "confirmed" || appointment.status === "pending";
}

/** Of an appointment what the page around the widget is told: nothing personal. */
function told({ id, status, service, start, end }) {
  return { id, status, service, start, end };
}

/** What is wrong with the form, by field. The server looks again. */
function faultsOf(customer, { questions = [], require = [] }) {
  const { name, email, phone } = customer;
  const faults = {};
  if (!name.trim()) faults.name = WORDS.nameMissing;
  if (!email.trim()) faults.email = WORDS.emailMissing;
  else if (!/^[^@\s]+@[^@\s.]+(\.[^@\s.]+)*$/.test(email.trim())) faults.email = WORDS.emailWrong;
  if (phone.trim() && !/^(?=.*[0-9])\+?[0-9 ()./-]{3,40}$/.test(phone.trim())) faults.phone = WORDS.phoneWrong;
  if (!phone.trim() && require.includes("phone")) faults.phone = WORDS.phoneMissing;
  for (const { key, required } of questions) {
    if (required && !customer[answerField(key)]?.trim()) faults[answerField(key)] = WORDS.answerMissing;
  }
  return faults;
}

/** The questions of a service whose answers decide what is booked: they are asked before its times are shown. */
function choosing(service) {
  return (service?.questions ?? []).filter((question) => question.chooses);
}

/** The name of the field for the answer to a question. */
function answerField(key) {
  return `answer-${key}`;
}

/** What is sent of the form: nothing that was left empty. */
function detailsOf(typed, { questions = [] }, timezone) {
  const customer = { name: typed.name.trim(), email: typed.email.trim(), timezone };
  if (typed.phone.trim()) customer.phone = typed.phone.trim();
  const answers = questions.map(({ key }) => [key, typed[answerField(key)]?.trim()]).filter(([, answer]) => answer);
  return answers.length ? { customer, answers: Object.fromEntries(answers) } : { customer };
}

/** The same of what the server found: it points at "customer.email" or "answers.allergies". */
function faultsTold(refusal) {
  const sentences = { name: WORDS.nameMissing, email: WORDS.emailWrong, phone: WORDS.phoneWrong };
  const faults = (refusal.facts.errors ?? []).map(({ pointer }) => {
    const [place, field] = pointer.split(".");
    return place === "answers" ? [answerField(field), WORDS.answerMissing] : [field ?? place, sentences[field ?? place]];
  });
  return Object.fromEntries(faults.filter(([, sentence]) => sentence));
}

/**
 * What a start costs: {price}, or {price_from} where it depends on who serves; null once the start is gone. Whoever
 * chooses it may get any of its slots.
 */
function priceAt(start, slots) {
  const here = slots.filter((slot) => slot.start === start);
  if (!here.length) return null;
  const asked = here.flatMap(({ price, price_from, price_to }) => (price ? [price] : [price_from, price_to]));
  asked.sort((one, other) => one.amount_minor - other.amount_minor);
  const [least, most] = [asked[0], asked.at(-1)];
  return least.amount_minor === most.amount_minor ? { price: least } : { price_from: least };
}

/** What cancelling costs until when, from early to late: of an appointment, or of a hold with these terms. */
function feeSteps({ policy: { cancellation }, price, start, fee_start: feeStart }) {
  const { free_until_minutes: freeUntil, fee_percent: late } = cancellation;
  const tiers = cancellation.tiers ?? [{ until_minutes: freeUntil, percent: 0 }, { until_minutes: 0, percent: late }];
  return tiers.map(({ until_minutes: minutes, percent, amount_minor: amount }) => ({
    until: Date.parse(feeStart ?? start) - minutes * MINUTE_MS,
    fee: percent === undefined
      ? Math.min(amount, price.amount_minor)
      : Math.floor((price.amount_minor * percent + 50) / 100),
  }));
}

/** What cancelling would cost now, as the engine works it out (the answer has the last word). */
function feeOf(appointment, now) {
  const { amount_minor: price, currency } = appointment.price;
  const steps = feeSteps(appointment);
  const grace = (appointment.policy.cancellation.grace_minutes ?? 0) * MINUTE_MS;
  const free = appointment.status === "pending" || (grace && now <= Date.parse(appointment.created_at) + grace);
  const step = steps.find(({ until }) => now <= until) ?? steps.at(-1);
  const fee = Math.max(appointment.kept_fee?.amount_minor ?? 0, free ? 0 : step.fee);
  const money = (minor) => ({ amount_minor: minor, currency });
  return { fee: money(fee), refund: money(Math.max(price - fee, 0)) };
}

/** Whether its rules let an appointment be moved now. */
function isMovable(appointment, now) {
  const { until_minutes: minutes, max_times: most } = appointment.policy.reschedule;
  const inTime = now <= Date.parse(appointment.start) - minutes * MINUTE_MS;
  return inTime && (most === null || appointment.times_rescheduled < most);
}
