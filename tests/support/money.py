"""A model of what an appointment costs its customer, written from the documents alone: it imports nothing of ours.

Instants are seconds since 1970, amounts are minor units.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

DAY = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a booking. Steps are (minutes before the start, percent or None, amount or None)."""

    price: int
    steps: tuple[tuple[int, int | None, int | None], ...]
    """From early to late; a cancellation costs what the first one says that it is not too late for."""
    grace_minutes: int = 0
    no_show_percent: int = 0
    move_until_minutes: int = 0
    most_moves: int | None = None
    keeps_fee: bool = True
    approval_minutes: int | None = None
    asks_on_move: bool = True


class RefusedError(Exception):
    """The operation is not possible now, and changes nothing."""


@dataclass(slots=True)
class Account:
    """One appointment, and what its customer owes."""

    terms: Terms
    booked: int
    starts: list[int]
    """Those since its customer last chose one: the chosen one, and those that the business moved it to."""
    status: str = "confirmed"
    approve_by: int = 0
    kept: int = 0
    moves: int = 0
    owed: int | None = None
    ended: int = 0

    def __post_init__(self) -> None:
        if self.terms.approval_minutes is not None:
            self._ask(self.booked)

    @property
    def start(self) -> int:
        """The present one."""
        return self.starts[-1]

    def cost(self, now: int) -> int:
        """What a cancellation by the customer would cost."""
        in_grace = self.terms.grace_minutes > 0 and now <= self.booked + self.terms.grace_minutes * 60
        if self.status == "pending" or in_grace:
            return self.kept
        left = max(self.starts) - now
        percent, amount = next((percent, amount) for until, percent, amount in self.terms.steps if left >= until * 60)
        return max(self.kept, self._share(percent) if amount is None else min(amount, self.terms.price))

    def move(self, now: int, to: int, *, by_customer: bool) -> None:
        """To another start."""
        self._live(now)
        if not by_customer:
            self.starts.append(to)
        else:
            if now > self.start - self.terms.move_until_minutes * 60 or self.moves == self.terms.most_moves:
                raise RefusedError
            if self.terms.keeps_fee:
                self.kept = self.cost(now)
            self.starts = [to]
            self.moves += 1
            if self.status == "confirmed" and self.terms.approval_minutes is not None and self.terms.asks_on_move:
                self._ask(now)
        if self.status == "pending":
            self.approve_by = min(self.approve_by, to)

    def cancel(self, now: int, *, by_customer: bool) -> None:
        """By either side."""
        self._any_of("pending", "confirmed")
        if by_customer and self.status == "confirmed" and now >= self.start:
            raise RefusedError
        self._end("cancelled", self.cost(now) if by_customer else 0)

    def approve(self, now: int) -> None:
        """The business takes the request."""
        self._any_of("pending")
        self._live(now)
        self.status = "confirmed"

    def decline(self) -> None:
        """The business does not want the request."""
        self._any_of("pending")
        self._end("cancelled", 0)

    def expire(self, now: int) -> None:
        """Nobody answered the request."""
        if self.status != "pending" or now <= self.approve_by:
            raise RefusedError
        self._end("cancelled", 0)

    def finish(self, now: int, *, missed: bool, waive: bool = False) -> None:
        """The visit is over: it took place, or the customer did not come."""
        self._any_of("confirmed")
        if now < self.start:
            raise RefusedError
        self.ended = now
        self._end("no_show" if missed else "completed", self._share(self.terms.no_show_percent) if missed else None)
        if waive and missed:
            self.owed = 0

    def waive(self) -> None:
        """The business forgoes the fee."""
        if self.owed is None:
            raise RefusedError
        self.owed = 0

    def reopen(self, now: int) -> None:
        """It was a mistake that the visit is over."""
        self._any_of("completed", "no_show")
        if now > self.ended + DAY:
            raise RefusedError
        self.status, self.owed = "confirmed", None

    def _ask(self, now: int) -> None:
        assert self.terms.approval_minutes is not None
        self.status = "pending"
        self.approve_by = min(now + self.terms.approval_minutes * 60, self.start)

    def _end(self, status: str, owed: int | None) -> None:
        self.status, self.owed = status, owed

    def _any_of(self, *statuses: str) -> None:
        if self.status not in statuses:
            raise RefusedError

    def _live(self, now: int) -> None:
        self._any_of("pending", "confirmed")
        if self.status == "pending" and now > self.approve_by:
            raise RefusedError

    def _share(self, percent: int | None) -> int:
        assert percent is not None
        return int((Decimal(self.terms.price) * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))
