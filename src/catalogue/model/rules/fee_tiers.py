"""Tiers of a cancellation fee: what it costs until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from catalogue.limits import MAX_AMOUNT_MINOR
from catalogue.model.document_fields import AdvanceMinutes, Percent
from catalogue.model.documents import Document, JsonObject
from catalogue.model.rules.rule import from_record, record_of
from kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTier:
    """Fee of a cancellation up to some minutes before the start, the boundary included."""

    until_minutes: int
    percent: int | None = None
    """Hundredths of the price; None: the fee is an amount."""
    amount_minor: int | None = None
    """In the currency of the price, and never more than the price."""

    def fee(self, price: Money) -> Money:
        """The fee of an appointment with this price."""
        if self.percent is not None:
            return price.percent(self.percent)
        assert self.amount_minor is not None, "a fee is a share or an amount"
        return Money(amount_minor=min(self.amount_minor, price.amount_minor), currency=price.currency)


class FeeTierDocument(Document):
    """Fee of a cancellation up to so many minutes before the start, in hundredths of the price or as an amount."""

    until_minutes: AdvanceMinutes
    percent: Percent | None = None
    amount_minor: Annotated[
        int | None, Field(ge=0, le=MAX_AMOUNT_MINOR, description="In the smallest unit of the price's currency.")
    ] = None


def faults_of_tiers(tiers: Sequence[FeeTierDocument]) -> list[tuple[bool, str, str]]:
    """The faults that tiers may have, for `refuse_if`."""
    faults = []
    for number, tier in enumerate(tiers):
        both = (tier.percent is None) == (tier.amount_minor is None)
        late = number > 0 and tier.until_minutes >= tiers[number - 1].until_minutes
        faults += [
            (both, f"tiers[{number}]", "give percent or amount_minor"),
            (late, f"tiers[{number}].until_minutes", "must be less than in the tier before"),
        ]
    if tiers:
        last = f"tiers[{len(tiers) - 1}].until_minutes"
        faults.append((tiers[-1].until_minutes > 0, last, "must be 0: the last tier holds until the start"))
    return faults


def desired_tiers(entries: Sequence[FeeTierDocument]) -> tuple[FeeTier, ...]:
    """The tiers in the document."""
    return tuple(
        FeeTier(until_minutes=entry.until_minutes, percent=entry.percent, amount_minor=entry.amount_minor)
        for entry in entries
    )


def tiers_document(tiers: Sequence[FeeTier]) -> list[JsonObject]:
    """The tiers as a document, and as a record."""
    return [record_of(tier) for tier in tiers]


def stored_tiers(records: Sequence[Mapping[str, object]]) -> tuple[FeeTier, ...]:
    """The tiers in a record."""
    return tuple(from_record(FeeTier, record) for record in records)
