"""Fees of cancellations after moves, by either side."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import pytest

from bookings import fees, lifecycle
from bookings.model import Appointment, CustomerDetails, Details, Policy, Status
from bookings.policy_record import policy_record, stored_policy
from catalogue.model.rules.approval import Approval
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.effective import EffectiveRules
from catalogue.model.rules.fee_tiers import FeeTier
from catalogue.model.rules.reschedule import FeeAfterMove, ReschedulePolicy
from holds.model import Hold, HoldStatus
from kernel.ids import AppointmentId, CustomerId, HoldId, ServiceId
from kernel.money import Money
from kernel.operation import Actor, ActorKind
from kernel.spans import Span, to_datetime, to_minute
from tests.support.documents import EXAMPLES, catalogue_of, example

_BOOKED: Final = datetime(2026, 11, 1, tzinfo=UTC)
_START: Final = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)
_LATER: Final = _START + timedelta(days=7)
_CUSTOMER: Final = Actor(ActorKind.CUSTOMER, "apt_1")
_BUSINESS: Final = Actor(ActorKind.BUSINESS, "key_1")
_HOUR: Final = timedelta(hours=1)
_RULES: Final = EffectiveRules(cancellation=CancellationPolicy(free_until_minutes=1440, fee_percent=50))
_FAR: Final = 500 * 1440


def _hold(start: datetime) -> Hold:
    minute = to_minute(start)
    return Hold(
        id=HoldId("hld_1"),
        status=HoldStatus.PINNED,
        service_id=ServiceId("svc_1"),
        span=Span(minute, minute + 30),
        parts=(),
        claims=(),
        resource=None,
        party=1,
        price=Money(amount_minor=9000, currency="ILS"),
        placed_at=start,
        expires_at=start,
        extendable_until=start,
        appointment_id=None,
        catalogue_version=None,
    )


def _book(rules: EffectiveRules = _RULES, start: datetime = _START) -> Appointment:
    return lifecycle.book(
        _hold(start),
        _BOOKED,
        appointment_id=AppointmentId("apt_1"),
        customer_id=CustomerId("cus_1"),
        details=Details(customer=CustomerDetails(name="Dana")),
        rules=rules,
        timezone="UTC",
    ).appointment


def _move(appointment: Appointment, now: datetime, to: datetime, actor: Actor = _CUSTOMER, **more: Any) -> Appointment:
    return lifecycle.move(appointment, now, actor=actor, hold=_hold(to), timezone="UTC", **more).appointment


def _cost(appointment: Appointment, now: datetime) -> int:
    return fees.cancellation_fee(appointment, now).amount_minor


@pytest.mark.parametrize(
    ("before", "kept"), [(24 * _HOUR, None), (24 * _HOUR - timedelta(seconds=1), 4500), (_HOUR, 4500)]
)
def test_move_by_the_customer_keeps_what_a_cancellation_already_cost(before: timedelta, kept: int | None) -> None:
    moved = _move(_book(), _START - before, _LATER)

    assert (moved.kept_fee.amount_minor if moved.kept_fee else None) == kept
    assert [_cost(moved, now) for now in (_START, _LATER - 24 * _HOUR, _LATER - _HOUR)] == [kept or 0, kept or 0, 4500]


def test_fee_is_kept_through_further_moves_by_either_side() -> None:
    moved = _move(_book(), _START - _HOUR, _LATER)

    again = _move(moved, _START, _LATER + 24 * _HOUR)
    by_business = _move(again, _START, _LATER + 48 * _HOUR, _BUSINESS)

    assert [_cost(one, _START) for one in (again, by_business)] == [4500, 4500]


def test_rule_may_let_only_the_new_start_count() -> None:
    rules = replace(_RULES, reschedule=ReschedulePolicy(fee=FeeAfterMove.NEW))

    moved = _move(_book(rules), _START - _HOUR, _LATER)

    assert (moved.kept_fee, _cost(moved, _START), _cost(moved, _LATER - _HOUR)) == (None, 0, 4500)


@pytest.mark.parametrize(
    ("now", "to", "cost"),
    [
        # Into the window, as the business wants it.
        (_START - 30 * _HOUR, _START - 20 * _HOUR, {-25: 0, -24: 0, -21: 4500}),
        (_START - 30 * _HOUR, _LATER, {-25: 0, 0: 0, 144: 0, 145: 4500}),
        # Out of it: the customer gains, and owes nothing for what was before.
        (_START - _HOUR, _LATER, {0: 0, 144: 0, 145: 4500}),
    ],
)
def test_move_by_the_business_never_makes_a_cancellation_dearer(
    now: datetime, to: datetime, cost: dict[int, int]
) -> None:
    moved = _move(_book(), now, to, _BUSINESS)

    assert moved.kept_fee is None
    assert {hours: _cost(moved, _START + hours * _HOUR) for hours in cost} == cost


def test_start_that_the_customer_chooses_counts_again_after_a_move_by_the_business() -> None:
    earlier = _move(_book(start=_LATER), _BOOKED, _START, _BUSINESS)

    chosen = _move(earlier, _START - 30 * _HOUR, _START + _HOUR)

    assert (earlier.fee_start, chosen.fee_start) == (to_minute(_LATER), None)
    assert (_cost(earlier, _START - _HOUR), _cost(chosen, _START - _HOUR)) == (0, 4500)


@pytest.mark.parametrize(
    ("actor", "approval", "status"),
    [
        (_CUSTOMER, Approval(), Status.PENDING),
        (_CUSTOMER, Approval(on_move=False), Status.CONFIRMED),
        (_CUSTOMER, None, Status.CONFIRMED),
        (_BUSINESS, Approval(), Status.CONFIRMED),
    ],
)
def test_approved_visit_that_its_customer_moves_is_approved_again(
    actor: Actor, approval: Approval | None, status: Status
) -> None:
    now = _START - 30 * _HOUR
    approved = lifecycle.approve(_book(replace(_RULES, approval=Approval())), _BOOKED).appointment

    moved = _move(approved, now, _LATER, actor, approval=approval)

    assert moved.status is status
    assert moved.approve_by == (now + 24 * _HOUR if status is Status.PENDING else None)


def test_request_is_withdrawn_for_what_was_kept_and_declined_for_nothing() -> None:
    moved = _move(_book(), _START - _HOUR, _LATER, approval=Approval())

    withdrawn = lifecycle.cancel(moved, _START, actor=_CUSTOMER, reason=None).appointment
    ends = [lifecycle.decline(moved, _START), lifecycle.expire(moved, _START + 48 * _HOUR)]
    approved = lifecycle.approve(moved, _START).appointment

    assert withdrawn.fee == Money(amount_minor=4500, currency="ILS")
    assert [end.appointment.fee for end in ends] == [Money(amount_minor=0, currency="ILS")] * 2
    assert _cost(approved, _START) == 4500


_TIERS: Final = CancellationPolicy(
    tiers=(
        FeeTier(until_minutes=2880, percent=0),
        FeeTier(until_minutes=1440, percent=25),
        FeeTier(until_minutes=0, amount_minor=5000),
    ),
    grace_minutes=30,
)


@pytest.mark.parametrize(
    ("before", "fee"),
    [
        (timedelta(days=20), 0),
        (timedelta(days=2), 0),
        (timedelta(days=2, seconds=-1), 2250),
        (timedelta(days=1), 2250),
        (timedelta(days=1, seconds=-1), 5000),
        (timedelta(seconds=1), 5000),
    ],
)
def test_cancellation_costs_what_the_first_tier_says_that_is_not_over(before: timedelta, fee: int) -> None:
    assert _cost(_book(replace(_RULES, cancellation=_TIERS)), _START - before) == fee


def test_amount_is_never_more_than_the_price() -> None:
    tier = FeeTier(until_minutes=0, amount_minor=5000)

    assert [tier.fee(Money(amount_minor=price, currency="ILS")).amount_minor for price in (0, 4999, 9000)] == [
        0,
        4999,
        5000,
    ]


def test_cancellation_is_free_for_a_while_after_the_booking_and_a_move_begins_no_new_while() -> None:
    booked = _book(replace(_RULES, cancellation=_TIERS), _BOOKED + _HOUR)

    costs = [_cost(booked, _BOOKED + timedelta(minutes=30, seconds=late)) for late in (0, 1)]
    in_grace = _move(booked, _BOOKED, _BOOKED + 2 * _HOUR)
    after_it = _move(booked, _BOOKED + timedelta(minutes=31), _LATER)

    assert costs == [0, 5000]
    assert (in_grace.kept_fee, _cost(in_grace, _BOOKED + _HOUR)) == (None, 5000)
    assert _cost(after_it, _BOOKED + timedelta(minutes=31)) == 5000


def _policies() -> Iterator[tuple[str, EffectiveRules]]:
    """Every service of every example, with each of those who may lead it."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        catalogue = catalogue_of(example(path.stem))
        for service in catalogue.services:
            for lead in catalogue.pool(service.requires[0]):
                yield f"{path.stem} {service.key} {lead.key}", catalogue.rules_for(service, lead)


@pytest.mark.parametrize(("name", "rules"), list(_policies()))
def test_no_example_lets_a_move_make_a_late_cancellation_cheaper(name: str, rules: EffectiveRules) -> None:
    start = to_datetime(to_minute(_START) + _FAR)
    booked = _book(replace(rules, approval=None), start)
    cutoff = start - timedelta(minutes=rules.reschedule.until_minutes)

    for minutes in (0, 1, 60, 720, 1440, 2880, 4320, 10080, 20000):
        now = cutoff - timedelta(minutes=minutes)
        moved = _move(booked, now, start + timedelta(days=300), approval=rules.approval)
        assert _cost(moved, now) == _cost(booked, now), (name, minutes)


@pytest.mark.parametrize(
    ("policy", "more"),
    [
        (Policy(cancellation=CancellationPolicy(fee_percent=5), reschedule=ReschedulePolicy(max_times=2)), None),
        (
            Policy(cancellation=CancellationPolicy(), reschedule=ReschedulePolicy(fee=FeeAfterMove.NEW)),
            {"reschedule": {"fee": "new"}},
        ),
        (
            Policy(cancellation=_TIERS, reschedule=ReschedulePolicy()),
            {
                "cancellation": {
                    "tiers": [
                        {"until_minutes": 2880, "percent": 0},
                        {"until_minutes": 1440, "percent": 25},
                        {"until_minutes": 0, "amount_minor": 5000},
                    ],
                    "grace_minutes": 30,
                }
            },
        ),
    ],
)
def test_policy_is_stored_so_that_version_0_1_reads_its_part(policy: Policy, more: object) -> None:
    record = orjson.loads(orjson.dumps(policy_record(policy)))

    assert stored_policy(record) == policy
    assert record.get("more") == more
    # It gives each rule all of these members by name, and knows no others.
    assert set(record["cancellation"]) == {"free_until_minutes", "fee_percent", "no_show_fee_percent"}
    assert set(record["reschedule"]) == {"until_minutes", "max_times"}


def test_policy_of_a_newer_program_is_read() -> None:
    record = {"cancellation": {"fee_percent": 5}, "reschedule": {}, "more": {"cancellation": {"insured": True}}}

    assert stored_policy(record) == Policy(
        cancellation=CancellationPolicy(fee_percent=5), reschedule=ReschedulePolicy()
    )
