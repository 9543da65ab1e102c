"""The budgets that a visitor's hold counts in."""

import hmac
from collections.abc import Sequence

from holds.model import BudgetLimits, Visitor
from holds.store import Budget


def budgets_of(limits: BudgetLimits, visitor: Visitor | None, secret: bytes) -> Sequence[Budget]:
    """The budgets of a hold that the visitor places; none for the business itself.

    An address is personal data: Redis has only its digest under the business's secret, which tells nothing by itself,
    nor whether two businesses have the same visitor.
    """
    if visitor is None:
        return ()
    budgets = []
    if limits.per_address and visitor.address is not None:
        digest = hmac.digest(secret, b"address|" + visitor.address, "sha256").hex()[:32]
        budgets.append(Budget(name=f"address:{digest}", most=limits.per_address))
    if limits.per_business:
        budgets.append(Budget(name="business", most=limits.per_business))
    return budgets
