"""Prices of a service at certain times of the week."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_PERCENT_OF_PRICE, MAX_TIMED_PRICES
from catalogue.model.columns import ColumnDetails
from catalogue.model.document_fields import StartTime, WallTime
from catalogue.model.documents import Document, JsonObject, present, refuse_if
from catalogue.model.money import MoneyDocument, desired_money, money_document
from catalogue.model.wall_clock import WallSpan, Weekday, desired_span, wall_span_document
from kernel.money import Money
from kernel.spans import MINUTES_PER_DAY

_WEEKDAYS: Final = tuple(Weekday)
_WHOLE_DAY: Final = WallSpan(0, MINUTES_PER_DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPrice:
    """The price of visits that start at certain times of the week: an amount, or a share of the usual price."""

    days: tuple[Weekday, ...] = ()
    """Empty: every day. The hours after midnight of a span belong to the day it begins on."""
    span: WallSpan = _WHOLE_DAY
    price: Money | None = None
    """For one person, in place of the service's price. None: see `percent`."""
    percent: int | None = None
    """Hundredths of what the visit would cost at other times. None: see `price`."""

    def fits(self, weekday: int, reading: int) -> bool:
        """True if a start belongs to it, by the weekday (0 is Monday) and the minutes of its wall clock."""
        return (self.span.start <= reading < self.span.end and self._is_on(weekday)) or (
            reading + MINUTES_PER_DAY < self.span.end and self._is_on(weekday - 1)
        )

    def _is_on(self, weekday: int) -> bool:
        return not self.days or _WEEKDAYS[weekday % 7] in self.days


class TimedPriceDocument(Document):
    """The price of visits that start on some days, between two times of the wall clock."""

    days: Annotated[list[Annotated[Weekday, Field(strict=False)]], Field(min_length=1, max_length=7)] | None = Field(
        default=None, description="Default: every day."
    )
    start: StartTime | None = Field(default=None, description="Default: `00:00`.")
    end: WallTime | None = Field(
        default=None, description="Default: `24:00`. Before `start`: on the next day. A visit may end later."
    )
    price: MoneyDocument | None = Field(
        default=None, description="For one person, in place of the service's price; a resource's own price stays."
    )
    percent: Annotated[int, Field(ge=0, le=MAX_PERCENT_OF_PRICE)] | None = Field(
        default=None, description="Of the price that the visit has otherwise, that of a resource included."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        start, end = _times(self)
        refuse_if(
            (len(set(self.days or ())) < len(self.days or ()), "days", "must not name a day twice"),
            (start == end, "end", "must not equal start; leave both out for the whole day"),
            (self.price is None and self.percent is None, "price", "required, unless there is `percent`"),
            (self.price is not None and self.percent is not None, "percent", "must be absent where there is a price"),
        )
        return self


TimedPricesRecord = Annotated[
    Sequence[Mapping[str, Any]],
    ColumnDetails(
        comment="[{days, start, end, price or percent}, …], minutes of the day; the first that fits a start counts",
        default="'[]'::jsonb",
    ),
]
"""Column of the prices by time."""

TimedPrices = Annotated[
    list[TimedPriceDocument],
    Field(max_length=MAX_TIMED_PRICES, description="Prices by weekday and time of day: the first that fits a start."),
]
"""The prices by time of a service in a document."""


def desired_timed_prices(entries: Iterable[TimedPriceDocument]) -> tuple[TimedPrice, ...]:
    """The prices by time in a document."""
    return tuple(
        TimedPrice(
            days=tuple(sorted(entry.days or (), key=_WEEKDAYS.index)),
            span=desired_span(*_times(entry)),
            price=desired_money(entry.price),
            percent=entry.percent,
        )
        for entry in entries
    )


def timed_price_documents(prices: Iterable[TimedPrice]) -> list[JsonObject] | None:
    """The prices by time as part of a document; None if there are none."""
    return [
        {
            **present(days=[day.value for day in entry.days] or None),
            **(wall_span_document(entry.span) if entry.span != _WHOLE_DAY else {}),
            **present(price=money_document(entry.price), percent=entry.percent),
        }
        for entry in prices
    ] or None


def timed_price_records(prices: Iterable[TimedPrice]) -> list[JsonObject]:
    """The prices by time as they are stored."""
    return [
        {
            "days": [day.value for day in entry.days],
            "start": entry.span.start,
            "end": entry.span.end,
            **present(price=money_document(entry.price), percent=entry.percent),
        }
        for entry in prices
    ]


def stored_timed_prices(records: Iterable[Mapping[str, Any]]) -> tuple[TimedPrice, ...]:
    """The prices by time in a row."""
    return tuple(
        TimedPrice(
            days=tuple(Weekday(day) for day in record["days"]),
            span=WallSpan(record["start"], record["end"]),
            price=Money(**record["price"]) if "price" in record else None,
            percent=record.get("percent"),
        )
        for record in records
    )


def _times(entry: TimedPriceDocument) -> tuple[int, int]:
    return entry.start or 0, MINUTES_PER_DAY if entry.end is None else entry.end
