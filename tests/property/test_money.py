"""Random moves, cancellations and ends of visits by both sides: nobody pays more, or less, than the documents say."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from bookings import fees, lifecycle
from bookings.lifecycle import AppointmentChange
from bookings.model import Appointment, CustomerDetails, Details, InvalidTransition
from catalogue.model.rules.approval import Approval
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.effective import EffectiveRules
from catalogue.model.rules.fee_tiers import FeeTier
from catalogue.model.rules.reschedule import FeeAfterMove, ReschedulePolicy
from holds.model import Hold, HoldStatus
from kernel.errors import DomainError
from kernel.ids import AppointmentId, CustomerId, HoldId, ServiceId
from kernel.money import Money
from kernel.operation import Actor, ActorKind
from kernel.spans import Span
from tests.support.money import Account, RefusedError, Terms

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY: Final = int(datetime(2026, 11, 30, tzinfo=UTC).timestamp())
_STEPS: Final = 2_000
_SEEDS: Final = range(5)
_TO_THE_END: Final = -1_000_000
_MINUTES: Final = (0, 1, 30, 60, 120, 1440, 2880, 10080)


class _Booking:
    """One appointment, twice: as the engine has it, and as the model does."""

    def __init__(self, draw: random.Random, now: int) -> None:
        self.draw = draw
        self.terms = _terms(draw)
        start = _start(draw, now)
        self.account = Account(self.terms, now, [start])
        self.rules = _rules(self.terms)
        self.engine = lifecycle.book(
            _hold(start, self.terms.price),
            _instant(now),
            appointment_id=AppointmentId("apt_1"),
            customer_id=CustomerId("cus_1"),
            details=Details(customer=CustomerDetails(name="Dana")),
            rules=self.rules,
            timezone="UTC",
        ).appointment

    def act(self, now: int) -> tuple[str, bool]:
        """Do something by somebody, in both, and compare all that is owed. The operation, and whether it was done."""
        name = self.draw.choices(list(_OPERATIONS), weights=[weight for weight, _ in _OPERATIONS.values()])[0]
        by_engine, by_model = _OPERATIONS[name][1](self, now)
        before = self.engine
        try:
            self.engine = by_engine(before, _instant(now)).appointment
        except DomainError:
            done = False
        else:
            done = True
        try:
            by_model()
        except RefusedError:
            assert not done, (name, self.account)
        else:
            assert done, (name, self.account)
        assert self.told(self.engine) == self.told_by_model(), (name, before, self.account)
        if self.account.status in {"pending", "confirmed"}:
            assert fees.cancellation_fee(self.engine, _instant(now)).amount_minor == self.account.cost(now)
        return name, done

    def told(self, appointment: Appointment) -> tuple[object, ...]:
        kept, fee = appointment.kept_fee, appointment.fee
        return (
            appointment.status.value,
            appointment.span.start * 60,
            None if fee is None else fee.amount_minor,
            0 if kept is None else kept.amount_minor,
            appointment.times_rescheduled,
        )

    def told_by_model(self) -> tuple[object, ...]:
        account = self.account
        return account.status, account.start, account.owed, account.kept, account.moves


_Engine = Callable[[Appointment, datetime], AppointmentChange]
_Pair = tuple[_Engine, Callable[[], None]]


def _move(booking: _Booking, now: int, *, by_customer: bool) -> _Pair:
    to = _start(booking.draw, now)
    hold, actor = _hold(to, booking.terms.price), _actor(by_customer=by_customer)

    def by_engine(appointment: Appointment, instant: datetime) -> AppointmentChange:
        approval = booking.rules.approval
        return lifecycle.move(appointment, instant, actor=actor, hold=hold, timezone="UTC", approval=approval)

    return by_engine, lambda: booking.account.move(now, to, by_customer=by_customer)


def _cancel(booking: _Booking, now: int, *, by_customer: bool) -> _Pair:
    actor = _actor(by_customer=by_customer)

    def by_engine(appointment: Appointment, instant: datetime) -> AppointmentChange:
        return lifecycle.cancel(appointment, instant, actor=actor, reason=None)

    return by_engine, lambda: booking.account.cancel(now, by_customer=by_customer)


def _miss(booking: _Booking, now: int) -> _Pair:
    waives = booking.draw.random() < 0.3

    def by_engine(appointment: Appointment, instant: datetime) -> AppointmentChange:
        return lifecycle.no_show(appointment, instant, waives_fee=waives)

    return by_engine, lambda: booking.account.finish(now, missed=True, waive=waives)


def _expire(appointment: Appointment, now: datetime) -> AppointmentChange:
    """As the loop does, which finds only what is due."""
    if appointment.approve_by is None or now <= appointment.approve_by:
        raise InvalidTransition("It has not expired.")
    return lifecycle.expire(appointment, now)


_OPERATIONS: Final[dict[str, tuple[int, Callable[[_Booking, int], _Pair]]]] = {
    "customer moves": (30, lambda booking, now: _move(booking, now, by_customer=True)),
    "business moves": (12, lambda booking, now: _move(booking, now, by_customer=False)),
    "customer cancels": (8, lambda booking, now: _cancel(booking, now, by_customer=True)),
    "business cancels": (2, lambda booking, now: _cancel(booking, now, by_customer=False)),
    "approves": (15, lambda booking, now: (lifecycle.approve, lambda: booking.account.approve(now))),
    "declines": (1, lambda booking, _now: (lifecycle.decline, booking.account.decline)),
    "expires": (4, lambda booking, now: (_expire, lambda: booking.account.expire(now))),
    "completes": (3, lambda booking, now: (lifecycle.complete, lambda: booking.account.finish(now, missed=False))),
    "misses": (5, _miss),
    "waives": (3, lambda booking, _now: (lifecycle.waive_fee, booking.account.waive)),
    "reopens": (20, lambda booking, now: (lifecycle.reopen, lambda: booking.account.reopen(now))),
}


@pytest.mark.parametrize("seed", _SEEDS)
def test_random_moves_and_cancellations_cost_what_the_documents_say(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - no secret
    now, moves_and_cancellations = _MONDAY, 0
    done: Counter[str] = Counter()
    bookings = [_Booking(draw, now) for _ in range(20)]

    while moves_and_cancellations < _STEPS:
        now += draw.choice((0, 1, 59, 60, 600, 3600, 4 * 3600))
        place = draw.randrange(len(bookings))
        name, was_done = bookings[place].act(now)
        done[name] += was_done
        moves_and_cancellations += was_done and name.endswith(("moves", "cancels"))
        if bookings[place].account.status in {"cancelled", "completed", "no_show"} and draw.random() < 0.25:
            bookings[place] = _Booking(draw, now)

    assert min(done[name] for name in _OPERATIONS) > 10, done


def _terms(draw: random.Random) -> Terms:
    steps: tuple[tuple[int, int | None, int | None], ...]
    if draw.random() < 0.4:
        steps = ((draw.choice(_MINUTES), 0, None), (_TO_THE_END, draw.choice((0, 25, 50, 99, 100)), None))
    else:
        untils = sorted(draw.sample(_MINUTES[1:], draw.randint(0, 4)), reverse=True)
        costs = [(draw.randint(0, 100), None) if draw.random() < 0.6 else (None, draw.choice((0, 700, 50_000)))
                 for _ in range(len(untils) + 1)]  # fmt: skip
        steps = tuple((until, *cost) for until, cost in zip((*untils, _TO_THE_END), costs, strict=True))
    return Terms(
        price=draw.choice((0, 1, 50, 9_000, 12_345)),
        steps=steps,
        grace_minutes=draw.choice((0, 0, 10, 600)),
        no_show_percent=draw.choice((0, 50, 100)),
        move_until_minutes=draw.choice(_MINUTES[:5]),
        most_moves=draw.choice((None, None, 0, 2, 5)),
        keeps_fee=draw.random() < 0.8,
        approval_minutes=draw.choice((None, None, 30, 1440)),
        asks_on_move=draw.random() < 0.7,
    )


def _rules(terms: Terms) -> EffectiveRules:
    tiers = tuple(
        FeeTier(until_minutes=max(until, 0), percent=percent, amount_minor=amount)
        for until, percent, amount in terms.steps
    )
    simple = len(tiers) == 2 and tiers[0].percent == 0 and tiers[1].percent is not None
    approval = Approval(within_minutes=terms.approval_minutes, on_move=terms.asks_on_move)
    return EffectiveRules(
        cancellation=CancellationPolicy(
            free_until_minutes=tiers[0].until_minutes if simple else 0,
            fee_percent=(tiers[1].percent or 0) if simple else 0,
            no_show_fee_percent=terms.no_show_percent,
            tiers=() if simple else tiers,
            grace_minutes=terms.grace_minutes,
        ),
        reschedule=ReschedulePolicy(
            until_minutes=terms.move_until_minutes,
            max_times=terms.most_moves,
            fee=FeeAfterMove.KEEP if terms.keeps_fee else FeeAfterMove.NEW,
        ),
        approval=None if terms.approval_minutes is None else approval,
    )


def _start(draw: random.Random, now: int) -> int:
    """Some whole minutes from now, soon more often than late."""
    return (now // 60 + draw.choice((1, 15, 60, 180, 1000, 1440, 1500, 3000, 12000))) * 60


def _hold(start: int, price: int) -> Hold:
    minute, instant = start // 60, _instant(start)
    return Hold(
        id=HoldId("hld_1"),
        status=HoldStatus.PINNED,
        service_id=ServiceId("svc_1"),
        span=Span(minute, minute + 30),
        parts=(),
        claims=(),
        resource=None,
        party=1,
        price=Money(amount_minor=price, currency="ILS"),
        placed_at=instant,
        expires_at=instant,
        extendable_until=instant,
        appointment_id=None,
        catalogue_version=None,
    )


def _actor(*, by_customer: bool) -> Actor:
    return Actor(ActorKind.CUSTOMER if by_customer else ActorKind.BUSINESS, "somebody")


def _instant(second: int) -> datetime:
    return _EPOCH + timedelta(seconds=second)
