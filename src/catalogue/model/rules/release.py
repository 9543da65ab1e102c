"""Rule on how the time of a day is released: when it opens, and when it gets cheaper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_OFF_PEAK_ENTRIES, MAX_PARTS_OF_DAY, MAX_RELEASE_HOURS
from catalogue.model.documents import Document, FaultsError, JsonObject, present, refuse_if
from catalogue.model.rules.rule import RuleCodec, or_null
from catalogue.model.wall_clock import WallSpan, WallSpanDocument, Weekday, desired_wall_span, wall_span_document
from kernel.errors import FieldError
from kernel.spans import MINUTES_PER_DAY

_WEEKDAYS: Final = tuple(Weekday)

SharePercent = Annotated[int, Field(ge=1, le=100)]
ReleaseHours = Annotated[int, Field(ge=1, le=MAX_RELEASE_HOURS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FillOrder:
    """Parts of the day that open one after the other."""

    parts: tuple[WallSpan, ...]
    """In order of time, without overlaps. One that runs past midnight belongs to the date it begins on."""
    share: int
    """Percentage of each part that is claimed before the next one opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffPeak:
    """A part of the day that is cheaper where it fills slowly."""

    days: tuple[Weekday, ...] = ()
    """Empty: every day. The hours after midnight of a span belong to the day it begins on."""
    span: WallSpan
    percent_off: int
    below_share: int
    """It is cheaper while less than that percentage of it is claimed."""
    within_hours: int | None = None
    """It is not cheaper for starts that are farther ahead. None: it may be at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The times that are released for booking, and at what discount."""

    rolling_hours: int | None = None
    """Starts are bookable up to that many hours ahead. None: as the window says."""
    fill_earlier_first: FillOrder | None = None
    off_peak: tuple[OffPeak, ...] = ()
    """The first that applies to a start counts."""

    @property
    def counts_claims(self) -> bool:
        """True if it depends on what is booked."""
        return self.fill_earlier_first is not None or bool(self.off_peak)

    @property
    def parts(self) -> tuple[WallSpan, ...]:
        """Every part of the day whose claims it counts."""
        order = self.fill_earlier_first
        return (*(order.parts if order else ()), *(entry.span for entry in self.off_peak))


class FillOrderDocument(Document):
    """Parts of the day that open one after the other, as each is filled."""

    parts: Annotated[list[WallSpanDocument], Field(min_length=2, max_length=MAX_PARTS_OF_DAY)]
    share: SharePercent = Field(description="Percentage of a part that is claimed before the next one opens.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        spans = [desired_wall_span(part) for part in self.parts]
        faults = [
            FieldError(f"parts[{place}].start", "must not be before the end of the part before it")
            for place in range(1, len(spans))
            if spans[place].start < spans[place - 1].end
        ]
        if spans[-1].end > spans[0].start + MINUTES_PER_DAY:
            faults.append(
                FieldError(f"parts[{len(spans) - 1}].end", "must not run into the first part of the next day")
            )
        if faults:
            raise FaultsError(faults)
        return self


class OffPeakDocument(WallSpanDocument):
    """A part of the day that is cheaper while little of it is claimed."""

    days: Annotated[list[Annotated[Weekday, Field(strict=False)]], Field(min_length=1, max_length=7)] | None = Field(
        default=None, description="Default: every day."
    )
    percent_off: SharePercent = Field(description="Off the price that the visit has otherwise.")
    below_share: SharePercent = Field(description="It is cheaper while less than that percentage of it is claimed.")
    within_hours: ReleaseHours | None = Field(
        default=None, description="Starts that are farther ahead have the usual price. Default: all may be cheaper."
    )

    @model_validator(mode="after")
    def _names_days_once(self) -> Self:
        refuse_if((len(set(self.days or ())) < len(self.days or ()), "days", "must not name a day twice"))
        return self


class ReleaseDocument(Document):
    """The times that are released for booking, and at what discount."""

    rolling_hours: ReleaseHours | None = Field(
        default=None, description="Starts are bookable up to that many hours ahead, beside `window`."
    )
    fill_earlier_first: FillOrderDocument | None = None
    off_peak: Annotated[
        list[OffPeakDocument], Field(max_length=MAX_OFF_PEAK_ENTRIES, description="The first that applies counts.")
    ] = Field(default_factory=list)


def _desired(entry: ReleaseDocument) -> Release:
    order = entry.fill_earlier_first
    return Release(
        rolling_hours=entry.rolling_hours,
        fill_earlier_first=None
        if order is None
        else FillOrder(parts=tuple(desired_wall_span(part) for part in order.parts), share=order.share),
        off_peak=tuple(
            OffPeak(
                days=tuple(sorted(one.days or (), key=_WEEKDAYS.index)),
                span=desired_wall_span(one),
                percent_off=one.percent_off,
                below_share=one.below_share,
                within_hours=one.within_hours,
            )
            for one in entry.off_peak
        ),
    )


def _document(release: Release) -> JsonObject:
    order = release.fill_earlier_first
    return present(
        rolling_hours=release.rolling_hours,
        fill_earlier_first=order
        and {"parts": [wall_span_document(span) for span in order.parts], "share": order.share},
        off_peak=[
            {**present(days=[day.value for day in one.days] or None), **wall_span_document(one.span), **_amounts(one)}
            for one in release.off_peak
        ]
        or None,
    )


def _stored(record: Mapping[str, Any]) -> Release:
    order = record.get("fill_earlier_first")
    return Release(
        rolling_hours=record.get("rolling_hours"),
        fill_earlier_first=None
        if order is None
        else FillOrder(parts=tuple(_span(part) for part in order["parts"]), share=order["share"]),
        off_peak=tuple(
            OffPeak(
                days=tuple(Weekday(day) for day in one["days"]),
                span=_span(one["span"]),
                percent_off=one["percent_off"],
                below_share=one["below_share"],
                within_hours=one.get("within_hours"),
            )
            for one in record.get("off_peak", ())
        ),
    )


def _record(release: Release) -> JsonObject:
    order = release.fill_earlier_first
    return present(
        rolling_hours=release.rolling_hours,
        fill_earlier_first=order and {"parts": [[part.start, part.end] for part in order.parts], "share": order.share},
        off_peak=[
            {"days": [day.value for day in one.days], "span": [one.span.start, one.span.end], **_amounts(one)}
            for one in release.off_peak
        ]
        or None,
    )


def _amounts(entry: OffPeak) -> JsonObject:
    return present(percent_off=entry.percent_off, below_share=entry.below_share, within_hours=entry.within_hours)


def _span(record: Sequence[int]) -> WallSpan:
    """A span as it is stored: minutes of the day."""
    return WallSpan(record[0], record[1])


RELEASE: Final = or_null(RuleCodec(desired=_desired, document=_document, stored=_stored, record=_record))
