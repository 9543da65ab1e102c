"""Counts of what was asked for lately: kept in the process, and settled with those of other processes meanwhile."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from access.rates.model import Activity, Rate, RateLimited, Source, rate_refusal

MAX_COUNTS: Final = 50_000
"""Counts that one process keeps, about 15 MB. Beyond it the ones that were used longest ago are forgotten."""


class CountKey(NamedTuple):
    """The name of a count. Its members are plain values: each request computes the hashes of some."""

    business: int
    """The number of its id."""
    source: str
    subject: str | bytes
    """The address, the id of the credential, or nothing for the business itself."""
    activity: str
    seconds: int


class Charge(NamedTuple):
    """One thing that a request counts as."""

    key: CountKey
    rate: Rate


def charge_of(business: int, source: Source, subject: str | bytes, activity: Activity, rate: Rate) -> Charge:
    """Make a charge; `business` is the number of its id."""
    return Charge(CountKey(business, source.value, subject, activity.value, rate.seconds), rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A count of all processes, by the clock of Redis."""

    window: int
    current: int
    previous: int


@dataclass(slots=True)
class _Count:
    """Count of a window and of the one before; `unsettled` is the part that only this process knows."""

    window: int
    current: int = 0
    previous: int = 0
    unsettled: int = 0

    def turn_to(self, window: int) -> None:
        """Go on to a later window."""
        self.previous = self.current if window == self.window + 1 else 0
        self.window, self.current = window, 0

    def wait(self, rate: Rate, elapsed: float) -> float:
        """Seconds until one more is within the rate; 0 where it is now. `elapsed`: seconds of the window.

        The window slides: the one before counts with the part of it that is less than a window ago.
        """
        room = rate.most - 1 - max(self.current, 0)
        share = elapsed / rate.seconds
        if room < 0:
            # All of this window counts until it slides out of the next.
            part = 1 - (rate.most - 1) / self.current
            return rate.seconds - elapsed + part * rate.seconds
        if self.previous * (1 - share) <= room:
            return 0.0
        return (1 - room / self.previous - share) * rate.seconds


class RateCounts:
    """Decides by what this process knows, without asking anybody; `take` and `settle` are the business of a loop."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._ahead = 0.0
        """Seconds by which the clock of Redis is ahead of ours."""
        self._counts: OrderedDict[CountKey, _Count] = OrderedDict()
        self._changed: dict[CountKey, None] = {}

    def charge(self, charges: Sequence[Charge]) -> None:
        """Count all of them. Raises RateLimited, and counts nothing, if one would exceed its rate."""
        now = self._now()
        counts = []
        for charge in charges:
            count = self._count(charge, now)
            # Most are far below their rate.
            if count.current + count.previous >= charge.rate.most:
                wait = count.wait(charge.rate, now % charge.rate.seconds)
                if wait > 0:
                    raise _refusal(charge, wait)
            counts.append(count)
        for charge, count in zip(charges, counts, strict=True):
            count.current += 1
            count.unsettled += 1
            self._changed[charge.key] = None

    def take_back(self, charges: Sequence[Charge]) -> None:
        """Uncount what came to nothing."""
        now = self._now()
        for charge in charges:
            count = self._count(charge, now)
            count.current -= 1
            count.unsettled -= 1
            self._changed[charge.key] = None

    def take(self) -> Mapping[CountKey, int]:
        """Take the counts since the last call, by name: each counts as told from now on."""
        taken = {}
        for key in self._changed:
            count = self._counts.get(key)
            if count is not None:
                taken[key] = count.unsettled
                count.unsettled = 0
                self._counts.move_to_end(key)
        self._changed.clear()
        return taken

    def settle(self, settled: Mapping[CountKey, Settled], *, now: float) -> None:
        """Believe what Redis has of all processes, at an instant by its clock (seconds since 1970)."""
        self._ahead = now - self._clock()
        for key, known in settled.items():
            count = self._counts.get(key)
            if count is not None:
                count.window, count.previous = known.window, max(known.previous, 0)
                count.current = known.current + count.unsettled

    def sweep(self) -> None:
        """Forget counts that limit nothing any more."""
        now = self._now()
        past = [key for key, count in self._counts.items() if count.window + 1 < now // key.seconds]
        for key in past:
            del self._counts[key]

    def _now(self) -> float:
        return self._clock() + self._ahead

    def _count(self, charge: Charge, now: float) -> _Count:
        window = int(now // charge.rate.seconds)
        key = charge.key
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count(window)
            if len(self._counts) > MAX_COUNTS:
                self._counts.popitem(last=False)
        elif window > count.window:
            count.turn_to(window)
        return count


def _refusal(charge: Charge, wait: float) -> RateLimited:
    source, activity = Source(charge.key.source), Activity(charge.key.activity)
    return rate_refusal(source, activity, charge.rate, max(math.ceil(wait), 1))
