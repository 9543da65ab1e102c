from typing import Final

from loadtests.faults.deliveries import check_deliveries, count_duplicates
from loadtests.faults.receivers import Arrival
from loadtests.faults.rows import FeedEvent

_FEED: Final = [
    FeedEvent(id="evt_1", subject="apt_1"),
    FeedEvent(id="evt_2", subject="apt_2"),
    FeedEvent(id="evt_3", subject="apt_1"),
]


def _arrived(*numbers: int, genuine: bool = True) -> list[Arrival]:
    subjects = {1: "apt_1", 2: "apt_2", 3: "apt_1"}
    return [
        Arrival(event_id=f"evt_{number}", subject=subjects.get(number, "x"), is_genuine=genuine) for number in numbers
    ]


def test_deliveries_in_order_per_subject_are_well() -> None:
    assert check_deliveries(_FEED, _arrived(2, 1, 3)).kept


def test_duplicates_are_no_fault_and_are_counted() -> None:
    arrivals = _arrived(1, 1, 2, 3, 1)

    assert check_deliveries(_FEED, arrivals).kept
    assert count_duplicates(arrivals) == 2


def test_missing_event_is_found() -> None:
    assert check_deliveries(_FEED, _arrived(1, 2)).complaints == ["evt_3 about apt_1 never arrived"]


def test_invented_event_is_found() -> None:
    assert "evt_9 arrived, and is not in the feed" in check_deliveries(_FEED, _arrived(1, 2, 3, 9)).complaints


def test_disorder_within_a_subject_is_found() -> None:
    assert check_deliveries(_FEED, _arrived(3, 1, 2)).complaints == [
        "evt_1 about apt_1 arrived after evt_3, which happened later"
    ]


def test_signature_that_does_not_verify_is_found() -> None:
    check = check_deliveries(_FEED, _arrived(1, 2, 3, genuine=False))

    assert len(check.complaints) == 3


def test_run_without_events_has_shown_nothing() -> None:
    assert not check_deliveries([], []).kept
