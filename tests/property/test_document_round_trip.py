"""Whatever document is accepted, what is rendered of it sets up the same again."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from catalogue.diff import diff
from catalogue.document import business_document
from catalogue.model.catalogue import Catalogue
from kernel import text
from tests.support.documents import desired_by, small_document

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _says_something(typed: str) -> bool:
    try:
        text.several_lines(typed)
    except ValueError:
        return False
    return True


wall_times = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
dates = st.dates(date(2020, 1, 1), date(2100, 1, 1))
wall_spans = st.fixed_dictionaries({"start": wall_times, "end": wall_times | st.just("24:00")}).filter(
    lambda span: span["start"] != span["end"]
)
weekly_spans = st.builds(
    lambda span, days, valid: span | {"days": days} | valid,
    wall_spans,
    st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True),
    st.fixed_dictionaries({}, optional={"valid_from": dates.map(str)}),
)
overrides = st.lists(
    st.fixed_dictionaries({"date": dates.map(str), "spans": st.lists(wall_spans, max_size=3)}),
    max_size=4,
    unique_by=lambda override: override["date"],
)
starts = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - made aware below
    lambda instant: instant.replace(second=0, microsecond=0, tzinfo=UTC)
)
time_off = st.builds(
    lambda start, minutes, reason: {
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=minutes)).isoformat(),
        "reason": reason,
    },
    starts,
    st.integers(1, 100_000),
    st.none() | st.just("away"),
)
texts = st.none() | st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n"), max_size=50).filter(
    _says_something
)
limits = st.none() | st.integers(1, 50)
timed_prices = st.lists(
    st.builds(
        lambda days, span, amount: days | span | amount,
        st.fixed_dictionaries(
            {}, optional={"days": st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True, max_size=7)}
        ),
        st.just({}) | wall_spans,
        st.fixed_dictionaries({"percent": st.integers(0, 1000)})
        | st.fixed_dictionaries(
            {"price": st.fixed_dictionaries({"amount_minor": st.integers(0, 9000), "currency": st.just("ILS")})}
        ),
    ),
    max_size=3,
)
fee_tiers = st.lists(st.integers(1, 5000), unique=True, max_size=4).flatmap(
    lambda minutes: st.tuples(
        *(
            st.fixed_dictionaries({"until_minutes": st.just(until), "percent": st.integers(0, 100)})
            | st.fixed_dictionaries({"until_minutes": st.just(until), "amount_minor": st.integers(0, 5000)})
            for until in (*sorted(minutes, reverse=True), 0)
        )
    ).map(list)
)


def _half_hour(number: int) -> str:
    return f"{number // 2:02}:{number % 2 * 30:02}"


parts_of_day = st.lists(st.integers(0, 47), min_size=3, max_size=6, unique=True).map(
    lambda halves: [{"start": _half_hour(first), "end": _half_hour(end)} for first, end in pairwise(sorted(halves))]
)
off_peak = st.builds(
    lambda days, span, amounts: days | span | amounts,
    st.fixed_dictionaries(
        {}, optional={"days": st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True, max_size=7)}
    ),
    wall_spans,
    st.fixed_dictionaries(
        {"percent_off": st.integers(1, 100), "below_share": st.integers(1, 100)},
        optional={"within_hours": st.integers(1, 500)},
    ),
)
rules = st.fixed_dictionaries(
    {},
    optional={
        "lead_time_minutes": st.integers(0, 5000),
        "window": st.none()
        | st.fixed_dictionaries({"days": st.integers(0, 300)})
        | st.fixed_dictionaries({"business_days": st.integers(1, 300)})
        | st.fixed_dictionaries({"until": dates.map(str)}),
        "release": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "rolling_hours": st.integers(1, 8784),
                "fill_earlier_first": st.fixed_dictionaries({"parts": parts_of_day, "share": st.integers(1, 100)}),
                "off_peak": st.lists(off_peak, min_size=1, max_size=3),
            },
        ),
        "daily_limit": limits,
        "customer_limit": st.none()
        | st.fixed_dictionaries(
            {"active": st.integers(1, 9)}, optional={"daily": st.integers(1, 9), "monthly": st.integers(1, 9)}
        )
        | st.fixed_dictionaries({"daily": st.integers(1, 9)}, optional={"weekly": st.integers(1, 9)}),
        "buffers_inside_hours": st.booleans(),
        "require": st.lists(st.sampled_from(["email", "phone"]), unique=True),
        "verify": st.sampled_from(["email", "sms", "none"]),
        "hold": st.fixed_dictionaries({}, optional={"ttl_seconds": st.integers(1, 5000)}),
        "cancellation": st.fixed_dictionaries(
            {}, optional={"fee_percent": st.integers(0, 100), "grace_minutes": st.integers(0, 5000)}
        )
        | st.fixed_dictionaries({"tiers": fee_tiers}, optional={"no_show_fee_percent": st.integers(0, 100)}),
        "reschedule": st.fixed_dictionaries(
            {},
            optional={
                "max_times": limits,
                "fee": st.sampled_from(["keep", "new"]),
                "price": st.sampled_from(["keep", "new"]),
            },
        ),
        "approval": st.booleans()
        | st.fixed_dictionaries({"within_minutes": st.integers(1, 5000)}, optional={"on_move": st.booleans()})
        | st.fixed_dictionaries({"on_move": st.booleans()}),
    },
)


resource_rules = rules.map(
    lambda drawn: {name: drawn[name] for name in drawn.keys() - {"hold", "customer_limit", "require", "verify"}}
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    document = small_document()
    document["business"]["rules"] = draw(rules)
    document["locations"][0]["address"] = draw(texts)
    for resource in document["resources"]:
        resource |= {
            "description": draw(texts),
            "capacity": draw(st.integers(1, 5)),
            "lanes": draw(st.sampled_from(["alike", "named"])),
            "seats": draw(st.sampled_from([None, {"max": 4}, {"min": 2, "max": 2}])),
            "exclusive": draw(st.sampled_from([None, "service"])),
            "hours": draw(st.lists(weekly_spans, max_size=3)),
            "breaks": draw(st.lists(weekly_spans, max_size=2)),
            "overrides": draw(overrides),
            "time_off": draw(st.lists(time_off, max_size=3)),
            "rules": draw(resource_rules),
        }
    document["services"][0]["rules"] = draw(rules)
    document["services"][0]["description"] = draw(texts)
    document["services"][0] |= {"price": {"amount_minor": 9000, "currency": "ILS"}, "prices": draw(timed_prices)}
    document["services"][0]["requires"][0]["overrides"] = draw(
        st.just({}) | st.fixed_dictionaries({"noa": st.fixed_dictionaries({"duration_minutes": st.integers(1, 600)})})
    )
    return document


@given(documents())
def test_rendered_document_sets_up_the_same(document: dict[str, Any]) -> None:
    desired = desired_by(document)
    stored = Catalogue(desired.business, desired.locations, desired.resources, desired.services)

    rendered = business_document(stored, desired.time_off)
    again = desired_by(rendered, stored)

    assert diff(stored, desired.time_off, again).changes == ()
    assert (again.locations, again.resources, again.services) == (stored.locations, stored.resources, stored.services)
