from array import array
from dataclasses import replace
from itertools import pairwise

import pytest

from benchmark.measures import Ratio, Sample, Summary, Target, compare, due_at, due_before, percentile, summarise


def _sample(*latencies: float, seconds: float = 1.0, client_seconds: float = 0.1) -> Sample:
    return Sample(
        latencies=array("d", latencies),
        statuses={200: len(latencies)},
        seconds=seconds,
        client_seconds=client_seconds,
    )


def _summary(*, p50_ms: float = 1.0, p99_ms: float = 1.0) -> Summary:
    return Summary(requests=1, rate=1.0, p50_ms=p50_ms, p95_ms=p99_ms, p99_ms=p99_ms, client_share=0.1)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (0.995, 100.0), (1.0, 100.0), (0.001, 1.0)]
)
def test_percentile_is_smallest_value_that_share_does_not_exceed(share: float, expected: float) -> None:
    hundred = [float(number) for number in range(1, 101)]

    assert percentile(hundred, share) == expected


def test_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0


def test_summary_pools_latencies_and_takes_rate_of_median_round() -> None:
    slow = _sample(0.9, seconds=1.0)
    middle = _sample(0.1, 0.1, seconds=1.0)
    fast = _sample(0.2, 0.2, 0.2, 0.2, seconds=1.0, client_seconds=0.7)

    summary = summarise([slow, fast, middle])

    assert summary.requests == 7
    assert summary.rate == 2.0
    assert summary.p50_ms == pytest.approx(200)
    assert summary.p99_ms == pytest.approx(900)
    assert summary.client_share == pytest.approx(0.3)


def test_processor_time_is_per_request_and_unknown_if_any_round_does_not_know_it() -> None:
    snapshot = replace(_sample(0.1, 0.1), used_seconds={"server": 0.002, "Redis": 0.001})
    other = replace(_sample(0.1, 0.1), used_seconds={"server": 0.006})

    assert summarise([snapshot, other]).used_us == {"server": pytest.approx(2000)}
    assert summarise([snapshot, _sample(0.1)]).used_us == {}


def test_ratio_is_of_pairs_not_of_totals() -> None:
    # The machine was half as fast during the second pair, for both.
    ratio = compare([(60.0, 100.0), (30.0, 50.0), (80.0, 100.0)])

    assert ratio == Ratio(median=0.6, lowest=0.6, highest=0.8)


def test_schedule_is_even_and_has_each_request_due_once() -> None:
    due = [due_before(elapsed / 1000, rate=250.0) for elapsed in range(1001)]

    assert due[0] == 1
    assert due[-1] == 251
    assert all(0 <= after - before <= 1 for before, after in pairwise(due))


@pytest.mark.parametrize("rate", [0.5, 3.0, 333.3, 5000.0])
def test_request_is_due_when_its_time_has_come_and_not_before(rate: float) -> None:
    for number in (0, 1, 7, 1000):
        at = due_at(number, rate=rate)

        assert due_before(at + 1e-9, rate=rate) == number + 1
        assert due_before(at - 1e-9, rate=rate) == number


@pytest.mark.parametrize(
    ("target", "sentence", "expected"),
    [
        (Target(measure="ratio", bound=0.6), "≥ 0.6 × bare", True),
        (Target(measure="ratio", bound=0.61), "≥ 0.61 × bare", False),
        (Target(measure="p50_ms", bound=10), "p50 ≤ 10 ms", True),
        (Target(measure="p99_ms", bound=25), "p99 ≤ 25 ms", False),
    ],
)
def test_target_is_met_when_its_bound_is_kept(target: Target, sentence: str, *, expected: bool) -> None:
    ratio = Ratio(median=0.6, lowest=0.1, highest=0.9)

    met = target.is_met(_summary(p50_ms=10.0, p99_ms=25.1), ratio)

    assert (target.sentence, met) == (sentence, expected)


def test_target_on_ratio_is_undecided_without_bare_server() -> None:
    assert Target(measure="ratio", bound=0.6).is_met(_summary(), None) is None
