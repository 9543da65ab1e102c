"""Rule on the cost of a late cancellation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_ADVANCE_MINUTES, MAX_FEE_TIERS
from catalogue.model.document_fields import AdvanceMinutes, Percent
from catalogue.model.documents import Document, JsonObject, refuse_if
from catalogue.model.rules.fee_tiers import (
    FeeTier,
    FeeTierDocument,
    desired_tiers,
    faults_of_tiers,
    stored_tiers,
    tiers_document,
)
from catalogue.model.rules.rule import RuleCodec, from_record


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationPolicy:
    """Cost of a late cancellation or a no-show."""

    free_until_minutes: int = 0
    """Free of charge up to that many minutes before the start (the boundary itself is free)."""
    fee_percent: int = 0
    """Hundredths of the price. With tiers, both numbers are roughly what the tiers say, for those who know no tiers."""
    no_show_fee_percent: int = 0
    tiers: tuple[FeeTier, ...] = ()
    """Costs of a cancellation, from early to late, in place of the two numbers; the last one holds to the start."""
    grace_minutes: int = 0
    """Free of charge for that many minutes after the booking, the boundary included; 0: no such time."""

    @property
    def is_ever_free(self) -> bool:
        """False if even the earliest tier costs something; free_until_minutes says nothing then."""
        return not self.tiers or _is_free(self.tiers[0])

    @property
    def steps(self) -> tuple[FeeTier, ...]:
        """The tiers, or those that the two numbers stand for."""
        free = FeeTier(until_minutes=self.free_until_minutes, percent=0)
        return self.tiers or (free, FeeTier(until_minutes=0, percent=self.fee_percent))


class CancellationDocument(Document):
    """Cost of a late cancellation or a no-show."""

    free_until_minutes: AdvanceMinutes = 0
    fee_percent: Percent = 0
    no_show_fee_percent: Percent = 0
    tiers: Annotated[
        list[FeeTierDocument],
        Field(
            max_length=MAX_FEE_TIERS,
            description="What a cancellation costs until when, from early to late, in place of free_until_minutes and "
            "fee_percent. The last one has until_minutes: 0.",
        ),
    ] = Field(default=[])
    grace_minutes: AdvanceMinutes = 0

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        both = bool(self.tiers) and bool({"free_until_minutes", "fee_percent"} & self.model_fields_set)
        detail = "says what a cancellation costs: leave out free_until_minutes and fee_percent"
        refuse_if((both, "tiers", detail), *faults_of_tiers(self.tiers))
        return self


def _desired(entry: CancellationDocument) -> CancellationPolicy:
    policy = CancellationPolicy(
        free_until_minutes=entry.free_until_minutes,
        fee_percent=entry.fee_percent,
        no_show_fee_percent=entry.no_show_fee_percent,
        grace_minutes=entry.grace_minutes,
    )
    return _with_tiers(policy, desired_tiers(entry.tiers)) if entry.tiers else policy


def _with_tiers(policy: CancellationPolicy, tiers: Sequence[FeeTier]) -> CancellationPolicy:
    free = list(takewhile(_is_free, tiers))
    # Without a free tier nothing is free, however early: the longest notice that a rule can name.
    free_until = free[-1].until_minutes if free else MAX_ADVANCE_MINUTES
    return replace(policy, tiers=tuple(tiers), free_until_minutes=free_until, fee_percent=tiers[-1].percent or 0)


def _is_free(tier: FeeTier) -> bool:
    return not (tier.percent or tier.amount_minor)


def _document(policy: CancellationPolicy) -> JsonObject:
    document = _record(policy)
    if policy.tiers:
        del document["free_until_minutes"], document["fee_percent"]
    return document


def _record(policy: CancellationPolicy) -> JsonObject:
    record: JsonObject = {
        "free_until_minutes": policy.free_until_minutes,
        "fee_percent": policy.fee_percent,
        "no_show_fee_percent": policy.no_show_fee_percent,
    }
    if policy.tiers:
        record["tiers"] = tiers_document(policy.tiers)
    if policy.grace_minutes:
        record["grace_minutes"] = policy.grace_minutes
    return record


def _stored(record: Mapping[str, Any]) -> CancellationPolicy:
    return replace(from_record(CancellationPolicy, record), tiers=stored_tiers(record.get("tiers", ())))


CANCELLATION: Final = RuleCodec(desired=_desired, document=_document, stored=_stored, record=_record)
