"""Plans of visits: one message for each receiver and channel, and the last state wins."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from catalogue.model.notifications.audiences import AudienceRules
from catalogue.model.notifications.rules import DEFAULT_RULES
from kernel.ids import AppointmentId
from kernel.zones import zone
from messages.content.model import Audience, MessageKind
from messages.model import ChannelName, SendFailed, SendFault
from notifications.model import Notification, NotificationStatus
from notifications.planning.notices import Happening, notice_of
from notifications.planning.recipients import Colleague, Recipient, RecipientKind, staff_to_tell
from notifications.planning.visit_plan import Visit, VisitPlan, plan_visit
from notifications.schedule import next_attempt

_NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
_CUSTOMER: Final = Recipient(audience=Audience.CUSTOMER, kind=RecipientKind.CUSTOMER, id="cus_1")
_NOA: Final = Recipient(audience=Audience.STAFF, kind=RecipientKind.USER, id="usr_1")
_VISIT: Final = Visit(
    appointment_id=AppointmentId("apt_1"),
    version=1,
    is_confirmed=True,
    is_erased=False,
    start=_NOW + timedelta(days=3),
    zone=zone("UTC"),
    customer=_CUSTOMER,
    staff=(_NOA,),
)


def _happened(*types: str, at: datetime = _NOW, status: str = "confirmed") -> list[Happening]:
    return [
        Happening(seq=seq, event_id=f"evt_{seq}", type=f"appointment.{name}", status=status, occurred_at=at)
        for seq, name in enumerate(types, 1)
    ]


def _plan(
    happenings: Sequence[Happening], stored: Sequence[Notification] = (), visit: Visit = _VISIT, now: datetime = _NOW
) -> VisitPlan:
    return plan_visit(visit, DEFAULT_RULES, stored=stored, happenings=happenings, now=now)


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        (["confirmed"], MessageKind.CONFIRMED),
        (["confirmed", "rescheduled"], MessageKind.CONFIRMED),
        (["rescheduled", "rescheduled"], MessageKind.RESCHEDULED),
        (["confirmed", "rescheduled", "cancelled"], MessageKind.CANCELLED),
        (["confirmed", "annotated"], MessageKind.CONFIRMED),
        (["pending", "approved"], MessageKind.APPROVED),
    ],
)
def test_last_state_of_several_events_is_told(types: list[str], kind: MessageKind) -> None:
    notice = notice_of(_happened(*types), now=_NOW)

    assert notice is not None
    assert notice.kind is kind


def test_move_that_is_to_be_approved_is_told_as_a_request() -> None:
    notice = notice_of(_happened("rescheduled", status="pending"), now=_NOW)

    assert notice is not None
    assert notice.kind is MessageKind.PENDING


def test_event_of_two_days_ago_is_told_to_nobody() -> None:
    assert notice_of(_happened("confirmed", at=_NOW - timedelta(days=2)), now=_NOW) is None


def test_each_receiver_is_told_once_by_each_channel() -> None:
    plan = _plan(_happened("confirmed", "rescheduled", "rescheduled"))

    told = [one for one in plan.added if one.rule is None]
    assert [(one.recipient.id, one.kind) for one in told] == [
        ("cus_1", MessageKind.CONFIRMED),
        ("usr_1", MessageKind.CONFIRMED),
    ]
    assert len({one.dedupe for one in plan.added}) == len(plan.added)


def test_channel_that_is_named_twice_carries_one_message() -> None:
    email = (ChannelName.EMAIL, ChannelName.EMAIL)
    rules = replace(DEFAULT_RULES, customer=AudienceRules(by_kind={MessageKind.CONFIRMED: email}))

    plan = plan_visit(_VISIT, rules, stored=(), happenings=_happened("confirmed"), now=_NOW)

    assert len([one for one in plan.added if one.recipient == _CUSTOMER]) == 1


def test_second_move_within_a_minute_waits_until_the_minute_is_over() -> None:
    first = _plan(_happened("rescheduled")).added
    sent = [replace(one, status=NotificationStatus.SENT, created_at=_NOW) for one in first]

    later = _NOW + timedelta(seconds=5)
    second = _plan(_happened("rescheduled"), sent, now=later)

    assert {one.due_at for one in second.added if one.kind is MessageKind.RESCHEDULED} == {_NOW + timedelta(minutes=1)}


def test_move_before_the_message_of_the_last_one_went_out_adds_none() -> None:
    first = _plan(_happened("rescheduled")).added

    second = _plan(_happened("rescheduled"), first)

    assert second.added == []
    assert second.telling == [one.id for one in first if one.rule is None]


def test_cancellation_takes_back_what_was_not_sent() -> None:
    first = _plan(_happened("confirmed")).added

    plan = _plan(_happened("cancelled"), first, visit=replace(_VISIT, is_confirmed=False, version=2))

    assert set(plan.withdrawn) == {one.id for one in first}
    assert {one.kind for one in plan.added} == {MessageKind.CANCELLED}


def test_plan_without_news_keeps_reminders_that_are_due() -> None:
    first = _plan(_happened("confirmed")).added
    soon = _VISIT.start - timedelta(minutes=59)

    plan = _plan([], first, now=soon)

    assert plan == VisitPlan(added=[], withdrawn={}, telling=[], due={})


def test_nothing_is_planned_for_an_erased_customer() -> None:
    first = _plan(_happened("confirmed")).added

    plan = _plan(_happened("rescheduled"), first, visit=replace(_VISIT, is_erased=True))

    assert plan.added == []
    assert set(plan.withdrawn) == {one.id for one in first}


def test_owners_are_told_where_nobody_who_serves_signs_in() -> None:
    owner = Colleague(id="usr_owner", is_owner=True, resource_id=None)
    noa = Colleague(id="usr_noa", is_owner=False, resource_id="res_noa")

    assert [one.id for one in staff_to_tell([owner, noa], {"res_noa"})] == ["usr_noa"]
    assert [one.id for one in staff_to_tell([owner, noa], {"res_dan"})] == ["usr_owner"]


@pytest.mark.parametrize(
    ("fault", "attempt", "seconds"),
    [
        (SendFault.NO_CONNECTION, 9, 60),
        (SendFault.DEFERRED, 1, 30),
        (SendFault.DEFERRED, 99, 3600),
        (SendFault.REFUSED, 1, None),
    ],
)
def test_next_attempt_follows_the_fault(fault: SendFault, attempt: int, seconds: int | None) -> None:
    failure = SendFailed(fault, "told")

    due_at = next_attempt(failure, attempt, now=_NOW, until=_NOW + timedelta(days=1), chance=0.5)

    assert due_at == (None if seconds is None else _NOW + timedelta(seconds=seconds))


def test_no_attempt_is_made_after_the_visit_has_begun() -> None:
    failure = SendFailed(SendFault.DEFERRED, "told")

    assert next_attempt(failure, 8, now=_NOW, until=_NOW + timedelta(minutes=10), chance=0.5) is None
