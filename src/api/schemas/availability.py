"""Free times in queries and answers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from hashlib import blake2b
from typing import Annotated, Final, NotRequired, Self

import orjson
from pydantic import ConfigDict, Field, model_validator, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.answers import (
    OptionalService,
    QueryAnswers,
    RouteMember,
    answers_of,
    route_answer,
    unless_answers_choose,
)
from api.schemas.choices import AddOns
from api.schemas.fields import (
    LIST_BY_DEFAULT,
    MAX_PARTY,
    Digits,
    InstantText,
    MoneyAnswer,
    Reference,
    RequestModel,
    VisitLocation,
    instant_text,
    money_answer,
)
from api.schemas.overrides import QueryOverrides
from availability.listing.date_cache import Renderer
from availability.listing.dates import DateOffers
from availability.model import DatedAnswer, Day, DayCount, Listing, ListingQuery, Override, PriceRange, Reason, Slot
from availability.routing import BY_ANSWERS
from availability.rules.choices import NONE_REQUESTED, RequestedChoices
from availability.rules.overrides import overrides_of
from catalogue.limits import MAX_BLOCKED_MINUTES
from catalogue.model.document_fields import LocalDate, Zone
from catalogue.model.documents import FaultsError
from kernel.errors import FieldError
from kernel.ids import AppointmentId, HoldId

MAX_DAYS: Final = 62
"""Two months of a calendar."""
MAX_DAYS_OFF_GRID: Final = 7
"""A week of minutes has as many starts as three months of a grid of a quarter of an hour."""
MAX_RESOURCES: Final = 200
"""Resources named in one query."""
MAX_NEXT: Final = 100
"""More is a listing."""


class AvailabilityParameters(RequestModel):
    """Parameters of every query for free times."""

    # Query parameters are text, and unknown ones are ignored.
    model_config = ConfigDict(extra="ignore", strict=False)

    service: OptionalService = Field(
        default=None,
        description="Id or key. Required, unless answers to the questions of the business choose it.",
        examples=["haircut"],
    )
    resource: Annotated[list[Reference], Field(max_length=MAX_RESOURCES)] = Field(
        default_factory=list,
        json_schema_extra=LIST_BY_DEFAULT,
        description="Id or key; repeat it to allow several. Any suitable resource if absent.",
    )
    location: Reference | None = Field(default=None, description="Id or key. Any location if absent.")
    timezone: Zone | None = Field(
        default=None, description="IANA time zone of dates and instants; by default that of the location."
    )
    party: Annotated[int, Digits] = Field(default=1, ge=1, le=MAX_PARTY, description="Number of people.")
    hold: Reference | None = Field(default=None, description="Your own hold: its time counts as free for you.")
    rescheduling: Reference | None = Field(
        default=None,
        description="The appointment to be moved: its time counts as free for you. With a publishable key, send its "
        "token too.",
    )

    answer: QueryAnswers = Field(default_factory=list, json_schema_extra=LIST_BY_DEFAULT)
    override: QueryOverrides = Field(default_factory=list, json_schema_extra=LIST_BY_DEFAULT)
    duration_minutes: Annotated[int, Field(ge=1, le=MAX_BLOCKED_MINUTES), Digits] | None = Field(
        default=None,
        description="One of the service's `durations`; by default its `duration_minutes`.",
    )
    add_ons: AddOns = Field(
        default_factory=list, json_schema_extra=LIST_BY_DEFAULT, description="Key of an add-on; repeat it for several."
    )

    @model_validator(mode="before")
    @classmethod
    def _names_the_service(cls, sent: object) -> object:
        return unless_answers_choose(sent, "answer")

    @model_validator(mode="after")
    def _keeps_the_service_of_a_move(self) -> Self:
        if self.answer and self.rescheduling is not None:
            raise FaultsError([FieldError("answer", "a move keeps the service: leave out the answers")])
        return self

    def _query(self, first: date, last: date, *, explain: bool, by_visitor: bool) -> ListingQuery:
        return ListingQuery(
            service=BY_ANSWERS if self.service is None else self.service,
            first=first,
            last=last,
            resources=tuple(self.resource),
            location=self.location,
            timezone=self.timezone,
            party=self.party,
            hold_id=None if self.hold is None else HoldId(self.hold),
            rescheduling=None if self.rescheduling is None else AppointmentId(self.rescheduling),
            explain=explain,
            overrides=overrides_of(self.override),
            by_visitor=by_visitor,
            choices=RequestedChoices(duration_minutes=self.duration_minutes, add_ons=tuple(self.add_ons))
            if self.duration_minutes is not None or self.add_ons
            else NONE_REQUESTED,
            answers=answers_of(self.answer),
        )


class NextParameters(AvailabilityParameters):
    """Parameters of a search for the next free starts."""

    limit: Annotated[int, Digits] = Field(default=5, ge=1, le=MAX_NEXT, description="Number of slots to find.")

    @model_validator(mode="after")
    def _from_now_on(self) -> Self:
        if Override.PAST in self.override:
            raise FaultsError([FieldError("override", "the next slots begin from now on: leave out past")])
        return self

    def query(self, *, by_visitor: bool) -> ListingQuery:
        """The parameters as the engine's value."""
        return self._query(date.min, date.min, explain=False, by_visitor=by_visitor)


class ListingParameters(AvailabilityParameters):
    """Parameters of a listing by date."""

    first: LocalDate = Field(alias="from", description="First local date.", examples=["2026-12-01"])
    last: LocalDate = Field(alias="to", description="Last local date, inclusive.", examples=["2026-12-07"])
    explain: bool = Field(default=False, description="Give the reason for each date without a free start.")

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.last < self.first:
            raise FaultsError([FieldError("to", "must not be before from")])
        if (self.last - self.first).days >= MAX_DAYS:
            raise FaultsError(
                [
                    FieldError(
                        "to", f"must be at most {MAX_DAYS - 1} days after from: one answer has at most {MAX_DAYS} days"
                    )
                ]
            )
        if Override.OFF_GRID in self.override and (self.last - self.first).days >= MAX_DAYS_OFF_GRID:
            detail = (
                f"must be at most {MAX_DAYS_OFF_GRID - 1} days after from: with override off_grid, which lists every "
                f"minute, one answer has at most {MAX_DAYS_OFF_GRID} days"
            )
            raise FaultsError([FieldError("to", detail)])
        return self

    def query(self, *, by_visitor: bool) -> ListingQuery:
        """The parameters as the engine's value."""
        return self._query(self.first, self.last, explain=self.explain, by_visitor=by_visitor)


class StreamParameters(ListingParameters):
    """Parameters of a stream: those of the listing whose changes it tells."""

    ticket: str | None = Field(
        default=None, max_length=200, description="In place of a header: a ticket from `POST /v1/stream-tickets`."
    )


class _OptionalMembers(TypedDict):
    price: NotRequired[
        Annotated[
            MoneyAnswer,
            Field(description="The price for the party. Absent where it depends on who serves: see price_from."),
        ]
    ]
    price_from: NotRequired[
        Annotated[MoneyAnswer, Field(description="In place of `price`: the lowest price; the hold has the one to pay.")]
    ]
    price_to: NotRequired[Annotated[MoneyAnswer, Field(description="Beside `price_from`: the highest price.")]]
    held_by_you: NotRequired[Annotated[bool, Field(description="True for the time of the hold in the query.")]]
    location: NotRequired[VisitLocation]


class SlotAnswer(_OptionalMembers):
    """A free start with its end, and the resources that give that end.

    Where end or location depend on the resource, a start has one slot for each of them, the earliest end first.
    """

    start: InstantText
    end: InstantText
    resources: Annotated[
        Sequence[str], Field(description="Keys of the free resources with this end, in order of the pool.")
    ]
    remaining: Annotated[int, Field(description="Free places at these resources.")]


class DayAnswer(TypedDict):
    """One local date."""

    date: date
    slots: list[SlotAnswer]
    reason: NotRequired[Annotated[Reason, Field(description="With `explain`: the reason for a date without slots.")]]
    closure: NotRequired[Annotated[str, Field(description="Beside `closed`: the closure's name.")]]


_SLOT_EXAMPLE: Final[JsonDict] = {
    "start": "2026-12-01T09:00:00+02:00",
    "end": "2026-12-01T09:30:00+02:00",
    "resources": ["noa", "dan"],
    "remaining": 2,
    "price": {"amount_minor": 9000, "currency": "ILS"},
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
class ListingAnswer(RouteMember):
    """Every free slot, by local date."""

    service: str
    timezone: str
    days: list[DayAnswer]


class CountedDay(TypedDict):
    """The counts of one local date."""

    date: date
    available: bool
    slots: Annotated[int, Field(description="Number of slots; a start counts once for each of its ends and locations.")]
    first: InstantText | None
    reason: NotRequired[Annotated[Reason, Field(description="With `explain`: the reason for a date without slots.")]]
    closure: NotRequired[Annotated[str, Field(description="Beside `closed`: the closure's name.")]]


@with_config(ConfigDict(json_schema_extra={"examples": [DAYS_EXAMPLE]}))
class DaysAnswer(RouteMember):
    """The counts of several dates, for a calendar."""

    service: str
    timezone: str
    days: list[CountedDay]


@with_config(ConfigDict(json_schema_extra={"examples": [NEXT_EXAMPLE]}))
class NextAnswer(RouteMember):
    """The next free slots."""

    service: str
    timezone: str
    slots: list[SlotAnswer]
    reason: NotRequired[
        Annotated[Reason, Field(description="Where there are no slots: the rule that came nearest to leaving one.")]
    ]


def day_answer(day: Day, timezone: str) -> bytes:
    """One date of a listing as JSON."""
    body: DayAnswer = {"date": day.date, "slots": _slots(day.slots, timezone)}
    if day.reason is not None:
        body["reason"] = day.reason
    if day.closure is not None:
        body["closure"] = day.closure
    return orjson.dumps(body)


def day_count_answer(day: DayCount, timezone: str) -> bytes:
    """One date of a calendar as JSON."""
    body: CountedDay = {
        "date": day.date,
        "available": day.slots > 0,
        "slots": day.slots,
        "first": None if day.first is None else instant_text(day.first, timezone),
    }
    if day.reason is not None:
        body["reason"] = day.reason
    if day.closure is not None:
        body["closure"] = day.closure
    return orjson.dumps(body)


LISTED: Final[Renderer[DateOffers, bytes]] = Renderer(
    render=lambda offers: day_answer(offers.day(), offers.timezone), size_of=len
)
DIGESTED: Final[Renderer[DateOffers, bytes]] = Renderer(
    render=lambda offers: blake2b(day_answer(offers.day(), offers.timezone), digest_size=12).digest(), size_of=len
)
"""A few bytes instead of each date of LISTED, for who waits for the next change only."""
COUNTED: Final[Renderer[DateOffers, bytes]] = Renderer(
    render=lambda offers: day_count_answer(offers.count(), offers.timezone), size_of=len
)


def dates_answer(dates: DatedAnswer[bytes]) -> Mapping[str, object]:
    """A ListingAnswer or DaysAnswer from dates in JSON."""
    return {
        "service": dates.service,
        "timezone": dates.timezone,
        **({} if dates.routing is None else {"route": route_answer(dates.routing)}),
        "days": [orjson.Fragment(day) for day in dates.days],
    }


def next_answer(listing: Listing) -> NextAnswer:
    """The slots of all dates in one list."""
    slots = [slot for day in listing.days for slot in day.slots]
    body: NextAnswer = {
        "service": listing.service,
        "timezone": listing.timezone,
        "slots": _slots(slots, listing.timezone),
    }
    if listing.routing is not None:
        body["route"] = route_answer(listing.routing)
    if listing.reason is not None:
        body["reason"] = listing.reason
    return body


def _slots(slots: Iterable[Slot], timezone: str) -> list[SlotAnswer]:
    """The slots; most have one price between them, which is looked at once."""
    answers: list[SlotAnswer] = []
    last: PriceRange | None = None
    price: _OptionalMembers = {}
    for start, end, resources, remaining, prices, held_by_you, location in slots:
        if prices is not last:
            last, price = prices, _slot_price(prices)
        body: SlotAnswer = {
            "start": instant_text(start, timezone),
            "end": instant_text(end, timezone),
            "resources": resources,
            "remaining": remaining,
            **price,
        }
        if held_by_you:
            body["held_by_you"] = True
        if location is not None:
            body["location"] = location
        answers.append(body)
    return answers


def _slot_price(prices: PriceRange) -> _OptionalMembers:
    if prices.lowest == prices.highest:
        return {"price": money_answer(prices.lowest)}
    return {"price_from": money_answer(prices.lowest), "price_to": money_answer(prices.highest)}
