"""What a visitor decides, given chance: without any request."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from loadtests.business import Offer
from loadtests.visitors.assumptions import Browsing, Changing, CheckingOut


class Ending(StrEnum):
    """What becomes of a hold."""

    CONFIRM = "confirm"
    LEAVE = "leave"
    RELEASE = "release"
    RETURN_LATE = "return late"


class Change(StrEnum):
    """What becomes of an appointment."""

    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """How one visitor goes about it."""

    ending: Ending
    changes_their_mind: bool
    extends: bool
    confirms_twice: bool
    insists: bool


def plan_checkout(chance: random.Random, rates: CheckingOut) -> Checkout:
    """All of it beforehand, so that one answer more or less does not change what a visitor wants."""
    shares = (rates.confirms, rates.leaves, rates.releases, rates.returns_late)
    return Checkout(
        ending=chance.choices(list(Ending), shares)[0],
        changes_their_mind=chance.random() < rates.changes_their_mind,
        extends=chance.random() < rates.extends,
        confirms_twice=chance.random() < rates.confirms_twice,
        insists=chance.random() < rates.insists,
    )


def plan_change(chance: random.Random, rates: Changing) -> Change:
    """What becomes of an appointment that was just booked."""
    shares = (rates.reschedules, rates.cancels, 1 - rates.reschedules - rates.cancels)
    return chance.choices(list(Change), shares)[0]


def choose_offer(chance: random.Random, offers: Sequence[Offer]) -> tuple[str, int]:
    """A service, and for how many."""
    offer = chance.choice(offers)
    return offer.key, chance.randint(1, offer.largest_party)


def choose_day(chance: random.Random, days: Sequence[date], rates: Browsing) -> date | None:
    """One of the days that have anything, rather a near one; None where there is none."""
    if not days:
        return None
    return days[min(int(chance.expovariate(1 / rates.mean_days_ahead)), len(days) - 1)]


def choose_start(chance: random.Random, starts: Sequence[str], rates: Browsing) -> str | None:
    """One of the starts that are listed; None where there is none."""
    if not starts:
        return None
    first = chance.random() < rates.picks_a_first_start
    return chance.choice(starts[: rates.first_starts] if first else starts)


def sale_number(now: float, every_seconds: float) -> tuple[int, float]:
    """Which sale comes next, counted from 1970, and how many seconds from now."""
    number = int(now // every_seconds) + 1
    return number, number * every_seconds - now


def sale_day(number: int, first: date, days: int) -> date:
    """The day whose starts are on sale: another one each time, for as many sales as there are days."""
    return first + timedelta(days=number % days)
