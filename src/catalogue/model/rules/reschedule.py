"""Rule on moving an appointment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from catalogue.limits import MAX_RESCHEDULES
from catalogue.model.document_fields import AdvanceMinutes
from catalogue.model.documents import Document, JsonObject
from catalogue.model.rules.rule import RuleCodec, from_record, record_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReschedulePolicy:
    """Latest time and largest number of moves of an appointment, by staff or customer."""

    until_minutes: int = 0
    """Up to that many minutes before the start (the boundary itself is allowed)."""
    max_times: int | None = None


class RescheduleDocument(Document):
    """Latest time and largest number of moves of an appointment, by staff or customer."""

    until_minutes: AdvanceMinutes = 0
    max_times: Annotated[int, Field(ge=0, le=MAX_RESCHEDULES)] | None = None


def _desired(entry: RescheduleDocument) -> ReschedulePolicy:
    return ReschedulePolicy(until_minutes=entry.until_minutes, max_times=entry.max_times)


def _document(policy: ReschedulePolicy) -> JsonObject:
    return {"until_minutes": policy.until_minutes, "max_times": policy.max_times}


def _stored(record: Mapping[str, object]) -> ReschedulePolicy:
    return from_record(ReschedulePolicy, record)


RESCHEDULE: Final = RuleCodec(desired=_desired, document=_document, stored=_stored, record=record_of)
