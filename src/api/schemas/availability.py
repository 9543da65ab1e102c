"""Questions about free times as clients ask them, and their answers."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Final, NotRequired, Self

import orjson
from pydantic import ConfigDict, Field, model_validator, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import MAX_PARTY, Reference, RequestModel, ShownInstant, shown_text
from availability.listing.date_cache import Renderer
from availability.listing.dates import DateOffers
from availability.model import DatedAnswer, Day, DayCount, Listing, ListingQuery, Reason, Slot
from catalogue.model.document_fields import LocalDate, Zone
from catalogue.model.documents import FaultsError
from kernel.errors import FieldError
from kernel.ids import AppointmentId, HoldId

MAX_DAYS: Final = 62
"""Two months of a calendar."""
MAX_RESOURCES: Final = 200
"""Of those named in one query; none named means any."""
MAX_NEXT: Final = 100
"""More is a listing."""


class AvailabilityParameters(RequestModel):
    """What every question about free times may name."""

    # Everything in a query is text, and what it does not know is none of its business.
    model_config = ConfigDict(extra="ignore", strict=False)

    service: Reference = Field(description="Id or key.", examples=["haircut"])
    resource: Annotated[list[Reference], Field(max_length=MAX_RESOURCES)] = Field(
        default=[], description="Id or key; repeat it to allow several. Absent: any that can serve."
    )
    timezone: Zone | None = Field(default=None, description="IANA zone of days and instants; that of the location.")
    party: int = Field(default=1, ge=1, le=MAX_PARTY, description="How many people come.")
    hold: Reference | None = Field(default=None, description="Your own hold: it does not hide its time from you.")
    rescheduling: Reference | None = Field(
        default=None,
        description="The appointment to be moved: it does not hide its time from you. With a publishable key, show its "
        "token too.",
    )

    def _query(self, first: date, last: date, *, explain: bool) -> ListingQuery:
        return ListingQuery(
            service=self.service,
            first=first,
            last=last,
            resources=tuple(self.resource),
            timezone=self.timezone,
            party=self.party,
            hold_id=None if self.hold is None else HoldId(self.hold),
            rescheduling=None if self.rescheduling is None else AppointmentId(self.rescheduling),
            explain=explain,
        )


class NextParameters(AvailabilityParameters):
    """The first free starts from now on."""

    limit: int = Field(default=5, ge=1, le=MAX_NEXT, description="How many slots.")

    def query(self) -> ListingQuery:
        """In the engine's terms."""
        return self._query(date.min, date.min, explain=False)


class ListingParameters(AvailabilityParameters):
    """The free starts of some days."""

    first: LocalDate = Field(alias="from", description="First local date.", examples=["2026-12-01"])
    last: LocalDate = Field(alias="to", description="Last local date, inclusive.", examples=["2026-12-07"])
    explain: bool = Field(default=False, description="Say of each day without a start which rule left it so.")

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.last < self.first:
            raise FaultsError([FieldError("to", "must not be before from")])
        if (self.last - self.first).days >= MAX_DAYS:
            raise FaultsError([FieldError("to", f"must be within {MAX_DAYS} days of from")])
        return self

    def query(self) -> ListingQuery:
        """In the engine's terms."""
        return self._query(self.first, self.last, explain=self.explain)


class SlotAnswer(TypedDict):
    """A start that can be booked, with those whose visit would end at the same time.

    Where visits would end at different times, by who serves, a start has a slot for each end, the soonest first.
    """

    start: ShownInstant
    end: ShownInstant
    resources: Annotated[
        Sequence[str], Field(description="Keys of those who could serve and end then, in order of the pool.")
    ]
    remaining: Annotated[int, Field(description="Places left with them.")]
    held_by_you: NotRequired[Annotated[bool, Field(description="True for the time of the hold you named.")]]


class DayAnswer(TypedDict):
    """One local date."""

    date: date
    slots: list[SlotAnswer]
    reason: NotRequired[Annotated[Reason, Field(description="With `explain`, of a day without slots.")]]


_SLOT_EXAMPLE: Final[JsonDict] = {
    "start": "2026-12-01T09:00:00+02:00",
    "end": "2026-12-01T09:30:00+02:00",
    "resources": ["noa", "dan"],
    "remaining": 2,
}
LISTING_EXAMPLE: Final[JsonDict] = {
    "service": "haircut",
    "timezone": "Asia/Jerusalem",
    "days": [
        {"date": "2026-12-01", "slots": [_SLOT_EXAMPLE]},
        {"date": "2026-12-02", "slots": [], "reason": "closed"},
    ],
}
DAYS_EXAMPLE: Final[JsonDict] = {
    "service": "haircut",
    "timezone": "Asia/Jerusalem",
    "days": [
        {"date": "2026-12-01", "available": True, "slots": 17, "first": "2026-12-01T09:00:00+02:00"},
        {"date": "2026-12-02", "available": False, "slots": 0, "first": None, "reason": "closed"},
    ],
}
NEXT_EXAMPLE: Final[JsonDict] = {"service": "haircut", "timezone": "Asia/Jerusalem", "slots": [_SLOT_EXAMPLE]}


@with_config(ConfigDict(json_schema_extra={"examples": [LISTING_EXAMPLE]}))
class ListingAnswer(TypedDict):
    """Every slot that can be booked, by local date."""

    service: str
    timezone: str
    days: list[DayAnswer]


class CountedDay(TypedDict):
    """One local date at a glance."""

    date: date
    available: bool
    slots: Annotated[int, Field(description="How many slots, as listed: a start counts once for each end it has.")]
    first: ShownInstant | None
    reason: NotRequired[Annotated[Reason, Field(description="With `explain`, of a day without slots.")]]


@with_config(ConfigDict(json_schema_extra={"examples": [DAYS_EXAMPLE]}))
class DaysAnswer(TypedDict):
    """What a calendar shows."""

    service: str
    timezone: str
    days: list[CountedDay]


@with_config(ConfigDict(json_schema_extra={"examples": [NEXT_EXAMPLE]}))
class NextAnswer(TypedDict):
    """The first slots from now on."""

    service: str
    timezone: str
    slots: list[SlotAnswer]


def day_answer(day: Day, timezone: str) -> bytes:
    """One date of the listing, spelled."""
    found: DayAnswer = {"date": day.date, "slots": [_slot(slot, timezone) for slot in day.slots]}
    if day.reason is not None:
        found["reason"] = day.reason
    return orjson.dumps(found)


def day_count_answer(day: DayCount, timezone: str) -> bytes:
    """One date of a calendar, spelled."""
    found: CountedDay = {
        "date": day.date,
        "available": day.slots > 0,
        "slots": day.slots,
        "first": None if day.first is None else shown_text(day.first, timezone),
    }
    if day.reason is not None:
        found["reason"] = day.reason
    return orjson.dumps(found)


LISTED: Final[Renderer[DateOffers, bytes]] = Renderer(
    render=lambda offers: day_answer(offers.day(), offers.timezone), size_of=len
)
COUNTED: Final[Renderer[DateOffers, bytes]] = Renderer(
    render=lambda offers: day_count_answer(offers.count(), offers.timezone), size_of=len
)


def dates_answer(dates: DatedAnswer[bytes]) -> Mapping[str, object]:
    """A ListingAnswer or DaysAnswer of dates that are spelled already."""
    return {
        "service": dates.service,
        "timezone": dates.timezone,
        "days": [orjson.Fragment(day) for day in dates.days],
    }


def next_answer(listing: Listing) -> NextAnswer:
    """The starts in one list."""
    return {
        "service": listing.service,
        "timezone": listing.timezone,
        "slots": [_slot(slot, listing.timezone) for day in listing.days for slot in day.slots],
    }


def _slot(slot: Slot, timezone: str) -> SlotAnswer:
    start, end, resources, remaining, held_by_you = slot
    found: SlotAnswer = {
        "start": shown_text(start, timezone),
        "end": shown_text(end, timezone),
        "resources": resources,
        "remaining": remaining,
    }
    if held_by_you:
        found["held_by_you"] = True
    return found
