// Every sentence the widget says. A refusal says what happened and what can be done next.

const WORDS = {
  language: "en",
  direction: "ltr",
  loading: "Loading…",
  book: "Book a time",
  chooseService: "What would you like to book?",
  nothingToBook: "Nothing can be booked online at present. Please ask the business.",
  chooseTime: "Choose a time",
  chooseNewTime: "Choose a new time",
  anybody: "Anyone",
  withWhom: "With",
  previousMonth: "Previous month",
  nextMonth: "Next month",
  parts: ["Morning", "Afternoon", "Evening"],
  taken: "taken",
  nothingFree: "There is no free time in the near future. Please look again another day.",
  nothingOnThisDay: "No free time on this day.",
  chooseDay: "Choose a day to see its times.",
  changeService: "Change",
  yourDetails: "Your details",
  name: "Name",
  email: "Email",
  phone: "Phone",
  optional: "optional",
  confirm: "Confirm booking",
  request: "Send request",
  otherTime: "Choose another time",
  working: "One moment…",
  again: "Try again",
  booked: "You are booked",
  pending: "Your request was sent",
  pendingMeans: "The business will look at it, and confirm or decline.",
  moved: "Your booking was moved",
  yourBooking: "Your booking",
  move: "Move",
  cancel: "Cancel booking",
  bookAnother: "Book another time",
  yourBookings: "Your bookings",
  moveTo: "Move your booking?",
  from: "From",
  to: "To",
  moveNow: "Move it",
  keep: "Keep it as it is",
  cancelling: "Cancel your booking?",
  cancelNow: "Yes, cancel it",
  cancelled: "Your booking is cancelled",
  cancelFree: "Cancelling is free of charge.",
  nameMissing: "Please enter your name.",
  emailMissing: "Please enter your email address.",
  emailWrong: "Please enter an email address like name@example.com.",
  phoneWrong: "Please enter a telephone number, or leave this empty.",
  cannotMove: "It can no longer be moved online. Please ask the business.",
  free: "Free",
  priceFrom: (price) => `from ${price}`,

  duration: (minutes) => {
    const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
    return [hours && `${hours} h`, (rest || !hours) && `${rest} min`].filter(Boolean).join(" ");
  },
  dayWithTimes: (day, count) => `${day}, ${count === 1 ? "1 time" : `${count} times`} free`,
  dayWithout: (day) => `${day}, nothing free`,
  zones: (city, place) => `Times are those of your time zone (${city}), and below them those of the place (${place}).`,
  there: (time) => `${time} there`,
  inCity: (time, city) => `${time} in ${city}`,
  timeLeft: "Time left to confirm",
  heldFor: (left) => `Held for you for ${left}`,
  left: (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`,
  leftSpoken: (seconds) =>
    seconds >= 60 ? plural(Math.round(seconds / 60), "minute") : plural(seconds, "second"),
  heldAnnounced: (time, left) => `${time} is held for you for ${left}.`,
  timeRunsOut: (left) => `${left} left to confirm.`,
  someoneTook: (time) => `${time} has just been taken by somebody else.`,
  feeAfter: (when, fee) => `Free cancellation until ${when}, then ${fee}.`,
  feeAlways: (fee) => `Cancelling costs ${fee}.`,
  feeThen: (when, fee) => `After ${when} it costs ${fee}.`,
  feeGrace: (time) => `It is free for ${time} after you book.`,
  feeNow: (fee, refund) => `Cancelling now costs ${fee}; ${refund} of the price is not charged.`,
  feeTaken: (fee, refund) => `The fee is ${fee}; ${refund} of the price is not charged.`,

  refusals: {
    slot_held: (facts) =>
      `Somebody else is just booking ${facts.time}. ` +
      `Please choose another time${facts.wait ? `, or look again in ${facts.wait}` : ""}.`,
    slot_taken: (facts) => `${facts.time} has just been booked by somebody else. Please choose another time.`,
    not_offered: (facts) => `${facts.time} can no longer be booked. Please choose another time.`,
    hold_expired: (facts) =>
      `${facts.time} was kept for you, and the time to confirm is over. Choose it again if it is still free.`,
    hold_not_found: (facts) => `${facts.time} is no longer kept for you. Choose it again if it is still free.`,
    hold_limit_reached: () =>
      "You are holding as many times as the business allows. Please confirm one of them, or wait a few minutes.",
    hold_life_exhausted: () => "The time cannot be kept any longer. Please confirm now.",
    limit_reached: () =>
      "This is more than the business lets one customer book or change. " +
      "Please cancel another booking first, or ask the business.",
    cutoff_passed: () => "It is too late to do this online. Please ask the business.",
    invalid_transition: () => "This booking has been changed in the meantime.",
    rate_limited: (facts) =>
      `That was a little fast. Please try again ${facts.wait ? `in ${facts.wait}` : "in a moment"}.`,
    holds_unavailable: () => "Times cannot be held for the moment. Nothing is lost; please try again shortly.",
    store_unavailable: () => "Booking is out of reach for the moment. Nothing is lost; please try again shortly.",
    stopping: () => "Booking is out of reach for the moment. Nothing is lost; please try again shortly.",
    unreachable: () => "There is no connection. Trying again is safe: nothing is booked twice.",
    unauthorized: () => "Online booking is not set up correctly on this page. Please ask the business.",
    not_found: () => "This can no longer be booked online. Please ask the business.",
    validation: () => "Something in the form is not accepted. Please look at it again.",
    other: () => "That did not work. Please try again.",
  },
};

function plural(count, unit) {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
