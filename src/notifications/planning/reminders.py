"""Reminders of a visit: which ones there are to be, and at what instants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from catalogue.model.notifications.audiences import ReminderRule
from catalogue.model.notifications.quiet_hours import QuietHours
from messages.model import ChannelName
from notifications.planning.quiet_hours import is_quiet, moved_out


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReminder:
    """A reminder by one channel."""

    rule: str
    """Its name, such as `reminder:1440`."""
    minutes_before: int
    channel: ChannelName
    due_at: datetime


def rule_name(minutes_before: int) -> str:
    """The name of the rule of a reminder."""
    return f"reminder:{minutes_before}"


def minutes_of(rule: str) -> int:
    """The distance that a name of a rule tells."""
    return int(rule.partition(":")[2])


def plan_reminders(
    rules: Sequence[ReminderRule],
    *,
    start: datetime,
    known_at: datetime,
    now: datetime,
    hours: QuietHours | None,
    zone: tzinfo,
) -> list[PlannedReminder]:
    """The reminders of a visit, each rule once for each channel, the earliest first.

    A visit that was booked, or moved, after the time of a reminder gets none by that rule. None is in quiet hours, and
    none is due once the visit has begun: where both cannot be, there is none.
    """
    planned: dict[tuple[str, ChannelName], PlannedReminder] = {}
    for rule in rules:
        # In UTC: arithmetic in a zone counts by the clock on the wall, which may jump in between.
        wished = start.astimezone(UTC) - timedelta(minutes=rule.minutes_before)
        if wished <= known_at or now >= start:
            continue
        due_at = moved_out(wished, start=start, hours=hours, zone=zone)
        if due_at < wished and (due_at <= known_at or is_quiet(due_at, hours, zone)):
            # It would have to be sent before the visit was booked.
            continue
        for channel in rule.channels:
            name = rule_name(rule.minutes_before)
            planned[name, channel] = PlannedReminder(
                rule=name, minutes_before=rule.minutes_before, channel=channel, due_at=due_at
            )
    return sorted(planned.values(), key=lambda one: (one.due_at, one.rule, one.channel))
