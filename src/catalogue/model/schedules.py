"""Working hours of a resource."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_EVERY_WEEKS, MAX_SPANS_PER_DATE
from catalogue.model.closures import NO_CLOSURES, Closure, closure_on
from catalogue.model.columns import ColumnDetails, IntegerSize
from catalogue.model.comparison import NOT_IN_DOCUMENT, in_document_as
from catalogue.model.document_fields import LocalDate
from catalogue.model.documents import Document, JsonObject, present, refuse_if
from catalogue.model.wall_clock import WallSpan, WallSpanDocument, Weekday, desired_wall_span, wall_span_document
from kernel.ids import LocationId, ResourceId

_WEEKDAYS: Final = tuple(Weekday)
_WEEK: Final = timedelta(days=7)
LAST: Final = -1
"""As `nth`: the last one of a month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklySpan:
    """A span of the wall clock on certain days of the week, in force between two dates (both inclusive)."""

    days: tuple[Weekday, ...]
    span: WallSpan
    valid_from: date | None = None
    valid_until: date | None = None
    every_weeks: int = 1
    """In the first of so many weeks; more than 1 has `starting`."""
    starting: date | None = None
    """The first date of the first week, from which weeks of seven days are counted; there is no span before it."""
    nth: int | None = None
    """On the first, second, … of the days in each month, or on its LAST; None: on all."""

    def applies_on(self, day: date) -> bool:
        """True if the span starts on that local date."""
        return (
            _WEEKDAYS[day.weekday()] in self.days
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_until is None or day <= self.valid_until)
            and (self.starting is None or self._is_in_turn(self.starting, day))
            and (self.nth is None or self._is_nth(self.nth, day))
        )

    def _is_in_turn(self, starting: date, day: date) -> bool:
        return day >= starting and (day - starting).days // 7 % self.every_weeks == 0

    def _is_nth(self, nth: int, day: date) -> bool:
        if nth == LAST:
            return (day + _WEEK).month != day.month
        return (day.day - 1) // 7 + 1 == nth


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The weekly hours of a resource at one of several locations."""

    location_id: LocationId
    hours: tuple[WeeklySpan, ...]


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
    despite_closures: frozenset[date] = field(default=frozenset(), metadata=in_document_as("overrides"))
    """The dates whose override holds on a closed date too; all of them have one."""
    # As for the zone: a closure of a location changes none of its resources.
    closures: tuple[Closure, ...] = field(default=NO_CLOSURES, metadata=NOT_IN_DOCUMENT)
    """Those of the location and of the business."""
    located: tuple[Site, ...] = ()
    """The hours at several locations, in place of `hours`; empty: the resource works at its own location only."""
    at: "tuple[SiteSchedule, ...]" = field(default=(), metadata=NOT_IN_DOCUMENT)
    """Derived from `located` (see catalogue.model.sites)."""

    @property
    def parts(self) -> "tuple[Schedule, ...]":
        """The schedules by which the resource works, each on the clock of one location."""
        return tuple([one.schedule for one in self.at]) or (self,)

    def closure_on(self, day: date) -> Closure | None:
        """The closure that empties that date, whatever hours it has: of shifts that begin on it, none is worked."""
        if not self.closures or day in self.despite_closures:
            return None
        return closure_on(self.closures, day)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSchedule:
    """The schedule of a resource at one of several locations."""

    location_id: LocationId
    schedule: Schedule


class WeeklySpanDocument(WallSpanDocument):
    """A span on certain days of the week, in force between two dates, both inclusive."""

    days: Annotated[
        list[Annotated[Weekday, Field(strict=False)]],
        Field(min_length=1, max_length=7, json_schema_extra={"uniqueItems": True}),
    ]
    valid_from: LocalDate | None = None
    valid_until: LocalDate | None = None
    every_weeks: Annotated[int, Field(ge=1, le=MAX_EVERY_WEEKS)] = Field(
        default=1, description="2: in one week of two, the one that begins with `starting` first."
    )
    starting: LocalDate | None = Field(
        default=None, description="First date of the first week; weeks of seven days are counted from it."
    )
    nth: Literal[1, 2, 3, 4, 5, -1] | None = Field(
        default=None, description="1: on the first of these days in each month; -1: on the last."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        backwards = bool(self.valid_from and self.valid_until and self.valid_until < self.valid_from)
        refuse_if(
            (len(set(self.days)) < len(self.days), "days", "must not name a day twice"),
            (backwards, "valid_until", "must not be before valid_from"),
            (
                self.every_weeks > 1 and self.starting is None,
                "starting",
                "required with every_weeks: the first date of the first week",
            ),
            (self.every_weeks == 1 and self.starting is not None, "starting", "only with every_weeks"),
            (self.every_weeks > 1 and self.nth is not None, "nth", "not with every_weeks"),
        )
        return self


class OverrideDocument(Document):
    """The hours of one local date, in place of its weekly hours; no spans means closed."""

    date: LocalDate
    spans: Annotated[list[WallSpanDocument], Field(max_length=MAX_SPANS_PER_DATE)]
    despite_closures: bool = Field(
        default=False, description="True: these hours hold even if the business or the location is closed on the date."
    )


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
    every_weeks: Annotated[
        int, ColumnDetails(size=IntegerSize.SMALL, comment="in the first of so many weeks", default="1")
    ] = 1
    starting: Annotated[date | None, ColumnDetails(comment="first date of the first week")] = None
    nth: Annotated[
        int | None, ColumnDetails(size=IntegerSize.SMALL, comment="of the days in a month; -1: the last; null: all")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRow:
    """Row of an override."""

    resource_id: str
    on_date: date
    spans: Annotated[Sequence[Sequence[int]], ColumnDetails(comment="[[start minute, end minute], …]; empty: closed")]
    despite_closures: Annotated[bool, ColumnDetails(comment="true: on a closed date too", default="false")] = False


def desired_weekly_span(entry: WeeklySpanDocument) -> WeeklySpan:
    """The weekly span in the document."""
    return WeeklySpan(
        days=tuple(entry.days),
        span=desired_wall_span(entry),
        valid_from=entry.valid_from,
        valid_until=entry.valid_until,
        every_weeks=entry.every_weeks,
        starting=entry.starting,
        nth=entry.nth,
    )


def weekly_span_document(span: WeeklySpan) -> JsonObject:
    """The weekly span as a document."""
    return present(
        days=[day.value for day in span.days],
        **wall_span_document(span.span),
        valid_from=span.valid_from.isoformat() if span.valid_from else None,
        valid_until=span.valid_until.isoformat() if span.valid_until else None,
        every_weeks=span.every_weeks if span.every_weeks > 1 else None,
        starting=span.starting.isoformat() if span.starting else None,
        nth=span.nth,
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
            every_weeks=span.every_weeks,
            starting=span.starting,
            nth=span.nth,
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
        every_weeks=row.every_weeks,
        starting=row.starting,
        nth=row.nth,
    )


def desired_override(entry: OverrideDocument) -> tuple[WallSpan, ...]:
    """The spans of an override's date."""
    return tuple(desired_wall_span(span) for span in entry.spans)


def override_document(day: date, spans: Iterable[WallSpan], *, despite_closures: bool) -> JsonObject:
    """An override as a document."""
    return present(
        date=day.isoformat(),
        spans=[wall_span_document(span) for span in spans],
        despite_closures=despite_closures or None,
    )


def override_rows(resource_id: ResourceId, schedule: Schedule) -> list[OverrideRow]:
    """The rows of a resource's overrides."""
    return [
        OverrideRow(
            resource_id=resource_id,
            on_date=day,
            spans=[[span.start, span.end] for span in spans],
            despite_closures=day in schedule.despite_closures,
        )
        for day, spans in schedule.overrides.items()
    ]


def stored_overrides(rows: Iterable[OverrideRow]) -> dict[date, tuple[WallSpan, ...]]:
    """The overrides of a resource in its rows."""
    return {row.on_date: tuple(WallSpan(start, end) for start, end in row.spans) for row in rows}


def stored_despite_closures(rows: Iterable[OverrideRow]) -> frozenset[date]:
    """The dates of a resource whose override holds on a closed date too."""
    return frozenset(row.on_date for row in rows if row.despite_closures)
