"""Rates, as a process counts them."""

from uuid import UUID

import pytest

from access.rates.counts import MAX_COUNTS, Charge, RateCounts, Settled, charge_of
from access.rates.model import Activity, Rate, RateLimited, Source, parse_rates
from kernel.ids import TenantId

_TENANT = TenantId(UUID(int=1))
_RATE = Rate(10, 60)


class _Clock:
    def __init__(self) -> None:
        self.now = 6_000_000.0

    def __call__(self) -> float:
        return self.now


def _charge(subject: str | bytes = b"1234", rate: Rate = _RATE, source: Source = Source.ADDRESS) -> Charge:
    return charge_of(_TENANT.int, source, subject, Activity.HOLD, rate)


def _fill(counts: RateCounts, charge: Charge) -> int:
    """The number of times that it is admitted in a row."""
    for number in range(1000):
        try:
            counts.charge([charge])
        except RateLimited:
            return number
    return 1000


def _wait(counts: RateCounts, charge: Charge) -> object:
    with pytest.raises(RateLimited) as refused:
        counts.charge([charge])
    return refused.value.facts["retry_after_seconds"]


def test_setting_names_activities_with_their_rates() -> None:
    assert parse_rates("list=300/minute, booked=6/hour") == {Activity.LIST: (300, 60), Activity.BOOKED: (6, 3600)}
    assert parse_rates("none") == {}


@pytest.mark.parametrize(
    "text", ["", "list", "list=0/minute", "list=3/week", "dance=3/day", "list=3/minute;hold=1/day"]
)
def test_misspelled_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be rates such as"):
        parse_rates(text)


def test_no_more_than_the_rate_is_admitted() -> None:
    counts = RateCounts(_Clock())

    assert _fill(counts, _charge()) == _RATE.most


def test_subjects_count_apart() -> None:
    counts = RateCounts(_Clock())
    _fill(counts, _charge())

    assert _fill(counts, _charge(b"5678")) == _RATE.most


def test_refused_request_counts_for_none_of_its_sources() -> None:
    counts = RateCounts(_Clock())
    _fill(counts, _charge())

    with pytest.raises(RateLimited):
        counts.charge([_charge("all", source=Source.BUSINESS), _charge()])

    assert _fill(counts, _charge("all", source=Source.BUSINESS)) == _RATE.most


def test_refusal_names_the_policy_and_is_true_to_its_word() -> None:
    clock = _Clock()
    counts = RateCounts(clock)
    clock.now += 15
    _fill(counts, _charge())

    with pytest.raises(RateLimited) as refused:
        counts.charge([_charge()])
    wait = refused.value.facts["retry_after_seconds"]
    clock.now += int(str(wait)) - 1.0
    assert _fill(counts, _charge()) == 0
    clock.now += 1.0

    assert wait == 45 + 6
    assert (refused.value.facts["policy"], refused.value.facts["limit"]) == ("address-hold", 10)
    assert _fill(counts, _charge()) == 1


def test_window_slides() -> None:
    clock = _Clock()
    counts = RateCounts(clock)
    _fill(counts, _charge())

    clock.now += 60 + 30

    assert _fill(counts, _charge()) == _RATE.most / 2


def test_what_is_two_windows_ago_counts_no_more() -> None:
    clock = _Clock()
    counts = RateCounts(clock)
    _fill(counts, _charge())

    clock.now += 120

    assert _fill(counts, _charge()) == _RATE.most


def test_rate_of_one_waits_for_a_whole_window() -> None:
    counts = RateCounts(_Clock())
    rate = Rate(1, 60)
    _fill(counts, _charge(rate=rate))

    assert _wait(counts, _charge(rate=rate)) == 120


def test_what_came_to_nothing_is_taken_back() -> None:
    counts = RateCounts(_Clock())
    _fill(counts, _charge())

    counts.take_back([_charge()])

    assert _fill(counts, _charge()) == 1


def test_what_was_counted_is_taken_once() -> None:
    counts = RateCounts(_Clock())
    _fill(counts, _charge())

    assert list(counts.take().values()) == [_RATE.most]
    assert counts.take() == {}


def test_counts_of_other_processes_are_believed_beside_what_came_meanwhile() -> None:
    clock = _Clock()
    counts = RateCounts(clock)
    counts.charge([_charge()])
    (key,) = counts.take()
    counts.charge([_charge()])

    window = int(clock.now // 60)
    counts.settle({key: Settled(window=window, current=7, previous=0)}, now=clock.now)

    assert _fill(counts, _charge()) == 2
    assert counts.take() == {key: 3}


def test_windows_follow_the_clock_of_redis() -> None:
    clock = _Clock()
    counts = RateCounts(clock)
    _fill(counts, _charge())
    (key,) = counts.take()

    window = int(clock.now // 60) + 1
    counts.settle({key: Settled(window=window, current=0, previous=10)}, now=clock.now + 60)

    assert _wait(counts, _charge()) == 6


def test_counts_that_limit_nothing_are_forgotten() -> None:
    clock = _Clock()
    counts = RateCounts(clock)
    counts.charge([_charge()])
    counts.charge([_charge("day", Rate(1, 86_400))])
    counts.take()

    clock.now += 121
    counts.sweep()
    counts.take_back([_charge(), _charge("day", Rate(1, 86_400))])

    # A count that was forgotten begins anew, below nothing; the other is back to nothing.
    assert _fill(counts, _charge()) == _RATE.most + 1
    assert _fill(counts, _charge("day", Rate(1, 86_400))) == 1


def test_no_more_counts_are_kept_than_may_be() -> None:
    counts = RateCounts(_Clock())
    _fill(counts, _charge())

    for number in range(MAX_COUNTS):
        counts.charge([_charge(number.to_bytes(8, "big"))])

    assert len(counts.take()) == MAX_COUNTS
    assert _fill(counts, _charge()) == _RATE.most
