"""Terms of cancellations by customers, in answers."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.fee_tiers import FeeTier


class FeeTierAnswer(TypedDict):
    """Fee of a cancellation up to so many minutes before the start: `percent` of the price, or an amount."""

    until_minutes: int
    percent: NotRequired[int]
    amount_minor: NotRequired[
        Annotated[int, Field(description="In the currency of the price, and never more than the price.")]
    ]


class CancellationTerms(TypedDict):
    """Cost of a late cancellation, in hundredths of the price."""

    free_until_minutes: int
    fee_percent: int
    tiers: NotRequired[
        Annotated[
            list[FeeTierAnswer],
            Field(
                description="What a cancellation costs until when, from early to late. Where they are given, "
                "free_until_minutes and fee_percent are a rough reading of them, for programs that know no tiers."
            ),
        ]
    ]
    grace_minutes: NotRequired[
        Annotated[int, Field(description="Free of charge for that long after the booking. Absent: no such time.")]
    ]


def cancellation_terms(policy: CancellationPolicy) -> CancellationTerms:
    """The terms as answers tell them; members that say nothing are absent."""
    terms: CancellationTerms = {
        "free_until_minutes": policy.free_until_minutes,
        "fee_percent": policy.fee_percent,
    }
    if policy.tiers:
        terms["tiers"] = [_tier(tier) for tier in policy.tiers]
    if policy.grace_minutes:
        terms["grace_minutes"] = policy.grace_minutes
    return terms


def _tier(tier: FeeTier) -> FeeTierAnswer:
    if tier.percent is not None:
        return {"until_minutes": tier.until_minutes, "percent": tier.percent}
    assert tier.amount_minor is not None, "a fee is a share or an amount"
    return {"until_minutes": tier.until_minutes, "amount_minor": tier.amount_minor}
