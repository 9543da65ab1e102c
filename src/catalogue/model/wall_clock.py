"""Spans of the wall clock."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationInfo, field_validator

from catalogue.model.document_fields import StartTime, WallTime
from catalogue.model.documents import Document, JsonObject
from kernel.spans import MINUTES_PER_DAY


class Weekday(StrEnum):
    """A day of the week as documents spell it, Monday first as `date.weekday()` counts."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"

    @property
    def number(self) -> int:
        """0 for Monday to 6 for Sunday, as `date.weekday()` counts."""
        return list(Weekday).index(self)


@dataclass(frozen=True, slots=True, order=True)
class WallSpan:
    """Wall-clock minutes since local midnight, half-open: 0 <= start < 1440, start < end <= start + 1440.

    An end past 1440 lies on the next date; the span belongs to the date it starts on.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        assert 0 <= self.start < MINUTES_PER_DAY, "a span starts on its own date"
        assert self.start < self.end <= self.start + MINUTES_PER_DAY, "a span is at most a day long"


class WallSpanDocument(Document):
    """A span on the wall clock; one whose end is before its start runs past midnight, and none ends at its start."""

    start: StartTime
    end: WallTime

    @field_validator("end")
    @classmethod
    def _other_than_start(cls, end: int, info: ValidationInfo) -> int:
        # Some mean a whole day by it, and others nothing.
        if end == info.data.get("start"):
            detail = 'must not equal start; for a whole day write "00:00" to "24:00"'
            raise ValueError(detail)
        return end


def desired_wall_span(entry: WallSpanDocument) -> WallSpan:
    """The span in the document; one whose end is before its start runs past midnight."""
    return desired_span(entry.start, entry.end)


def desired_span(start: int, end: int) -> WallSpan:
    """The span between two times of a document; where the end is before the start, it runs past midnight."""
    return WallSpan(start, end if end > start else end + MINUTES_PER_DAY)


def wall_span_document(span: WallSpan) -> JsonObject:
    """The span as a document."""
    end = span.end if span.end <= MINUTES_PER_DAY else span.end - MINUTES_PER_DAY
    return {"start": wall_time(span.start), "end": wall_time(end)}


def wall_time(minute: int) -> str:
    """Minutes since midnight as documents spell them: "09:30"."""
    return f"{minute // 60:02}:{minute % 60:02}"
