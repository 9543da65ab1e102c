"""Closures: local dates on which a business, or one of its locations, is closed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_CLOSURES
from catalogue.model.columns import ColumnDetails
from catalogue.model.document_fields import LocalDate, Title
from catalogue.model.documents import Document, JsonObject, present, refuse_if


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """Local dates on which nobody works, by the zone of each location. Both are inclusive."""

    name: str
    first: date
    last: date
    yearly: bool = False
    """True: on the same days of every later year too."""

    def applies_on(self, day: date) -> bool:
        """True if the date is closed.

        Yearly dates are compared by month and day. So 29 February alone is closed in leap years only, and what lasts
        until then ends on 28 February in other years.
        """
        if not self.yearly:
            return self.first <= day <= self.last
        if day < self.first:
            return False
        reading, first, last = _in_year(day), _in_year(self.first), _in_year(self.last)
        return first <= reading <= last if first <= last else reading >= first or reading <= last


class ClosureDocument(Document):
    """Local dates on which a business or a location is closed, both inclusive."""

    name: Title = Field(description="Shown to visitors as the reason for a closed date.")
    first: LocalDate = Field(alias="from")
    last: LocalDate | None = Field(default=None, alias="until", description="Default: `from`.")
    yearly: bool = Field(default=False, description="Closed on the same days of every later year too.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        last = self.last or self.first
        # From 24 December 2026 until 23 December 2027 is the longest that can be repeated.
        too_long = self.yearly and (last.year - self.first.year, _in_year(last)) >= (1, _in_year(self.first))
        refuse_if(
            (last < self.first, "until", "must not be before from"),
            (too_long, "until", "must be less than a year after from, because it is repeated every year"),
        )
        return self


Closures = Annotated[list[ClosureDocument], Field(max_length=MAX_CLOSURES)]
"""The closures of a business or of a location in a document."""

ClosuresRecord = Annotated[
    Sequence[Mapping[str, object]],
    ColumnDetails(comment="[{name, from, until, yearly}, …]; both dates inclusive", default="'[]'::jsonb"),
]
"""Column of closures."""

NO_CLOSURES: Final[tuple[Closure, ...]] = ()


def closure_on(closures: Iterable[Closure], day: date) -> Closure | None:
    """The first closure of that date."""
    return next((closure for closure in closures if closure.applies_on(day)), None)


def desired_closures(entries: Iterable[ClosureDocument]) -> tuple[Closure, ...]:
    """The closures in a document."""
    return tuple(
        Closure(name=entry.name, first=entry.first, last=entry.last or entry.first, yearly=entry.yearly)
        for entry in entries
    )


def closure_documents(closures: Iterable[Closure]) -> list[JsonObject] | None:
    """The closures as part of a document; None if there are none."""
    return closure_records(closures) or None


def closure_records(closures: Iterable[Closure]) -> list[JsonObject]:
    """The closures as they are stored."""
    return [
        present(
            **{"name": closure.name, "from": closure.first.isoformat(), "until": closure.last.isoformat()},
            yearly=closure.yearly or None,
        )
        for closure in closures
    ]


def stored_closures(records: Iterable[Mapping[str, object]]) -> tuple[Closure, ...]:
    """The closures in a row."""
    return tuple(
        Closure(
            name=str(record["name"]),
            first=date.fromisoformat(str(record["from"])),
            last=date.fromisoformat(str(record["until"])),
            yearly=bool(record.get("yearly")),
        )
        for record in records
    )


def _in_year(day: date) -> tuple[int, int]:
    return day.month, day.day
