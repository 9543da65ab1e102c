"""Rules in the database: a form of their own, in which version 0.1 is understood, and understands."""

from datetime import date

import pytest

from catalogue.model.rules.approval import Approval
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.customer_limit import CustomerLimit
from catalogue.model.rules.hold_life import HoldLife
from catalogue.model.rules.level import Rules, RulesDocument, desired_rules, rules_record, stored_rules
from catalogue.model.rules.reschedule import ReschedulePolicy
from catalogue.model.rules.window import BusinessDaysWindow, FixedWindow, RollingWindow
from catalogue.reading import read_document

EVERY_RULE = Rules(
    lead_time_minutes=60,
    window=FixedWindow(from_date=date(2027, 1, 1), until_date=None),
    daily_limit=12,
    customer_limit=CustomerLimit(active=2),
    buffers_inside_hours=True,
    hold=HoldLife(
        ttl_seconds=60,
        max_total_seconds=120,
        max_per_client=1,
        max_per_address=2,
        max_lapses=3,
        max_share_percent=30,
        max_unproven_percent=4,
    ),
    cancellation=CancellationPolicy(free_until_minutes=1440, fee_percent=50, no_show_fee_percent=100),
    reschedule=ReschedulePolicy(until_minutes=60, max_times=2),
    approval=Approval(within_minutes=30),
)

# As version 0.1 wrote them.
RECORDS = [
    ({}, Rules()),
    (
        {
            "lead_time_minutes": 60,
            "window": {"from": "2027-01-01"},
            "daily_limit": 12,
            "customer_limit": {"active": 2},
            "buffers_inside_hours": True,
            "hold": {
                "ttl_seconds": 60,
                "max_total_seconds": 120,
                "max_per_client": 1,
                "max_per_address": 2,
                "max_lapses": 3,
                "max_share_percent": 30,
                "max_unproven_percent": 4,
            },
            "cancellation": {"free_until_minutes": 1440, "fee_percent": 50, "no_show_fee_percent": 100},
            "reschedule": {"until_minutes": 60, "max_times": 2},
            "approval": {"within_minutes": 30},
        },
        EVERY_RULE,
    ),
    (
        {"window": None, "daily_limit": None, "customer_limit": None, "approval": False},
        Rules(window=None, daily_limit=None, customer_limit=None, approval=None),
    ),
    ({"window": {"days": 0}, "approval": True}, Rules(window=RollingWindow(days=0), approval=Approval())),
    ({"window": {"business_days": 20}}, Rules(window=BusinessDaysWindow(business_days=20))),
    (
        {"window": {"from": "2027-01-01", "until": "2027-02-01"}},
        Rules(window=FixedWindow(from_date=date(2027, 1, 1), until_date=date(2027, 2, 1))),
    ),
    ({"reschedule": {"until_minutes": 60, "max_times": None}}, Rules(reschedule=ReschedulePolicy(until_minutes=60))),
]

every_record = pytest.mark.parametrize(("record", "rules"), RECORDS)


@every_record
def test_rules_stored_by_version_0_1_are_read(record: dict[str, object], rules: Rules) -> None:
    assert stored_rules(record) == rules


@every_record
def test_stored_rules_are_read_by_version_0_1(record: dict[str, object], rules: Rules) -> None:
    # It reads them as a part of a document.
    written = rules_record(rules)

    assert desired_rules(read_document(RulesDocument, written)) == rules
    assert stored_rules(written) == rules


def test_rules_that_only_a_newer_version_knows_are_passed_over() -> None:
    record = {"daily_limit": 3, "weather": "fair", "cancellation": {"fee_percent": 5, "insured": True}}

    assert stored_rules(record) == Rules(daily_limit=3, cancellation=CancellationPolicy(fee_percent=5))
