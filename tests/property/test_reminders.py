"""Reminders come when they are to: never after the visit, never in quiet hours, each once, also where clocks change."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.model.notifications.audiences import ReminderRule
from catalogue.model.notifications.quiet_hours import QuietHours
from kernel.zones import zone
from messages.model import ChannelName
from notifications.planning.quiet_hours import is_quiet, moved_out
from notifications.planning.reminders import plan_reminders

_ZONES: Final = (
    "Africa/Casablanca",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/London",
    "Pacific/Auckland",
    "Pacific/Chatham",
)
_CHANNELS: Final = tuple(ChannelName)
_MINUTES: Final = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001 - given UTC below
    lambda at: at.replace(second=0, microsecond=0, tzinfo=UTC)
)
_RULES: Final = st.lists(
    st.builds(
        ReminderRule,
        minutes_before=st.integers(1, 20_160),
        channels=st.lists(st.sampled_from(_CHANNELS), max_size=4).map(tuple),
    ),
    max_size=6,
)
_HOURS: Final = st.none() | st.builds(
    QuietHours,
    begin=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    end=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)


@given(
    rules=_RULES,
    start=_MINUTES,
    booked_before=st.integers(0, 30_000),
    hours=_HOURS,
    name=st.sampled_from(_ZONES),
)
def test_reminders_are_before_the_visit_out_of_quiet_hours_and_each_once(
    rules: list[ReminderRule], start: datetime, booked_before: int, hours: QuietHours | None, name: str
) -> None:
    booked = start - timedelta(minutes=booked_before)

    planned = plan_reminders(rules, start=start, known_at=booked, now=booked, hours=hours, zone=zone(name))

    assert all(booked < one.due_at < start for one in planned)
    assert not any(is_quiet(one.due_at, hours, zone(name)) for one in planned)
    keys = [(one.rule, one.channel) for one in planned]
    assert len(keys) == len(set(keys))
    assert set(keys) <= {(f"reminder:{rule.minutes_before}", channel) for rule in rules for channel in rule.channels}


@given(start=_MINUTES, booked_before=st.integers(0, 3000), minutes=st.integers(1, 3000))
def test_visit_booked_after_the_time_of_a_reminder_does_not_get_it(
    start: datetime, booked_before: int, minutes: int
) -> None:
    booked = start - timedelta(minutes=booked_before)
    rule = ReminderRule(minutes_before=minutes, channels=(ChannelName.EMAIL,))

    planned = plan_reminders([rule], start=start, known_at=booked, now=booked, hours=None, zone=zone("UTC"))

    assert bool(planned) is (minutes < booked_before)


@pytest.mark.parametrize("name", _ZONES)
@pytest.mark.parametrize("minutes", [1440, 60])
def test_reminder_is_so_much_elapsed_time_before_the_start_on_every_day_of_two_years(name: str, minutes: int) -> None:
    rule = ReminderRule(minutes_before=minutes, channels=(ChannelName.EMAIL,))
    booked = datetime(2026, 1, 1, tzinfo=UTC)
    changes = 0

    for day in range(2, 732):
        wall = datetime(2026, 1, 1, 9, tzinfo=zone(name)) + timedelta(days=day)
        (reminder,) = plan_reminders([rule], start=wall, known_at=booked, now=booked, hours=None, zone=zone(name))
        assert wall.astimezone(UTC) - reminder.due_at.astimezone(UTC) == timedelta(minutes=minutes)
        changes += reminder.due_at.astimezone(zone(name)).time() != time((9 * 60 - minutes) % 1440 // 60)

    # The clock of the wall differs on the day after a change alone.
    assert changes <= 8


def test_quiet_hours_across_midnight_and_a_change_of_the_clock_end_by_the_wall() -> None:
    hours = QuietHours(begin=time(21), end=time(8))
    # In the night to 29 March 2026 the hour from two to three is missing in Berlin.
    night = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    afternoon, morning = datetime(2026, 3, 29, 13, tzinfo=UTC), datetime(2026, 3, 29, 5, 30, tzinfo=UTC)

    after = moved_out(night, start=afternoon, hours=hours, zone=zone("Europe/Berlin"))
    before = moved_out(night, start=morning, hours=hours, zone=zone("Europe/Berlin"))

    assert after == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert before == datetime(2026, 3, 28, 19, 55, tzinfo=UTC)
