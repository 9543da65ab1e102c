"""Working hours of a resource."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_SPANS_PER_DATE
from catalogue.model.columns import ColumnDetails, IntegerSize
from catalogue.model.comparison import NOT_IN_DOCUMENT
from catalogue.model.document_fields import LocalDate
from catalogue.model.documents import Document, JsonObject, present, refuse_if
from catalogue.model.wall_clock import WallSpan, WallSpanDocument, Weekday, desired_wall_span, wall_span_document
from kernel.ids import ResourceId

_WEEKDAYS: Final = tuple(Weekday)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklySpan:
    """A span of the wall clock on certain days of the week, in force between two dates (both inclusive)."""

    days: tuple[Weekday, ...]
    span: WallSpan
    valid_from: date | None = None
    valid_until: date | None = None

    def applies_on(self, day: date) -> bool:
        """True if the span starts on that local date."""
        return (
            _WEEKDAYS[day.weekday()] in self.days
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_until is None or day <= self.valid_until)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Working hours of a resource on the wall clock of its zone."""

    # A location that changes its zone changes none of its resources.
    timezone: str = field(metadata=NOT_IN_DOCUMENT)
    """An IANA name: that of the location."""
    hours: tuple[WeeklySpan, ...] = ()
    breaks: tuple[WeeklySpan, ...] = ()
    overrides: Mapping[date, tuple[WallSpan, ...]] = field(default_factory=dict)
    """Replaces the weekly hours of exactly that date; no spans means closed."""


class WeeklySpanDocument(WallSpanDocument):
    """A span on certain days of the week, in force between two dates, both inclusive."""

    days: Annotated[
        list[Annotated[Weekday, Field(strict=False)]],
        Field(min_length=1, max_length=7, json_schema_extra={"uniqueItems": True}),
    ]
    valid_from: LocalDate | None = None
    valid_until: LocalDate | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        backwards = bool(self.valid_from and self.valid_until and self.valid_until < self.valid_from)
        refuse_if(
            (len(set(self.days)) < len(self.days), "days", "must not name a day twice"),
            (backwards, "valid_until", "must not be before valid_from"),
        )
        return self


class OverrideDocument(Document):
    """The hours of one local date, in place of its weekly hours; no spans means closed."""

    date: LocalDate
    spans: Annotated[list[WallSpanDocument], Field(max_length=MAX_SPANS_PER_DATE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklySpanRow:
    """Row of a weekly span, in the table of hours or in that of breaks."""

    resource_id: str
    position: Annotated[int, ColumnDetails(comment="place in the document")]
    days: Annotated[str, ColumnDetails(comment="such as mon,tue")]
    start_minute: Annotated[
        int, ColumnDetails(size=IntegerSize.SMALL, comment="wall-clock minutes since local midnight")
    ]
    end_minute: Annotated[int, ColumnDetails(size=IntegerSize.SMALL, comment="past 1440: on the next date")]
    valid_from: date | None
    valid_until: Annotated[date | None, ColumnDetails(comment="inclusive")]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRow:
    """Row of an override."""

    resource_id: str
    on_date: date
    spans: Annotated[Sequence[Sequence[int]], ColumnDetails(comment="[[start minute, end minute], …]; empty: closed")]


def desired_weekly_span(entry: WeeklySpanDocument) -> WeeklySpan:
    """The weekly span in the document."""
    return WeeklySpan(
        days=tuple(entry.days),
        span=desired_wall_span(entry),
        valid_from=entry.valid_from,
        valid_until=entry.valid_until,
    )


def weekly_span_document(span: WeeklySpan) -> JsonObject:
    """The weekly span as a document."""
    return present(
        days=[day.value for day in span.days],
        **wall_span_document(span.span),
        valid_from=span.valid_from.isoformat() if span.valid_from else None,
        valid_until=span.valid_until.isoformat() if span.valid_until else None,
    )


def weekly_span_rows(resource_id: ResourceId, spans: Iterable[WeeklySpan]) -> list[WeeklySpanRow]:
    """The rows of a resource's hours, or of its breaks."""
    return [
        WeeklySpanRow(
            resource_id=resource_id,
            position=position,
            days=",".join(day.value for day in span.days),
            start_minute=span.span.start,
            end_minute=span.span.end,
            valid_from=span.valid_from,
            valid_until=span.valid_until,
        )
        for position, span in enumerate(spans)
    ]


def stored_weekly_span(row: WeeklySpanRow) -> WeeklySpan:
    """The weekly span in the row."""
    return WeeklySpan(
        days=tuple(Weekday(day) for day in row.days.split(",")),
        span=WallSpan(row.start_minute, row.end_minute),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


def desired_override(entry: OverrideDocument) -> tuple[WallSpan, ...]:
    """The spans of an override's date."""
    return tuple(desired_wall_span(span) for span in entry.spans)


def override_document(day: date, spans: Iterable[WallSpan]) -> JsonObject:
    """An override as a document."""
    return {"date": day.isoformat(), "spans": [wall_span_document(span) for span in spans]}


def override_rows(resource_id: ResourceId, overrides: Mapping[date, Iterable[WallSpan]]) -> list[OverrideRow]:
    """The rows of a resource's overrides."""
    return [
        OverrideRow(resource_id=resource_id, on_date=day, spans=[[span.start, span.end] for span in spans])
        for day, spans in overrides.items()
    ]


def stored_overrides(rows: Iterable[OverrideRow]) -> dict[date, tuple[WallSpan, ...]]:
    """The overrides of a resource in its rows."""
    return {row.on_date: tuple(WallSpan(start, end) for start, end in row.spans) for row in rows}
