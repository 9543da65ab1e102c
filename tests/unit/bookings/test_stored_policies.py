"""Policies in rows: an older program reads those of a newer one, and the reverse."""

from bookings.model import Policy
from bookings.policy_record import policy_record, stored_policy
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.reschedule import MovePrice, ReschedulePolicy

_FEES = CancellationPolicy(free_until_minutes=60, fee_percent=50, no_show_fee_percent=100)


def test_policy_with_a_price_of_moves_is_read_by_version_0_1() -> None:
    policy = Policy(cancellation=_FEES, reschedule=ReschedulePolicy(until_minutes=30, price=MovePrice.NEW))

    record = policy_record(policy)

    assert record["reschedule"] == {"until_minutes": 30, "max_times": None}
    assert stored_policy(record) == policy


def test_policy_of_version_0_1_has_no_rule_on_prices() -> None:
    record = {
        "cancellation": {"free_until_minutes": 60, "fee_percent": 50, "no_show_fee_percent": 100},
        "reschedule": {"until_minutes": 30, "max_times": None},
    }

    assert stored_policy(record) == Policy(cancellation=_FEES, reschedule=ReschedulePolicy(until_minutes=30))
