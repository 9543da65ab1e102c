"""Stays: visits of some nights, from check-in to check-out."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from catalogue.limits import MAX_NIGHTS
from catalogue.model.document_fields import StartTime
from catalogue.model.documents import Document, JsonObject
from catalogue.model.wall_clock import wall_time
from kernel.spans import MINUTES_PER_DAY

_DEFAULT_CHECK_IN: Final = 15 * 60
_DEFAULT_CHECK_OUT: Final = 11 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A visit from check-in on one local date to check-out so many dates later, by the wall clock."""

    nights: int
    check_in: int
    """Minutes of the wall clock since midnight, as `check_out`."""
    check_out: int
    fixed_minutes: int | None = None
    """The length of a stay that is booked, and changed where it is: clocks do not matter. Never stored."""

    @property
    def minutes(self) -> int:
        """The length of a stay during which no clock is changed."""
        if self.fixed_minutes is not None:
            return self.fixed_minutes
        return self.nights * MINUTES_PER_DAY + self.check_out - self.check_in


class StayDocument(Document):
    """Nights, with check-in and check-out by the wall clock of who leads the visit."""

    nights: Annotated[int, Field(ge=1, le=MAX_NIGHTS)]
    check_in: StartTime | None = Field(default=None, description="On the first date. Default: 15:00.")
    check_out: StartTime | None = Field(default=None, description="On the last date. Default: 11:00.")


def desired_stay(entry: StayDocument | None) -> Stay | None:
    """The stay in the document."""
    if entry is None:
        return None
    return Stay(
        nights=entry.nights,
        check_in=_DEFAULT_CHECK_IN if entry.check_in is None else entry.check_in,
        check_out=_DEFAULT_CHECK_OUT if entry.check_out is None else entry.check_out,
    )


def stay_document(stay: Stay) -> JsonObject:
    """The stay as a document."""
    return {"nights": stay.nights, "check_in": wall_time(stay.check_in), "check_out": wall_time(stay.check_out)}
