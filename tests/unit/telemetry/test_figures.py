import pytest

from telemetry.figures import Route, added, by_label, fields_of, percentile, routes_of, summed
from telemetry.measures import HOLDS_PLACED, HOLDS_REFUSED


@pytest.mark.parametrize(
    ("buckets", "share", "milliseconds"),
    [
        pytest.param({"10": 100}, 0.5, 7.5, id="halfway through its bucket, which begins at 5"),
        pytest.param({"1": 50, "100": 50}, 0.5, 1.0, id="the last of the first bucket"),
        pytest.param({"1": 50, "100": 50}, 0.51, 51.0, id="the first of the next one with any"),
        pytest.param({"1": 98, "2.5": 1, "inf": 1}, 0.99, 2.5, id="the last that is known"),
        pytest.param({"1": 1, "inf": 99}, 0.5, 5000.0, id="longer than the last bound"),
        pytest.param({"inf": 1}, 0.01, 5000.0, id="nothing but that"),
    ],
)
def test_percentile_lies_evenly_in_its_bucket(buckets: dict[str, int], share: float, milliseconds: float) -> None:
    assert percentile(buckets, share) == pytest.approx(milliseconds)


def test_percentile_of_nothing_is_none() -> None:
    assert percentile({}, 0.5) is None


def test_percentiles_rise_with_their_share() -> None:
    buckets = {"1": 7, "5": 11, "50": 3, "2500": 2, "inf": 1}

    found = [percentile(buckets, share / 100) or 0.0 for share in range(1, 101)]

    assert found == sorted(found)


def test_routes_come_with_what_failed_the_most_asked_first() -> None:
    counts = {
        "requests:GET /v1/availability:200": 7,
        "requests:POST /v1/holds:201": 4,
        "requests:POST /v1/holds:409": 5,
        "requests:POST /v1/holds:503": 2,
        "requests:POST /v1/holds:0": 1,
        "latency_bucket:POST /v1/holds:2.5": 12,
        "latency_sum:POST /v1/holds": 9,
        "holds_placed": 4,
    }

    assert routes_of(counts) == [
        Route(name="POST /v1/holds", requests=12, failed=3, buckets={"2.5": 12}),
        Route(name="GET /v1/availability", requests=7, failed=0, buckets={}),
    ]


def test_counts_of_a_label_are_told_apart_and_summed() -> None:
    counts = {"holds_refused:slot_held": 2, "holds_refused:not_offered": 3, "holds_refused_not": 9, "holds_placed": 5}

    assert list(by_label(HOLDS_REFUSED, counts).items()) == [("not_offered", 3), ("slot_held", 2)]
    assert (summed(HOLDS_REFUSED, counts), summed(HOLDS_PLACED, counts)) == (5, 5)
    assert fields_of(HOLDS_REFUSED, counts) == ["holds_refused:not_offered", "holds_refused:slot_held"]
    # A counter is there before it was ever counted.
    assert (fields_of(HOLDS_PLACED, {}), summed(HOLDS_PLACED, {})) == (["holds_placed"], 0)


def test_minutes_are_added_field_by_field() -> None:
    assert added([{"a": 1, "b": 2}, {}, {"b": 3}]) == {"a": 1, "b": 5}
