"""Quiet hours: the time of the day in which nobody is told what can wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Self

from pydantic import Field, model_validator

from catalogue.model.document_fields import StartTime
from catalogue.model.documents import Document, JsonObject, refuse_if


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Time of the day in which nobody is told what can wait, by the receiver's clock; it may go across midnight."""

    begin: time
    end: time


class QuietHoursDocument(Document):
    """Time of the day in which nobody is told what can wait, by the receiver's clock; it may go across midnight."""

    from_: StartTime = Field(alias="from")
    until: StartTime

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        refuse_if((self.from_ == self.until, "until", "must differ from `from`: quiet hours may not last all day"))
        return self


def desired_quiet_hours(document: QuietHoursDocument) -> QuietHours:
    """The quiet hours in the document."""
    return QuietHours(begin=_time(document.from_), end=_time(document.until))


def quiet_hours_document(hours: QuietHours) -> JsonObject:
    """The quiet hours as a document, and as a record."""
    return {"from": f"{hours.begin:%H:%M}", "until": f"{hours.end:%H:%M}"}


def stored_quiet_hours(record: Mapping[str, Any]) -> QuietHours:
    """The quiet hours in a record."""
    return QuietHours(begin=time.fromisoformat(record["from"]), end=time.fromisoformat(record["until"]))


def _time(minute: int) -> time:
    return time(minute // 60, minute % 60)
