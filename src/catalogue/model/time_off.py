"""Time off of a resource."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from pydantic import model_validator

from catalogue.limits import MAX_TIME_OFF_MINUTES
from catalogue.model.document_fields import Instant, TimeOffReason
from catalogue.model.documents import Document, JsonObject, present, refuse_if
from kernel.ids import TimeOffId, new_time_off_id
from kernel.spans import MINUTES_PER_DAY, Span, to_minute


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOff:
    """An absolute span in which a resource takes no bookings."""

    id: TimeOffId
    start: datetime
    end: datetime
    reason: str | None = None

    @property
    def span(self) -> Span:
        """Its minutes."""
        return Span(to_minute(self.start), to_minute(self.end))


class TimeOffDocument(Document):
    """An absolute span in which a resource takes no bookings."""

    start: Instant
    end: Instant
    reason: TimeOffReason | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        minutes = to_minute(self.end) - to_minute(self.start)
        longest = MAX_TIME_OFF_MINUTES // MINUTES_PER_DAY
        refuse_if(
            (minutes <= 0, "end", "must be after start"),
            (minutes > MAX_TIME_OFF_MINUTES, "end", f"must be within {longest} days of start"),
        )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOffRow:
    """Row of a time off; the table has `start` and `end` as one range, `during`."""

    id: str
    resource_id: str
    start: datetime
    end: datetime
    reason: str | None


def desired_time_off(entries: Iterable[TimeOffDocument]) -> tuple[TimeOff, ...]:
    """The time off in the documents, each with a fresh id."""
    return tuple(
        TimeOff(
            id=new_time_off_id(),
            start=entry.start.astimezone(UTC),
            end=entry.end.astimezone(UTC),
            reason=entry.reason,
        )
        for entry in entries
    )


def time_off_document(time_off: TimeOff) -> JsonObject:
    """The time off as a document."""
    return present(start=_instant(time_off.start), end=_instant(time_off.end), reason=time_off.reason)


def time_off_row(resource_id: str, time_off: TimeOff) -> TimeOffRow:
    """The row of a resource's time off."""
    return TimeOffRow(
        id=time_off.id, resource_id=resource_id, start=time_off.start, end=time_off.end, reason=time_off.reason
    )


def stored_time_off(row: TimeOffRow) -> TimeOff:
    """The time off in the row."""
    return TimeOff(
        id=TimeOffId(row.id), start=row.start.astimezone(UTC), end=row.end.astimezone(UTC), reason=row.reason
    )


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
