"""The budgets of a visitor's hold."""

from ipaddress import IPv4Address

import pytest

from holds.budgets import budgets_of
from holds.model import BudgetLimits, Visitor

_LIMITS = BudgetLimits(per_address=50, per_business=2000)
_VISITOR = Visitor(address=IPv4Address("203.0.113.9").packed)


def test_visitor_has_both_budgets() -> None:
    address, business = budgets_of(_LIMITS, _VISITOR, b"secret")

    assert (address.name.partition(":")[0], address.most) == ("address", 50)
    assert (business.name, business.most) == ("business", 2000)


def test_digest_of_an_address_depends_on_the_secret_of_the_business() -> None:
    names = {budgets_of(_LIMITS, _VISITOR, secret)[0].name for secret in (b"one", b"other")}

    assert len(names) == 2


@pytest.mark.parametrize(
    ("limits", "visitor", "names"),
    [
        (_LIMITS, None, []),
        (_LIMITS, Visitor(address=None), ["business"]),
        (BudgetLimits(per_address=0, per_business=2000), _VISITOR, ["business"]),
        (BudgetLimits(per_address=50, per_business=0), _VISITOR, ["address"]),
        (BudgetLimits(per_address=0, per_business=0), _VISITOR, []),
    ],
)
def test_budget_is_left_out_where_it_does_not_apply(
    limits: BudgetLimits, visitor: Visitor | None, names: list[str]
) -> None:
    assert [budget.name.partition(":")[0] for budget in budgets_of(limits, visitor, b"secret")] == names
