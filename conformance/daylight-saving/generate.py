# ruff: noqa: INP001, T201 - a script beside the data that it writes, and it says what it wrote
"""Writes the conformance suite for daylight saving, by looking at every minute on its own.

It shares nothing with the engine that it judges, and calculates with no offset. Each minute of UTC is read off the wall
clock of the zone, and that reading alone decides whether the minute is worked.
"""

import json
import sys
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import tzdata

# The package's data and never those of the operating system, which may be older.
zoneinfo.reset_tzpath(to=[])

HERE: Final = Path(__file__).parent
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MINUTES_PER_DAY: Final = 1440
WIDEST_LINE: Final = 120

Case = dict[str, Any]
Weekly = dict[str, Any]
Closure = dict[str, Any]

# A date on which, or in the night after which, the clock of the zone is changed.
CHANGES: Final = (
    ("Africa/Cairo", "2026-04-23"),  # the midnight after it is skipped
    ("Africa/Cairo", "2026-10-29"),  # its last hour is repeated
    ("Africa/Casablanca", "2026-02-15"),  # back for Ramadan, in what is summer time all year
    ("Africa/Casablanca", "2026-03-22"),  # ahead when Ramadan is over
    ("Africa/Casablanca", "2026-09-20"),  # back for good
    ("America/Havana", "2025-11-02"),  # its first hour is repeated
    ("America/Havana", "2026-03-08"),  # its midnight is skipped, and that hour is not given back in autumn
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("America/Nuuk", "2026-03-28"),  # its last hour is skipped
    ("America/Nuuk", "2026-10-24"),  # its last hour is repeated
    ("America/Santiago", "2026-04-04"),  # its last hour is repeated
    ("America/Santiago", "2026-09-06"),  # its midnight is skipped
    ("America/Sao_Paulo", "2018-02-17"),  # its last hour is repeated
    ("America/Sao_Paulo", "2018-11-04"),  # its midnight is skipped
    ("America/St_Johns", "2006-04-02"),  # at one minute past midnight
    ("America/St_Johns", "2006-10-29"),  # at one minute past midnight, back into the day before
    ("America/St_Johns", "2026-03-08"),
    ("America/St_Johns", "2026-11-01"),
    ("Antarctica/Troll", "2026-03-29"),  # two hours
    ("Antarctica/Troll", "2026-10-25"),
    ("Asia/Beirut", "2026-03-29"),  # its midnight is skipped
    ("Asia/Beirut", "2026-10-24"),  # its last hour is repeated
    ("Asia/Jerusalem", "2026-03-27"),
    ("Asia/Jerusalem", "2026-10-25"),
    ("Asia/Pyongyang", "2015-08-14"),  # half an hour back, and not for a season
    ("Asia/Pyongyang", "2018-05-04"),  # half an hour ahead: its last one is skipped
    ("Asia/Tehran", "2021-03-22"),  # its midnight is skipped
    ("Asia/Tehran", "2021-09-21"),  # its last hour is repeated
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Australia/Sydney", "2026-04-05"),
    ("Australia/Sydney", "2026-10-04"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/Dublin", "2026-03-29"),  # the data call winter time the exception here
    ("Europe/Dublin", "2026-10-25"),
    ("Europe/London", "2026-03-29"),
    ("Europe/London", "2026-10-25"),
    ("Pacific/Apia", "2012-04-01"),
    ("Pacific/Apia", "2012-09-30"),
    ("Pacific/Chatham", "2026-04-05"),  # at a quarter to four, 45 minutes off the hour from UTC
    ("Pacific/Chatham", "2026-09-27"),
)

ABOUT: Final = {
    "over-it-fixed": "Three fixed starts, one of them among the readings that are skipped or repeated.",
    "over-it-last-start": "The last start is two elapsed hours before work ends, across the change.",
    "no-friday": "A date that was skipped has no shift.",
    "no-friday-around-the-clock": "Thursday touches Saturday, and the grid starts anew.",
    "no-friday-readings": "Thursday touches Saturday, by the clock.",
    "no-friday-nights": "Thursday's shift ends at midnight, where Saturday begins.",
    "no-friday-thursday-night": "Thursday's shift ends at midnight: the readings after it are Friday's, never shown.",
    "no-friday-friday-night": "Of Friday's readings only 24:00 to 30:00 were shown: the early hours of Saturday.",
    "no-friday-override": "Hours of a date that was skipped.",
    "no-friday-break": "A break on a date that was skipped.",
    "not-changed": "The clock is not changed on this date: zone data from before 2026 say it is.",
    "ramadan": "The clock is an hour behind.",
    "summer": "The clock is not behind.",
    "unchanged": "A quarter to six ahead of UTC, all year.",
    "unchanged-readings": "A quarter to six ahead of UTC, all year: round readings are not round minutes of UTC.",
    "day-shift": "A shift by day, on the dates around the change.",
    "night-shift": "A shift that runs past midnight, over the change.",
    "night-long-visit": "Eight elapsed hours need a night that is as long.",
    "around-the-clock": "The grid starts anew on each date, wherever its first minute is.",
    "around-the-clock-readings": "Starts on readings of the wall clock.",
    "over-it-long-visit": "A visit lasts its elapsed minutes, whatever the clock shows at its end.",
    "over-it-readings": "A grid of readings that counts from ten past midnight, over the change.",
    "over-it": "Hours from before the change until after it.",
    "opens-inside": "The first reading of the hours is one that is skipped, or repeated.",
    "opens-inside-readings": "The first reading of the hours is skipped, or repeated: on a grid of readings.",
    "closes-inside": "The last reading of the hours is one that is skipped, or repeated.",
    "all-inside": "Nothing but readings that are skipped, or repeated: some of them.",
    "just-it": "Exactly the readings that are skipped, or repeated.",
    "ends-where-it-begins": "The end is not worked: the hours do not meet the change.",
    "begins-where-it-ends": "The start is worked: the hours do not meet the change.",
    "break-inside": "A break on some of the readings that are skipped, or repeated.",
    "break-just-it": "A break on exactly the readings that are skipped, or repeated.",
    "break-over-the-edge": "A break that begins before the change, and ends among what is skipped, or repeated.",
    "almost-a-day": "Right after midnight the clock goes back to what the shift of two dates before still covers.",
    "override": "The date of the change has its own hours.",
    "override-closed": "The shift of the day before runs into a date that is closed.",
    "closed": "The date of the change is closed: it has no shift, and an override of the next date stands.",
    "closed-nights": "The shift of the day before runs into a closure, in which none begins.",
    "closed-despite": "An override that holds despite a closure.",
    "closed-yearly": "A closure from 29 February on, repeated: from 1 March in a year that has no such day.",
    "week-a": "Hours of every second week, of which the date of the change begins one.",
    "week-b": "Hours of every second week, of which the date of the change begins the other: only the night before.",
    "week-a-break": "A break of every second week.",
    "last-sunday": "Hours of the last Sunday of a month.",
    "first-sunday": "Hours of the first Sunday of a month, which this one is not.",
    "released": "The second part of the day opens when the first is booked, or where nobody works in the first.",
    "released-inside": "The first part of the day ends at a reading that is skipped, or repeated.",
    "released-nights": "A part of the day that runs past midnight, over the change.",
    "saturday-night": "The shift belongs to the date it starts on.",
    "sunday-night": "The change is over when this shift starts.",
    "season-ends": "The last date of a season keeps its night.",
    "season-begins": "The first date of a season has no night before it.",
    "either-side": "Two spans with an hour between them, which is skipped in spring: there they touch, and are one.",
    "touching-inside": "Two spans that touch at a reading that is skipped, or repeated.",
    "apart-inside": "Two spans that are apart for readings that are skipped, or repeated.",
    "midnight-break": "A break past midnight, and the grid anew after it.",
    "three-nights": "A stay from check-in to check-out by the wall clock, whatever the clock does meanwhile.",
    "check-in-inside": "A stay whose check-in is skipped on a date, or shown twice.",
    "check-out-inside": "A stay whose check-out is skipped on a date, or shown twice.",
    "offset": "The offset moves the first start, in elapsed minutes.",
    "offset-readings": "The offset is a reading.",
}


class Reading(NamedTuple):
    """What the wall clock shows at one minute of UTC, counted from 1970."""

    minute: int
    day: date
    clock: int
    """Minutes since 00:00."""

    @property
    def shown(self) -> datetime:
        """The reading as a date and a time of no zone."""
        return datetime.combine(self.day, time()) + self.clock * MINUTE


@dataclass(frozen=True, slots=True)
class Change:
    """The readings that a change skips or repeats: from the lower one up to the higher one."""

    low: datetime
    high: datetime


def main() -> None:
    """Write one file for each zone into the folder given, else beside this script."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    cases: dict[str, list[Case]] = {}
    for zone, day in CHANGES:
        cases.setdefault(zone, []).extend(_answered(zone, case) for case in _cases_around(zone, day))
    for zone, case in _single_cases():
        cases.setdefault(zone, []).append(_answered(zone, case))
    for zone, mine in sorted(cases.items()):
        name = zone.replace("/", "-").replace("_", "-").lower()
        content = {"zone": zone, "tzdata": tzdata.IANA_VERSION, "cases": mine}
        (folder / f"{name}.json").write_text(_as_text(content) + "\n")
    print(f"{sum(map(len, cases.values()))} cases for {len(cases)} zones, by the data of {tzdata.IANA_VERSION}")


def _cases_around(zone: str, day: str) -> Iterator[Case]:
    """What is asked of every change. The hours are those of every day, so that they meet it whichever date it is on."""
    change = _change_near(zone, date.fromisoformat(day))
    low, high = change.low, change.high
    nights = _dates(low.date() - DAY, high.date())
    dates = _dates(low.date(), high.date())
    yield _case(day, "day-shift", "09:00-17:00", minutes=160) | _dates(low.date() - DAY, high.date() + DAY)
    yield _case(day, "night-shift", "22:00-06:00", minutes=90) | nights
    yield _case(day, "night-long-visit", "22:00-06:00", minutes=480, step=60) | nights
    yield _case(day, "around-the-clock", "00:00-24:00", minutes=180) | dates
    yield _case(day, "around-the-clock-readings", "00:00-24:00", minutes=60, step=180, align="clock") | dates
    yield from _cases_inside(day, low, high)
    yield from _cases_of_stays(day, low, high)


def _cases_of_stays(day: str, low: datetime, high: datetime) -> Iterator[Case]:
    """Nights over a change, and those that begin or end among the readings that it skips or repeats."""
    inside = f"{low + _whole((high - low) / 2):%H:%M}"

    def case(name: str, hours: str, nights: int, check_in: str, check_out: str) -> Case:
        stay = {"nights": nights, "check_in": check_in, "check_out": check_out}
        asked_for = _dates(low.date() - (nights + 1) * DAY, high.date() + DAY)
        return _case(day, name, hours, minutes=60) | asked_for | {"service": {"duration": stay}}

    yield case("three-nights", "08:00-20:00", 3, "15:00", "11:00")
    yield case("check-in-inside", "00:00-24:00", 1, inside, "23:00")
    yield case("check-out-inside", "00:00-24:00", 1, "00:10", inside)


def _cases_inside(day: str, low: datetime, high: datetime) -> Iterator[Case]:
    """Hours and breaks that begin or end among the readings that a change skips or repeats, or at their edges."""
    half, quarter = _whole((high - low) / 2), _whole((high - low) / 4)
    before, after = low - 1.5 * HOUR, high + 1.5 * HOUR

    def case(name: str, start: datetime, end: datetime, **terms: Any) -> Case:  # noqa: ANN401 - as _case says
        asked_for = _dates(start.date(), (end - MINUTE).date())
        return _case(day, name, _readings_text(start, end), **terms) | asked_for

    yield case("over-it", before, after, minutes=30)
    yield case("over-it-long-visit", low - HOUR, high + HOUR, minutes=90, step=30)
    yield case("over-it-readings", before, after, minutes=20, step=25, align="clock", offset=10)
    at = [f"{reading:%H:%M}" for reading in (low - HOUR / 2, low + half, high + HOUR / 2)]
    fixed = case("over-it-fixed", before, after, minutes=10)
    yield fixed | {"service": fixed["service"] | {"grid": {"at": at}}}
    last = case("over-it-last-start", before, after, minutes=10)
    yield last | {"service": last["service"] | {"grid": _grid(last) | {"last_start_minutes": 120}}}
    yield case("opens-inside", low + half, after, minutes=15)
    yield case("opens-inside-readings", low + half, after, minutes=15, align="clock")
    yield case("closes-inside", before, low + half, minutes=15)
    yield case("all-inside", low + quarter, high - quarter, minutes=5)
    yield case("just-it", low, high, minutes=15)
    yield case("ends-where-it-begins", before, low, minutes=60)
    yield case("begins-where-it-ends", high, after, minutes=60)
    yield case("break-inside", before, after, minutes=20) | _pause(low + quarter, high - quarter)
    yield case("break-just-it", before, after, minutes=30) | _pause(low, high)
    yield case("break-over-the-edge", before, after, minutes=30) | _pause(low - HOUR / 2, low + half)


def _single_cases() -> Iterator[tuple[str, Case]]:
    """What is asked of one zone only."""
    yield from (("Pacific/Apia", case) for case in _cases_on_the_skipped_date())
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        yield from (("Europe/Berlin", case) for case in _cases_of_dates(day))
    unchanged_from = date(2026, 3, 28)
    for name, align in (("unchanged", "opening"), ("unchanged-readings", "clock")):
        case = _case(unchanged_from, name, "09:10-17:00", minutes=60, align=align)
        yield "Asia/Kathmandu", case | _dates(unchanged_from, unchanged_from + 2 * DAY)
    # Its second minute is 23:01 of the date before.
    twice = date(2006, 10, 29)
    yield "America/St_Johns", _case(twice, "almost-a-day", "23:30-23:29", minutes=30) | _dates(twice, twice)
    for zone, day, name in (
        ("Africa/Casablanca", date(2026, 3, 18), "ramadan"),
        ("Africa/Casablanca", date(2026, 6, 17), "summer"),
        ("America/Havana", date(2026, 11, 1), "not-changed"),
        ("America/Vancouver", date(2026, 11, 1), "not-changed"),
    ):
        yield zone, _case(day, name, "00:00-24:00", minutes=120) | _dates(day, day)


def _cases_on_the_skipped_date() -> Iterator[Case]:
    """Samoa went from the end of Thursday 29 December 2011 to the beginning of Saturday."""
    friday = date(2011, 12, 30)
    dates = _dates(friday - DAY, friday + DAY)
    own = {"overrides": [{"date": friday.isoformat(), "spans": [_span("08:00-12:00")]}]}
    yield _case(friday, "no-friday", "09:00-17:00", minutes=120) | dates
    yield _case(friday, "no-friday-around-the-clock", "00:00-24:00", minutes=180) | dates
    yield _case(friday, "no-friday-readings", "00:00-24:00", minutes=180, align="clock") | dates
    yield _case(friday, "no-friday-nights", "22:00-06:00", minutes=60) | dates
    yield _case(friday, "no-friday-thursday-night", "22:00-06:00", minutes=60, days=("thu",)) | dates
    yield _case(friday, "no-friday-friday-night", "22:00-06:00", minutes=60, days=("fri",)) | dates
    yield _case(friday, "no-friday-override", "09:00-17:00", minutes=60) | dates | own
    yield _case(friday, "no-friday-break", "09:00-17:00", minutes=60) | dates | _pause_text("12:00-13:00", ("fri",))


def _cases_of_dates(day: date) -> Iterator[Case]:
    """Overrides, seasons, days of the week and split shifts around a Sunday whose clock is changed."""
    dates, only = _dates(day - DAY, day), _dates(day, day)
    closed = {"overrides": [{"date": day.isoformat(), "spans": []}]}
    own = {"overrides": [{"date": day.isoformat(), "spans": [_span("01:00-04:00"), _span("22:00-02:00")]}]}
    yield _case(day, "override", "09:00-17:00", minutes=30) | dates | own
    yield _case(day, "override-closed", "22:00-06:00", minutes=60) | dates | closed
    shut = {"closures": [{"name": "Closed", "from": day.isoformat(), "until": day.isoformat()}]}
    held = {"overrides": [own["overrides"][0] | {"despite_closures": True}]}
    leap = {"name": "Spring", "from": "2024-02-29", "until": "2024-10-25", "yearly": True}
    next_day = {"overrides": [{"date": (day + DAY).isoformat(), "spans": [_span("01:00-04:00")]}]}
    yield _case(day, "closed", "09:00-17:00", minutes=30) | _dates(day - DAY, day + DAY) | shut | next_day
    yield _case(day, "closed-nights", "22:00-06:00", minutes=60) | _dates(day - DAY, day + DAY) | shut
    yield _case(day, "closed-despite", "09:00-17:00", minutes=30) | dates | shut | held
    yield _case(day, "closed-yearly", "22:00-06:00", minutes=60) | _dates(day, day + DAY) | {"closures": [leap]}
    around = _dates(day - DAY, day + DAY)
    this_week, week_before = ({"every_weeks": 2, "starting": first.isoformat()} for first in (day, day - 7 * DAY))
    pause = {"breaks": [_weekly("01:30-02:30") | this_week]}
    yield _with_hours(_case(day, "week-a", "22:00-06:00", minutes=60) | around, this_week)
    yield _with_hours(_case(day, "week-b", "22:00-06:00", minutes=60) | around, week_before)
    yield _case(day, "week-a-break", "00:00-06:00", minutes=30) | around | pause
    yield _with_hours(_case(day, "last-sunday", "22:00-06:00", minutes=60, days=("sun",)) | around, {"nth": -1})
    yield _with_hours(_case(day, "first-sunday", "22:00-06:00", minutes=60, days=("sun",)) | around, {"nth": 1})
    for name, hours, *parts in (
        ("released", "00:00-06:00", "02:00-03:00", "03:00-05:00"),
        ("released-inside", "00:00-06:00", "00:30-02:30", "02:30-05:00"),
        ("released-nights", "21:00-06:00", "20:00-22:00", "22:00-04:00"),
    ):
        yield _released(_case(day, name, hours, minutes=20) | dates, parts)
    yield _case(day, "saturday-night", "22:00-06:00", minutes=60, days=("sat",)) | dates
    yield _case(day, "sunday-night", "22:00-06:00", minutes=60, days=("sun",)) | dates
    yield _case(day, "season-ends", "22:00-06:00", minutes=60, until=day - DAY) | dates
    yield _case(day, "season-begins", "22:00-06:00", minutes=60, since=day) | dates
    yield _case(day, "either-side", "00:00-02:00 03:00-05:00", minutes=50) | only
    yield _case(day, "touching-inside", "00:00-02:30 02:30-05:00", minutes=50) | only
    yield _case(day, "apart-inside", "00:00-02:20 02:40-05:00", minutes=20) | only
    yield _case(day, "midnight-break", "20:00-06:00", minutes=60) | dates | _pause_text("23:30-02:30")
    yield _case(day, "offset", "01:00-06:00", minutes=30, step=60, offset=75) | only
    yield _case(day, "offset-readings", "00:00-06:00", minutes=30, step=45, offset=130, align="clock") | only


def _change_near(zone: str, day: date) -> Change:
    """The only change of the zone from the date before until the date after."""
    found = []
    readings = _readings(zone, day - DAY, day + DAY)
    for previous, reading in pairwise(readings):
        if reading.day == previous.day and reading.clock == previous.clock + 1:
            continue
        expected = previous.shown + (reading.minute - previous.minute) * MINUTE
        if reading.shown != expected:
            found.append(Change(min(expected, reading.shown), max(expected, reading.shown)))
    assert len(found) == 1, f"{zone} changes {len(found)} times around {day}"
    return found[0]


@lru_cache(maxsize=4)
def _readings(zone: str, first: date, last: date) -> list[Reading]:
    """Each minute of UTC that the zone counts to those dates, in order."""
    # A zone is at most a day away from UTC, but for a date that it skipped.
    days = range((first - EPOCH.date()).days - 2, (last - EPOCH.date()).days + 3)
    return [reading for day in days for reading in _readings_of(zone, day) if first <= reading.day <= last]


@lru_cache(maxsize=64)
def _readings_of(zone: str, utc_day: int) -> list[Reading]:
    """Each minute of a day of UTC, counted from 1970."""
    wall_clock = zoneinfo.ZoneInfo(zone)
    readings = []
    for minute in range(utc_day * MINUTES_PER_DAY, (utc_day + 1) * MINUTES_PER_DAY):
        shown = _instant(minute).astimezone(wall_clock)
        readings.append(Reading(minute, shown.date(), shown.hour * 60 + shown.minute))
    return readings


def _answered(zone: str, case: Case) -> Case:
    """The case with what is worked and what is offered."""
    first, last = date.fromisoformat(case["from"]), date.fromisoformat(case["until"])
    # One date more before, for its night shift; one after, for where a visit that starts on the last date may end.
    readings = _readings(zone, first - DAY, last + DAY)
    worked = _worked(case, readings)
    at_work = set().union(*worked.values())
    dates = [first + number * DAY for number in range((last - first).days + 1)]
    if "duration" in case["service"]:
        return case | {
            "working_time": [_working_time(day, worked.get(day, set())) for day in dates],
            "starts": list(_stays(zone, case, dates)),
        }
    on_grid = _on_grid(case, readings, worked) - _unreleased(case, readings, at_work)
    length = max(case["service"]["duration_minutes"], _grid(case).get("last_start_minutes", 0))
    wall_clock = zoneinfo.ZoneInfo(zone)
    starts = []
    for start in sorted(on_grid):
        shown = _instant(start).astimezone(wall_clock)
        if first <= shown.date() <= last and at_work.issuperset(range(start, start + length)):
            starts.append({"utc": _utc(start), "local": shown.isoformat(timespec="seconds")})
    return case | {"working_time": [_working_time(day, worked.get(day, set())) for day in dates], "starts": starts}


def _stays(zone: str, case: Case, dates: Sequence[date]) -> Iterator[dict[str, str]]:
    """From the first minute of each date that reads check-in to the first of a later one that reads check-out."""
    stay = case["service"]["duration"]
    readings = _readings(zone, dates[0] - DAY, dates[-1] + (stay["nights"] + 1) * DAY)
    at_work = set().union(*_worked(case, readings).values())
    first: dict[tuple[date, str], int] = {}
    for reading in readings:
        first.setdefault((reading.day, f"{reading.clock // 60:02}:{reading.clock % 60:02}"), reading.minute)
    wall_clock = zoneinfo.ZoneInfo(zone)
    for day in dates:
        start = first.get((day, stay["check_in"]))
        end = first.get((day + stay["nights"] * DAY, stay["check_out"]))
        if start is not None and end is not None and {start, end - 1} <= at_work:
            shown = (_instant(minute).astimezone(wall_clock).isoformat(timespec="seconds") for minute in (start, end))
            yield dict(zip(("utc", "local", "end"), (_utc(start), *shown), strict=True))


def _working_time(day: date, minutes: set[int]) -> Case:
    spans = [[_utc(start), _utc(end)] for start, end in _runs(minutes)]
    return {"date": day.isoformat(), "minutes": len(minutes), "spans": spans}


def _worked(case: Case, readings: Sequence[Reading]) -> dict[date, set[int]]:
    """The minutes that are worked, by the date whose hours they are of."""
    worked: dict[date, set[int]] = {}
    overrides = {entry["date"]: entry["spans"] for entry in case.get("overrides", ())}
    despite = {date.fromisoformat(one["date"]) for one in case.get("overrides", ()) if one.get("despite_closures")}
    closed = {day for closure in case.get("closures", ()) for day in _closed(closure)}

    @cache
    def hours(day: date) -> bytearray:
        own = overrides.get(day.isoformat())
        if day in closed and day not in despite:
            return _dial(())
        return _dial(_in_force(case["hours"], day) if own is None else own)

    @cache
    def breaks(day: date) -> bytearray:
        return _dial(_in_force(case.get("breaks", ()), day))

    for today, shown in groupby(readings, key=attrgetter("day")):
        # After midnight the clock also shows readings past 24:00 of the date before.
        yesterday = today - DAY
        mine, its = worked.setdefault(today, set()), worked.setdefault(yesterday, set())
        on_hours, on_break, its_hours, its_break = hours(today), breaks(today), hours(yesterday), breaks(yesterday)
        for minute, _, clock in shown:
            past_midnight = clock + MINUTES_PER_DAY
            if on_break[clock] or its_break[past_midnight]:
                continue
            if on_hours[clock]:
                mine.add(minute)
            if its_hours[past_midnight]:
                its.add(minute)
    return worked


def _closed(closure: Closure) -> Iterator[date]:
    """The dates of a closure; a repeated one has those of ten years."""
    for later in range(10 if closure.get("yearly") else 1):
        day, last = (date.fromisoformat(closure[end]) for end in ("from", "until"))
        last = last.replace(year=last.year + later)
        leap_day = (day.month, day.day) == (2, 29) and later % 4
        day = date(day.year + later, 3, 1) if leap_day else day.replace(year=day.year + later)
        while day <= last:
            yield day
            day += DAY


def _in_force(weekly: Sequence[Weekly], day: date) -> list[Weekly]:
    """The weekly spans that start on a date."""
    return [
        span
        for span in weekly
        if WEEKDAYS[day.weekday()] in span["days"]
        and span.get("valid_from", "") <= day.isoformat() <= span.get("valid_until", "9999")
        and _in_turn(span, day)
    ]


def _in_turn(span: Weekly, day: date) -> bool:
    """True in a week that it has, and on the day of the month that it has, where it names such."""
    if "starting" in span:
        first = date.fromisoformat(span["starting"])
        return day >= first and (day - first).days % (len(WEEKDAYS) * span["every_weeks"]) in range(len(WEEKDAYS))
    if "nth" in span:
        alike = [other for n in range(-30, 31) if (other := day + n * DAY).weekday() == day.weekday()]
        alike = [other for other in alike if (other.year, other.month) == (day.year, day.month)]
        return alike.index(day) == (span["nth"] - 1 if span["nth"] > 0 else len(alike) - 1)
    return True


def _dial(spans: Sequence[Weekly]) -> bytearray:
    """The readings from 00:00 to 48:00 of a date, each marked when a span holds it."""
    dial = bytearray(2 * MINUTES_PER_DAY)
    for span in spans:
        start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (span["start"], span["end"]))
        for reading in range(start, end if end > start else end + MINUTES_PER_DAY):
            dial[reading] = 1
    return dial


def _unreleased(case: Case, readings: Sequence[Reading], at_work: set[int]) -> set[int]:
    """The minutes of the parts of a date before which there is a part with work in it: nothing is booked."""
    if "rules" not in case["service"]:
        return set()
    order = case["service"]["rules"]["release"]["fill_earlier_first"]
    dials = [_dial([part]) for part in order["parts"]]
    parts: dict[date, list[set[int]]] = {}
    for minute, today, clock in readings:
        for day, reading in ((today, clock), (today - DAY, clock + MINUTES_PER_DAY)):
            mine = parts.setdefault(day, [set() for _ in dials])
            for part, dial in zip(mine, dials, strict=True):
                if dial[reading]:
                    part.add(minute)
    closed: set[int] = set()
    for mine in parts.values():
        place = next((place for place, part in enumerate(mine) if part & at_work), len(mine))
        closed.update(*mine[place + 1 :])
    return closed


def _on_grid(case: Case, readings: Sequence[Reading], worked: dict[date, set[int]]) -> set[int]:
    if "at" in _grid(case):
        return {r.minute for r in readings if f"{r.clock // 60:02}:{r.clock % 60:02}" in _grid(case)["at"]}
    return _on_clock_grid(case, readings) if _grid(case)["align"] == "clock" else _on_opening_grid(case, worked)


def _on_opening_grid(case: Case, worked: dict[date, set[int]]) -> set[int]:
    """In steps of elapsed minutes from the first minute of each run of worked minutes of one date."""
    grid = _grid(case)
    runs = (run for minutes in worked.values() for run in _runs(minutes))
    return {m for start, end in runs for m in range(start + grid["offset_minutes"], end, grid["step_minutes"])}


def _on_clock_grid(case: Case, readings: Sequence[Reading]) -> set[int]:
    """Wherever the clock shows a multiple of the step since the offset."""
    step, offset = _grid(case)["step_minutes"], _grid(case)["offset_minutes"]
    return {r.minute for r in readings if r.clock >= offset and (r.clock - offset) % step == 0}


def _runs(minutes: set[int]) -> Iterator[tuple[int, int]]:
    """The minutes as half-open spans, in order."""
    for start in sorted(minute for minute in minutes if minute - 1 not in minutes):
        end = start
        while end in minutes:
            end += 1
        yield start, end


def _case(
    day: date | str,
    name: str,
    hours: str,
    *,
    minutes: int,
    step: int | None = None,
    align: str = "opening",
    offset: int = 0,
    days: Sequence[str] = WEEKDAYS,
    since: date | None = None,
    until: date | None = None,
) -> Case:
    """A case without its dates."""
    season = {"valid_from": since, "valid_until": until}
    in_force = {name: day.isoformat() for name, day in season.items() if day is not None}
    return {
        "id": f"{day}-{name}",
        "about": ABOUT[name],
        "hours": [_weekly(text, days) | in_force for text in hours.split()],
        "service": {
            "duration_minutes": minutes,
            "grid": {"align": align, "step_minutes": step or minutes, "offset_minutes": offset},
        },
    }


def _with_hours(case: Case, terms: Weekly) -> Case:
    """The case with terms for all its hours."""
    return case | {"hours": [span | terms for span in case["hours"]]}


def _released(case: Case, parts: Sequence[str]) -> Case:
    """The case with parts of the day of which each opens when half of every one before it is booked."""
    order = {"parts": [_span(text) for text in parts], "share": 50}
    return case | {"service": case["service"] | {"rules": {"release": {"fill_earlier_first": order}}}}


def _weekly(text: str, days: Sequence[str] = WEEKDAYS) -> Weekly:
    return {"days": list(days)} | _span(text)


def _span(text: str) -> dict[str, str]:
    start, end = text.split("-")
    return {"start": start, "end": end}


def _pause(start: datetime, end: datetime) -> Case:
    """A break between two readings, every day."""
    return _pause_text(_readings_text(start, end))


def _pause_text(text: str, days: Sequence[str] = WEEKDAYS) -> Case:
    return {"breaks": [_weekly(text, days)]}


def _dates(first: date, last: date) -> Case:
    """The local dates that are asked for, both inclusive."""
    return {"from": first.isoformat(), "until": last.isoformat()}


def _readings_text(start: datetime, end: datetime) -> str:
    last = "24:00" if end.hour == end.minute == 0 else f"{end:%H:%M}"
    return f"{start:%H:%M}-{last}"


def _whole(length: timedelta) -> timedelta:
    """Without what is less than a minute."""
    return length // MINUTE * MINUTE


def _grid(case: Case) -> Any:  # noqa: ANN401 - JSON
    return case["service"]["grid"]


def _instant(minute: int) -> datetime:
    return EPOCH + minute * MINUTE


def _utc(minute: int) -> str:
    return f"{_instant(minute):%Y-%m-%dT%H:%M:%SZ}"


def _as_text(value: Any, indent: str = "") -> str:  # noqa: ANN401 - JSON
    """JSON with whatever fits a line on one line."""
    line = json.dumps(value)
    if len(indent) + len(line) < WIDEST_LINE or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {_as_text(part, inner)}" for name, part in value.items()]
    else:
        parts = [_as_text(part, inner) for part in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


if __name__ == "__main__":
    main()
