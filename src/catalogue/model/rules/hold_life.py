"""Rule on how long a hold lives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_HOLDS_PER_ADDRESS, MAX_HOLDS_PER_CLIENT, MAX_LAPSES
from catalogue.model.document_fields import HoldSeconds
from catalogue.model.documents import Document, JsonObject, refuse_if
from catalogue.model.rules.rule import RuleCodec, from_record, record_of


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLife:
    """Length of a hold's life, and the most holds that one client, or one address, may have at once."""

    ttl_seconds: int = 300
    max_total_seconds: int = 1200
    max_per_client: int = 3
    max_per_address: int = 6
    """Visitors of the whole business."""
    max_lapses: int = 4
    """Holds of visitors from one address that end by their deadline in half an hour, before it has to pause."""
    max_share_percent: int = 25
    """Share of the bookable time of a day, for visitors from one address."""
    max_unproven_percent: int = 3
    """Of that of the next two weeks, for all visitors together who gave no proof."""


class HoldDocument(Document):
    """Length of a hold's life, and the most holds that one client, or one address, may have at once."""

    ttl_seconds: HoldSeconds = 300
    max_total_seconds: HoldSeconds | None = Field(
        default=None, description="With all extensions. Default: 1200, or ttl_seconds where that is longer."
    )
    max_per_client: Annotated[int, Field(ge=1, le=MAX_HOLDS_PER_CLIENT)] = 3
    max_per_address: Annotated[int, Field(ge=1, le=MAX_HOLDS_PER_ADDRESS)] = Field(
        default=6, description="Live holds of visitors from one network address, in the whole business."
    )
    max_lapses: Annotated[int, Field(ge=1, le=MAX_LAPSES)] = Field(
        default=4,
        description="Holds of visitors from one network address that may end by their deadline in 30 minutes. Then the "
        "address can place none for 5 minutes, the next time for 10, and for up to 60.",
    )
    max_share_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=25,
        description="Of the bookable time of a day, what visitors from one network address may hold or book within an "
        "hour; two visits in any case. 100: all of it.",
    )
    max_unproven_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3,
        description="Of the bookable time of the next two weeks, what visitors may hold or book within an hour before "
        "further ones have to show that they are persons, where the engine can ask for that. 100: all of it.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        shorter = self.max_total_seconds is not None and self.max_total_seconds < self.ttl_seconds
        refuse_if((shorter, "max_total_seconds", "must not be less than ttl_seconds"))
        return self


def _desired(entry: HoldDocument) -> HoldLife:
    total_seconds = entry.max_total_seconds or max(entry.ttl_seconds, HoldLife().max_total_seconds)
    return HoldLife(
        ttl_seconds=entry.ttl_seconds,
        max_total_seconds=total_seconds,
        max_per_client=entry.max_per_client,
        max_per_address=entry.max_per_address,
        max_lapses=entry.max_lapses,
        max_share_percent=entry.max_share_percent,
        max_unproven_percent=entry.max_unproven_percent,
    )


def _document(life: HoldLife) -> JsonObject:
    return {
        "ttl_seconds": life.ttl_seconds,
        "max_total_seconds": life.max_total_seconds,
        "max_per_client": life.max_per_client,
        "max_per_address": life.max_per_address,
        "max_lapses": life.max_lapses,
        "max_share_percent": life.max_share_percent,
        "max_unproven_percent": life.max_unproven_percent,
    }


def _stored(record: Mapping[str, object]) -> HoldLife:
    return from_record(HoldLife, record)


HOLD_LIFE: Final = RuleCodec(desired=_desired, document=_document, stored=_stored, record=record_of)
