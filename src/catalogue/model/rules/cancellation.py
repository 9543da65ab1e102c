"""Rule on the cost of a late cancellation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from catalogue.model.document_fields import AdvanceMinutes, Percent
from catalogue.model.documents import Document, JsonObject
from catalogue.model.rules.rule import RuleCodec, from_record, record_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationPolicy:
    """Cost of a late cancellation or a no-show, in hundredths of the price."""

    free_until_minutes: int = 0
    """Free of charge up to that many minutes before the start (the boundary itself is free)."""
    fee_percent: int = 0
    no_show_fee_percent: int = 0


class CancellationDocument(Document):
    """Cost of a late cancellation or a no-show."""

    free_until_minutes: AdvanceMinutes = 0
    fee_percent: Percent = 0
    no_show_fee_percent: Percent = 0


def _desired(entry: CancellationDocument) -> CancellationPolicy:
    return CancellationPolicy(
        free_until_minutes=entry.free_until_minutes,
        fee_percent=entry.fee_percent,
        no_show_fee_percent=entry.no_show_fee_percent,
    )


def _document(policy: CancellationPolicy) -> JsonObject:
    return {
        "free_until_minutes": policy.free_until_minutes,
        "fee_percent": policy.fee_percent,
        "no_show_fee_percent": policy.no_show_fee_percent,
    }


def _stored(record: Mapping[str, object]) -> CancellationPolicy:
    return from_record(CancellationPolicy, record)


CANCELLATION: Final = RuleCodec(desired=_desired, document=_document, stored=_stored, record=record_of)
