"""The budgets that a visitor's hold counts in."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from catalogue.model.rules.hold_life import HoldLife
from holds.model import BudgetLimits, Visitor
from holds.store import Budget

# So that no other digest under the same secret is ever equal.
_PURPOSE: Final = b"holds, address"
_ADDRESS: Final = "address:"
QUOTA: Final = "quota"
"""The budget of all holds of a business to which the operator grants so many."""
NETWORK: Final = "network:"
"""Beginning of the name of a network's budget."""


def budgets_of(limits: BudgetLimits, life: HoldLife, visitor: Visitor | None, secret: bytes) -> Sequence[Budget]:
    """The budgets of a hold that the visitor places; none for the business itself.

    An address has the least that the settings and the rules of the service allow. It also counts with its network,
    since one owner often has many neighbouring addresses; unless a person was shown to be there: a network may be that
    of a whole town.

    An address is personal data: Redis has only its digest under the business's secret, which tells nothing by itself,
    nor whether two businesses have the same visitor.
    """
    if visitor is None:
        return ()
    budgets = []
    if limits.per_address and visitor.address is not None:
        most = min(limits.per_address, life.max_per_address)
        budgets.append(Budget(name=f"{_ADDRESS}{digest_of(visitor.address, secret)}", most=most))
    if limits.per_network and visitor.network is not None and not visitor.is_proven:
        budgets.append(Budget(name=f"{NETWORK}{digest_of(visitor.network, secret)}", most=limits.per_network))
    if limits.per_business:
        budgets.append(Budget(name="business", most=limits.per_business))
    return budgets


def with_quota(budgets: Sequence[Budget], quota: int | None) -> Sequence[Budget]:
    """The budgets, and that of the business where the operator has set one."""
    return budgets if quota is None else (*budgets, Budget(name=QUOTA, most=quota))


def lapses_of(budgets: Sequence[Budget], life: HoldLife) -> Budget | None:
    """The budget in which holds that lapse count, with the number that begins a cool-down; None where none does.

    It is that of the address. A client is a name that the caller chooses: whoever knew one could let holds lapse under
    it, and lock its owner out.
    """
    address = next((budget for budget in budgets if budget.name.startswith(_ADDRESS)), None)
    return None if address is None else Budget(name=address.name, most=life.max_lapses)


def digest_of(address: bytes, secret: bytes) -> str:
    """The digest of an address under the secret of the business."""
    return blake2b(address, key=secret, person=_PURPOSE, digest_size=16).hexdigest()
