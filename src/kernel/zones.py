"""Time zones: the pinned IANA data, where a zone's offset from UTC changes, and the country of a zone.

The data comes from the `tzdata` package and never from the operating system, whose copy may be older: every node
that runs the same lock file gives the same answer.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from kernel.spans import MINUTES_PER_DAY, Minute, Span, day_number, merged, to_datetime

# No zone in the data changes its offset twice within this many minutes, so sampling at this distance sees every change.
_SAMPLE_MINUTES: Final = 180
_SAMPLE: Final = timedelta(minutes=_SAMPLE_MINUTES)
_ONE_MINUTE: Final = timedelta(minutes=1)
# The farthest a wall clock has been from UTC is 15 h 13 min (Alaska before 1867); a day covers all of them.
_WIDEST_OFFSET: Final = MINUTES_PER_DAY


class UnknownZoneError(ValueError):
    """The name is not that of an IANA zone."""


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises UnknownZoneError for anything else, an offset such as "+02:00" among them.
    """
    parts = name.split("/")
    if not all(
        part and part[0].isalpha() and part.replace("_", "").replace("-", "").replace("+", "").isalnum()
        for part in parts
    ):
        raise UnknownZoneError(name)
    source = resources.files("tzdata").joinpath("zoneinfo", *parts)
    if not source.is_file():
        raise UnknownZoneError(name)
    with source.open("rb") as data:
        try:
            return ZoneInfo.from_file(data, key=name)
        except ValueError as error:
            raise UnknownZoneError(name) from error


@cache
def countries() -> frozenset[str]:
    """The codes of all countries, by ISO 3166."""
    return frozenset(line.split("\t")[0] for line in _lines("iso3166.tab"))


def country_of(name: str) -> str | None:
    """The code of the country that the zone is for; None for zones of no country or of several, such as UTC."""
    by_zone = _country_by_zone()
    return by_zone.get(name) or by_zone.get(_target_by_alias().get(name, ""))


@cache
def _country_by_zone() -> Mapping[str, str]:
    return {fields[2]: fields[0] for fields in (line.split("\t") for line in _lines("zone.tab"))}


@cache
def _target_by_alias() -> Mapping[str, str]:
    """Zones by their further names: lines "L target alias"."""
    return {alias: target for kind, target, alias, *_ in map(_fields, _lines("tzdata.zi")) if kind == "L"}


def _fields(line: str) -> list[str]:
    return [*line.split(), "", "", ""]


def _lines(file_name: str) -> list[str]:
    text = resources.files("tzdata").joinpath("zoneinfo", file_name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def offset_at(name: str, minute: Minute) -> int:
    """Minutes to add to UTC to read the zone's wall clock at that minute."""
    offset = to_datetime(minute).astimezone(zone(name)).utcoffset()
    assert offset is not None
    return offset // _ONE_MINUTE


@lru_cache(maxsize=4096)
def _changes_in_year(name: str, year: int) -> tuple[tuple[Minute, int], ...]:
    """Each offset change of that UTC year: (its first minute, the offset from then on)."""
    first = day_number(date(year, 1, 1)) * MINUTES_PER_DAY
    end = day_number(date(year + 1, 1, 1)) * MINUTES_PER_DAY
    changes: list[tuple[Minute, int]] = []
    before = offset_at(name, first - 1)
    # Offsets of the last minute of each sample: thousands a year, so nothing is looked up for them one by one.
    from_utc, reading, distance = zone(name).fromutc, to_datetime(first - 1).replace(tzinfo=zone(name)), _SAMPLE
    for sample in range(first, end, _SAMPLE_MINUTES):
        last = min(sample + _SAMPLE_MINUTES, end) - 1
        reading += distance
        after = from_utc(reading).utcoffset() // _ONE_MINUTE  # type: ignore[operator] # zones know their offset
        if after != before:
            low, high = sample, last
            while low < high:
                middle = (low + high) // 2
                if offset_at(name, middle) == before:
                    low = middle + 1
                else:
                    high = middle
            changes.append((low, after))
            before = after
    return tuple(changes)


def constant_offsets(name: str, span: Span) -> Iterator[tuple[Span, int]]:
    """The span cut where the zone's offset changes, each piece with its offset in minutes, in order."""
    start, offset = span.start, offset_at(name, span.start)
    for year in range(to_datetime(span.start).year, to_datetime(span.end).year + 1):
        for change, following in _changes_in_year(name, year):
            if span.start < change < span.end:
                yield Span(start, change), offset
                start, offset = change, following
    yield Span(start, span.end), offset


def offset_runs(name: str, first_year: int, last_year: int) -> list[tuple[int, int, int]]:
    """The runs of weeks of those years that begin with one offset: the first and the last such day, and the offset.

    Days are counted from 1970. No zone in the data has kept an offset for less than a week since 2000.
    """
    days = range(day_number(date(first_year, 1, 1)), day_number(date(last_year + 1, 1, 1)), 7)
    runs: list[tuple[int, int, int]] = []
    from_utc, reading, week = zone(name).fromutc, to_datetime(0).replace(tzinfo=zone(name)), timedelta(days=7)
    reading += timedelta(days=days.start)
    for day in days:
        offset = from_utc(reading).utcoffset() // _ONE_MINUTE  # type: ignore[operator] # zones know their offset
        reading += week
        if runs and runs[-1][2] == offset:
            runs[-1] = (runs[-1][0], day, offset)
        else:
            runs.append((day, day, offset))
    return runs


@lru_cache(maxsize=65536)
def wall_span(name: str, day: date, start: int, end: int) -> tuple[Span, ...]:
    """Every UTC minute whose wall-clock reading in the zone is at or after `start` and before `end`.

    Both are minutes since `day` 00:00 on the wall; `end` may lie past the next midnight. The answer is empty when the
    zone skips those readings, and holds them twice when the clock repeats them.
    """
    midnight = day_number(day) * MINUTES_PER_DAY
    around = Span(midnight + start - _WIDEST_OFFSET, midnight + end + _WIDEST_OFFSET)
    found: list[Span] = []
    for piece, offset in constant_offsets(name, around):
        low = max(piece.start, midnight + start - offset)
        high = min(piece.end, midnight + end - offset)
        if low < high:
            found.append(Span(low, high))
    return merged(found)


def local_day(name: str, day: date) -> tuple[Span, ...]:
    """Every UTC minute that the zone's calendar counts to that date: none for a date the zone skipped."""
    return wall_span(name, day, 0, MINUTES_PER_DAY)


def local_date(name: str, minute: Minute) -> date:
    """The date the zone's calendar shows at that minute."""
    return to_datetime(minute).astimezone(zone(name)).date()


def local_now(name: str, now: datetime) -> datetime:
    """The wall clock's reading of an instant in the zone."""
    assert now.tzinfo is not None
    return now.astimezone(UTC).astimezone(zone(name))
