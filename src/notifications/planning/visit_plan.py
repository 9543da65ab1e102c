"""Plan of a visit: which notifications there ought to be, beside those that there are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from catalogue.model.notifications.rules import NotificationRules
from kernel.ids import AppointmentId, NotificationId, new_notification_id
from messages.content.model import MessageKind
from messages.model import ChannelName
from notifications.model import Notification, NotificationStatus, SkipReason
from notifications.planning.notices import (
    Happening,
    Notice,
    channels_for,
    due_at,
    folded,
    kind_of,
    notice_of,
)
from notifications.planning.recipients import Recipient
from notifications.planning.reminders import PlannedReminder, plan_reminders

_EVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit as far as notifications depend on it."""

    appointment_id: AppointmentId
    version: int
    is_confirmed: bool
    is_erased: bool
    start: datetime
    zone: tzinfo
    """The customer's."""
    customer: Recipient
    staff: Sequence[Recipient]


@dataclass(slots=True, kw_only=True)
class VisitPlan:
    """Changes of the notifications of a visit."""

    added: list[Notification] = field(default_factory=list)
    withdrawn: dict[NotificationId, SkipReason] = field(default_factory=dict)
    telling: list[NotificationId] = field(default_factory=list)
    """Planned notices that tell of the visit as it is now."""
    due: dict[NotificationId, datetime] = field(default_factory=dict)
    """Reminders whose time is another one."""


def plan_visit(
    visit: Visit,
    rules: NotificationRules,
    *,
    stored: Sequence[Notification],
    happenings: Sequence[Happening],
    now: datetime,
) -> VisitPlan:
    """The changes that make the notifications of a visit what they ought to be. `stored`: the newest first.

    `happenings`: the events that nobody was told of, the oldest first.
    """
    plan = VisitPlan()
    if visit.is_erased:
        plan.withdrawn = {one.id: SkipReason.ERASED for one in stored if _is_planned(one)}
        return plan
    notice = notice_of(happenings, now=now)
    if notice is not None:
        _plan_notices(plan, visit, rules, notice=notice, stored=stored, seq=happenings[-1].seq, now=now)
    _plan_reminders(plan, visit, rules, stored=stored, known_at=_known_at(happenings, now), now=now)
    return plan


def _known_at(happenings: Sequence[Happening], now: datetime) -> datetime:
    """The instant at which the time of the visit became known: a reminder of before it makes no sense."""
    told = [one.occurred_at for one in happenings if kind_of(one) is not None]
    return told[-1] if told else now


def _plan_notices(
    plan: VisitPlan,
    visit: Visit,
    rules: NotificationRules,
    *,
    notice: Notice,
    stored: Sequence[Notification],
    seq: int,
    now: datetime,
) -> None:
    """Plan the notice for each receiver and channel, together with what they were not told yet."""
    slots = {(one.kind, one.id, channel): one for one, channel in _told(visit, rules, notice.kind)}
    for one in stored:
        if _is_planned(one) and one.rule is None and one.resent_of is None and one.slot not in slots:
            # They are not told of what follows, so not of what was before it either.
            plan.withdrawn[one.id] = SkipReason.SUPERSEDED
    for (_, _, channel), recipient in slots.items():
        earlier = [
            one
            for one in stored
            if one.rule is None and one.resent_of is None and one.slot == (recipient.kind, recipient.id, channel)
        ]
        waiting = next((one for one in earlier if _is_planned(one)), None)
        kind = folded(None if waiting is None else waiting.kind, notice.kind)
        if waiting is not None and waiting.kind is kind:
            plan.telling.append(waiting.id)
            continue
        if waiting is not None:
            plan.withdrawn[waiting.id] = SkipReason.SUPERSEDED
        last = next((one.created_at for one in earlier if one.kind is kind and not _is_planned(one)), None)
        plan.added.append(
            _notification(
                visit,
                recipient,
                channel,
                kind=kind,
                event_id=notice.event_id,
                event_seq=seq,
                due=due_at(now, last),
                dedupe=f"{notice.event_id}:{recipient.id}:{channel.value}",
            )
        )


def _told(visit: Visit, rules: NotificationRules, kind: MessageKind) -> list[tuple[Recipient, ChannelName]]:
    """The receivers of a notice, each with their channels."""
    told = [(visit.customer, one) for one in channels_for(kind, rules.customer, is_customer=True)]
    staff = channels_for(kind, rules.staff, is_customer=False)
    return told + [(recipient, channel) for recipient in visit.staff for channel in staff]


def _plan_reminders(
    plan: VisitPlan,
    visit: Visit,
    rules: NotificationRules,
    *,
    stored: Sequence[Notification],
    known_at: datetime,
    now: datetime,
) -> None:
    """Plan reminders that there are not, take back those that are none any more, and keep the rest to its time."""
    open_ones = [one for one in stored if one.rule is not None and _is_planned(one) and one.resent_of is None]
    ever = _reminders(visit, rules, known_at=_EVER, now=now) if visit.is_confirmed else []
    wanted = {_reminder_key(visit, one): one for one in ever}
    kept = set()
    for one in open_ones:
        reminder = wanted.get(one.dedupe)
        if reminder is None:
            plan.withdrawn[one.id] = SkipReason.CHANGED
        else:
            kept.add(one.dedupe)
            if one.attempt == 0 and reminder.due_at != one.due_at:
                plan.due[one.id] = reminder.due_at
    if not visit.is_confirmed:
        return
    for reminder in _reminders(visit, rules, known_at=known_at, now=now):
        key = _reminder_key(visit, reminder)
        if key not in kept:
            plan.added.append(
                _notification(
                    visit,
                    visit.customer,
                    reminder.channel,
                    kind=MessageKind.REMINDER,
                    rule=reminder.rule,
                    due=reminder.due_at,
                    dedupe=key,
                )
            )


def _reminders(visit: Visit, rules: NotificationRules, *, known_at: datetime, now: datetime) -> list[PlannedReminder]:
    return plan_reminders(
        rules.customer.reminders,
        start=visit.start,
        known_at=known_at,
        now=now,
        hours=rules.quiet_hours,
        zone=visit.zone,
    )


def _reminder_key(visit: Visit, reminder: PlannedReminder) -> str:
    start = int(visit.start.timestamp())
    return f"{visit.appointment_id}:{start}:{reminder.rule}:{visit.customer.id}:{reminder.channel.value}"


def _is_planned(one: Notification) -> bool:
    return one.status is NotificationStatus.PLANNED


def _notification(
    visit: Visit,
    recipient: Recipient,
    channel: ChannelName,
    *,
    kind: MessageKind,
    due: datetime,
    dedupe: str,
    rule: str | None = None,
    event_id: str | None = None,
    event_seq: int | None = None,
) -> Notification:
    return Notification(
        id=new_notification_id(),
        kind=kind,
        recipient=recipient,
        channel=channel,
        appointment_id=visit.appointment_id,
        appointment_version=visit.version,
        visit_start=visit.start,
        event_id=event_id,
        event_seq=event_seq,
        rule=rule,
        dedupe=dedupe,
        due_at=due,
        status=NotificationStatus.PLANNED,
        created_at=due,
    )
