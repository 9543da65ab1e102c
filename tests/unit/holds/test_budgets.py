"""The budgets of a visitor's hold."""

from ipaddress import IPv4Address, ip_address

import pytest

from catalogue.model.rules.hold_life import HoldLife
from holds.budgets import budgets_of, lapses_of
from holds.model import BudgetLimits, Visitor
from holds.store import Budget

_LIMITS = BudgetLimits(per_address=50, per_network=8, per_business=2000)
_LIFE = HoldLife()
_VISITOR = Visitor(address=IPv4Address("203.0.113.9").packed)


def test_visitor_has_all_budgets() -> None:
    address, network, business = budgets_of(_LIMITS, _LIFE, _VISITOR, b"secret")

    assert (address.name.partition(":")[0], address.most) == ("address", 6)
    assert (network.name.partition(":")[0], network.most) == ("network", 8)
    assert (business.name, business.most) == ("business", 2000)


def test_digest_of_an_address_depends_on_the_secret_of_the_business() -> None:
    names = {budgets_of(_LIMITS, _LIFE, _VISITOR, secret)[0].name for secret in (b"one", b"other")}

    assert len(names) == 2


@pytest.mark.parametrize(
    ("limits", "visitor", "names"),
    [
        (_LIMITS, None, []),
        (_LIMITS, Visitor(address=None), ["business"]),
        (BudgetLimits(per_address=0, per_network=0, per_business=2000), _VISITOR, ["business"]),
        (BudgetLimits(per_address=0, per_network=8, per_business=0), _VISITOR, ["network"]),
        (BudgetLimits(per_address=50, per_network=0, per_business=0), _VISITOR, ["address"]),
        (BudgetLimits(per_address=0, per_network=0, per_business=0), _VISITOR, []),
    ],
)
def test_budget_is_left_out_where_it_does_not_apply(
    limits: BudgetLimits, visitor: Visitor | None, names: list[str]
) -> None:
    assert [budget.name.partition(":")[0] for budget in budgets_of(limits, _LIFE, visitor, b"secret")] == names


@pytest.mark.parametrize(("setting", "rule", "most"), [(50, 6, 6), (2, 6, 2), (50, 100, 50)])
def test_address_has_the_least_of_setting_and_rule(setting: int, rule: int, most: int) -> None:
    limits = BudgetLimits(per_address=setting, per_network=0, per_business=0)

    (budget,) = budgets_of(limits, HoldLife(max_per_address=rule), _VISITOR, b"secret")

    assert budget.most == most


@pytest.mark.parametrize(
    ("address", "neighbour", "stranger"),
    [("203.0.113.9", "203.0.113.200", "203.0.114.9"), ("2001:db8:1:2::9", "2001:db8:1:ff::1", "2001:db8:2:2::9")],
)
def test_neighbouring_addresses_share_the_budget_of_their_network(address: str, neighbour: str, stranger: str) -> None:
    limits = BudgetLimits(per_address=0, per_network=8, per_business=0)

    visitors = [
        Visitor(address=ip_address(text).packed[: 4 if "." in text else 8]) for text in (address, neighbour, stranger)
    ]
    names = [budgets_of(limits, _LIFE, visitor, b"secret")[0].name for visitor in visitors]

    assert names[0] == names[1] != names[2]


def test_lapses_count_with_the_address_alone() -> None:
    budgets = budgets_of(_LIMITS, _LIFE, _VISITOR, b"secret")

    lapses = lapses_of(budgets, HoldLife(max_lapses=7))

    assert lapses == Budget(name=budgets[0].name, most=7)
    assert lapses_of(budgets[1:], _LIFE) is None
    assert lapses_of((), _LIFE) is None
