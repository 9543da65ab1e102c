"""The table of docs/reference/buffers.md, row by row, and a business in which each row is set up."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from availability.model import Reason
from catalogue.model.wall_clock import Weekday
from kernel.spans import Minute, Span, to_datetime, to_minute

_PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "buffers.md"
_HEADING: Final = "| Hours | There before | Asked for | Inside hours | Start | Answer |"
_DASH: Final = "\u2013"
_TUESDAY: Final = to_minute(datetime(2026, 12, 1, tzinfo=UTC))
_VISIT_MINUTES: Final = 30


class Kind(StrEnum):
    """What can be there before."""

    VISIT = "visit"
    HOLD = "hold"
    TIME_OFF = "time off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffers:
    """What a service adds to its visits."""

    before: int
    after: int

    def around(self, visit: Span) -> Span:
        """What a visit claims."""
        return Span(visit.start - self.before, visit.end + self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Something that is there before."""

    kind: Kind
    span: Span
    """Without buffers."""
    buffers: Buffers


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table."""

    key: str
    """Of its resource and its service."""
    text: str
    hours: str
    breaks: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]
    buffers: Buffers
    inside_hours: bool
    start: Minute
    reason: Reason | None
    """None: offered."""

    @property
    def claim(self) -> Span:
        """What the visit would claim."""
        return self.buffers.around(Span(self.start, self.start + _VISIT_MINUTES))

    def neighbour_key(self, number: int) -> str:
        """The key of the service by which a neighbour comes to be there."""
        return f"{self.key}-neighbour-{number}"


def rows() -> list[Row]:
    """All rows of the table; those in bold are headings."""
    lines = _PAGE.read_text().splitlines()
    table = takewhile(lambda line: line.startswith("|"), lines[lines.index(_HEADING) + 2 :])
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [_row(f"row-{number}", row) for number, row in enumerate(cells, start=1) if not row[0].startswith("**")]


def document_for(rows: Sequence[Row]) -> dict[str, Any]:
    """A business with a resource and a service for each row, and a service for each neighbour."""
    return {
        "business": {"name": "Neighbours", "timezone": "UTC", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [
            {
                "key": row.key,
                "kind": "staff",
                "name": row.text,
                "hours": [_weekly(row.hours)],
                "breaks": [_weekly(text) for text in row.breaks],
                "time_off": [
                    {"start": to_datetime(neighbour.span.start), "end": to_datetime(neighbour.span.end)}
                    for neighbour in row.neighbours
                    if neighbour.kind is Kind.TIME_OFF
                ],
            }
            for row in rows
        ],
        "services": [service for row in rows for service in _services(row)],
    }


def _row(key: str, cells: Sequence[str]) -> Row:
    hours, there, asked, inside, start, answer = cells
    works, *breaks = hours.split(", break ")
    return Row(
        key=key,
        text=" | ".join(cells),
        hours=works,
        breaks=tuple(breaks),
        neighbours=() if there == "nothing" else tuple(map(_neighbour, there.split("; "))),
        buffers=Buffers(before=0, after=0) if asked == "no buffers" else _buffers(asked.split(", ")),
        inside_hours={"yes": True, "no": False}[inside],
        start=_minute(start),
        reason=None if answer == "offered" else Reason(answer),
    )


def _neighbour(text: str) -> Neighbour:
    what, *buffers = text.split(", ")
    kind, start, end = _matched(rf"(visit|hold|time off) (\d\d:\d\d){_DASH}(\d\d:\d\d)", what)
    return Neighbour(kind=Kind(kind), span=Span(_minute(start), _minute(end)), buffers=_buffers(buffers))


def _buffers(texts: Sequence[str]) -> Buffers:
    minutes = {"before": 0, "after": 0}
    for text in texts:
        number, side = _matched(r"(\d+) (before|after)", text)
        minutes[side] = int(number)
    return Buffers(**minutes)


def _matched(pattern: str, text: str) -> Sequence[str]:
    found = re.fullmatch(pattern, text)
    assert found is not None, f'"{text}" is not of the form {pattern}'
    return found.groups()


def _minute(text: str) -> Minute:
    """A reading of the Tuesday; from 24:00 on it is one of the Wednesday."""
    hours, minutes = text.split(":")
    return _TUESDAY + int(hours) * 60 + int(minutes)


def _weekly(text: str) -> dict[str, Any]:
    start, end = text.split(_DASH)
    return {"days": list(Weekday), "start": start, "end": end}


def _services(row: Row) -> Iterator[dict[str, Any]]:
    yield _service(row, row.key, row.buffers, minutes=_VISIT_MINUTES) | {"buffers_inside_hours": row.inside_hours}
    for number, neighbour in enumerate(row.neighbours):
        yield _service(row, row.neighbour_key(number), neighbour.buffers, minutes=neighbour.span.minutes)


def _service(row: Row, key: str, buffers: Buffers, *, minutes: int) -> dict[str, Any]:
    return {
        "key": key,
        "name": key,
        "duration_minutes": minutes,
        "buffer_before_minutes": buffers.before,
        "buffer_after_minutes": buffers.after,
        "grid": {"align": "clock", "step_minutes": 5},
        "requires": [{"role": "staff", "any_of": [row.key]}],
    }
