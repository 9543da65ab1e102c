"""Every operation that changes something has its step in the walk that looks for its entry, or a reason for none."""

from tests.support.application import application
from tests.support.audited_operations import STEPS, WITHOUT_ENTRY, changing_operations


def test_every_changing_operation_is_walked_or_has_a_reason_to_leave_no_entry() -> None:
    assert {*STEPS, *WITHOUT_ENTRY} == changing_operations(application().openapi())
    assert STEPS.keys().isdisjoint(WITHOUT_ENTRY)
