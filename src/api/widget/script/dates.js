// Dates are text ("2026-12-01"): a date has no zone, and a Date has one. Instants are the API's RFC 3339 text.

const DAYS_OF_A_WEEK = 7;
const MINUTE_MS = 60_000;

function addDays(date, days) {
  return fromUtc(toUtc(date) + days * 24 * 60 * MINUTE_MS);
}

/** The same day of another month, or that month's last. */
function addMonths(date, months) {
  const [year, month, day] = date.split("-").map(Number);
  const last = new Date(Date.UTC(year, month + months, 0)).getUTCDate();
  return fromUtc(Date.UTC(year, month - 1 + months, Math.min(day, last)));
}

function firstOfMonth(date) {
  return `${date.slice(0, 8)}01`;
}

function lastOfMonth(date) {
  return addDays(addMonths(firstOfMonth(date), 1), -1);
}

/** The weeks of the date's month, each of seven dates; the edges belong to the months beside it. */
function weeksOf(date, firstWeekday) {
  const weeks = [];
  for (let day = startOfWeek(firstOfMonth(date), firstWeekday); day <= lastOfMonth(date); ) {
    weeks.push(Array.from({ length: DAYS_OF_A_WEEK }, (_, place) => addDays(day, place)));
    day = addDays(day, DAYS_OF_A_WEEK);
  }
  return weeks;
}

function startOfWeek(date, firstWeekday) {
  const weekday = new Date(toUtc(date)).getUTCDay() || DAYS_OF_A_WEEK;
  return addDays(date, -((weekday - firstWeekday + DAYS_OF_A_WEEK) % DAYS_OF_A_WEEK));
}

function toUtc(date) {
  return Date.parse(`${date}T00:00:00Z`);
}

function fromUtc(milliseconds) {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

/** How dates, times and money are spelled for this viewer. */
class Formats {
  #made = new Map();

  constructor(locale, timeZone) {
    this.locale = locale;
    this.timeZone = timeZone;
    const about = new Intl.Locale(this.#format({}).resolvedOptions().locale);
    /** 1 for Monday to 7 for Sunday. */
    this.firstWeekday = (about.getWeekInfo?.() ?? about.weekInfo)?.firstDay ?? 1;
  }

  /** The date on which an instant falls for the viewer. */
  dateOf(instant) {
    const parts = this.#format({ calendar: "iso8601", year: "numeric", month: "2-digit", day: "2-digit" }, "en")
      .formatToParts(new Date(instant))
      .reduce((found, part) => ({ ...found, [part.type]: part.value }), {});
    return `${parts.year}-${parts.month}-${parts.day}`;
  }

  month(date) {
    return this.#format({ timeZone: "UTC", month: "long", year: "numeric" }).format(toUtc(date));
  }

  weekday(date, width) {
    return this.#format({ timeZone: "UTC", weekday: width }).format(toUtc(date));
  }

  day(date) {
    return this.#format({ timeZone: "UTC", weekday: "long", day: "numeric", month: "long" }).format(toUtc(date));
  }

  dayOfMonth(date) {
    const parts = this.#format({ timeZone: "UTC", day: "numeric" }).formatToParts(toUtc(date));
    return parts.find((part) => part.type === "day").value;
  }

  time(instant, timeZone = this.timeZone) {
    return isolated(this.#format({ timeZone, hour: "numeric", minute: "2-digit" }).format(new Date(instant)));
  }

  /** With the zone: for an hour that comes twice, when clocks are set back. */
  timeWithZone(instant) {
    const options = { hour: "numeric", minute: "2-digit", timeZoneName: "short" };
    return isolated(this.#format(options).format(new Date(instant)));
  }

  dayAndTime(instant, timeZone = this.timeZone) {
    const options = { timeZone, weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" };
    return isolated(this.#format(options).format(new Date(instant)));
  }

  hour(instant) {
    return Number(this.#format({ hour: "2-digit", hourCycle: "h23" }, "en").format(new Date(instant)));
  }

  /** Whether clocks in the two zones differ at that instant; their names may differ all the same. */
  differs(instant, timeZone) {
    const options = { day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const at = new Date(instant);
    return this.#format({ ...options, timeZone }, "en").format(at) !== this.#format(options, "en").format(at);
  }

  money({ amount_minor: minor, currency }) {
    const options = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
    const { minimumFractionDigits: digits } = new Intl.NumberFormat(this.locale, options).resolvedOptions();
    const format = new Intl.NumberFormat(this.locale, { ...options, trailingZeroDisplay: "stripIfInteger" });
    return isolated(format.format(minor / 10 ** digits));
  }

  #format(options, locale = this.locale) {
    const key = JSON.stringify([locale, options]);
    if (!this.#made.has(key)) {
      this.#made.set(key, new Intl.DateTimeFormat(locale, { timeZone: this.timeZone, calendar: "gregory", ...options }));
    }
    return this.#made.get(key);
  }
}

/**
 * What is written from right to left, as by the viewer's locale, so that a sentence in the other direction does not
 * take it apart: "from 90 ₪".
 */
function isolated(text) {
  return /[\u0590-\u08ff\u200f]/.test(text) ? `\u2068${text}\u2069` : text;
}

/** "Asia/Jerusalem" as people say it. */
function cityOf(timeZone) {
  return timeZone.split("/").pop().replaceAll("_", " ");
}
