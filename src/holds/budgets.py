"""The budgets that a visitor's hold counts in."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from holds.model import BudgetLimits, Visitor
from holds.store import Budget

# So that no other digest under the same secret is ever equal.
_PURPOSE: Final = b"holds, address"


def budgets_of(limits: BudgetLimits, visitor: Visitor | None, secret: bytes) -> Sequence[Budget]:
    """The budgets of a hold that the visitor places; none for the business itself.

    An address is personal data: Redis has only its digest under the business's secret, which tells nothing by itself,
    nor whether two businesses have the same visitor.
    """
    if visitor is None:
        return ()
    budgets = []
    if limits.per_address and visitor.address is not None:
        digest = blake2b(visitor.address, key=secret, person=_PURPOSE, digest_size=16).hexdigest()
        budgets.append(Budget(name=f"address:{digest}", most=limits.per_address))
    if limits.per_business:
        budgets.append(Budget(name="business", most=limits.per_business))
    return budgets
