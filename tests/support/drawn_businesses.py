"""Strategies for businesses of all kinds, what happens in them, and what is asked of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

# Half past one in Berlin, on the night in which its clocks are set ahead.
NOW: Final = datetime.fromisoformat("2027-03-28T00:30:00+00:00")
EVERY_DAY: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_times = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")
_own_buffers = st.fixed_dictionaries(
    {},
    optional={"buffer_before_minutes": st.sampled_from([0, 15]), "buffer_after_minutes": st.sampled_from([0, 20])},
)
_limits = st.sampled_from([None, None, None, 1, 2])
_PRICE: Final = {"amount_minor": 3500, "currency": "EUR"}
_timed_prices = st.lists(
    st.builds(
        lambda times, amount: times | amount,
        st.sampled_from(
            [{}, {"days": ["sun"]}, {"start": "09:00", "end": "11:00"}, {"start": "22:00", "end": "02:30"}]
        ),
        st.sampled_from([{"percent": 85}, {"percent": 120}, {"price": {"amount_minor": 4000, "currency": "EUR"}}]),
    ),
    min_size=1,
    max_size=2,
)
_PARTS: Final = [
    {"start": "06:00", "end": "10:00"},
    {"start": "10:00", "end": "11:30"},
    {"start": "13:00", "end": "03:00"},
]
_releases = st.fixed_dictionaries(
    {},
    optional={
        "rolling_hours": st.sampled_from([4, 10, 30]),
        "fill_earlier_first": st.fixed_dictionaries({"parts": st.just(_PARTS), "share": st.sampled_from([1, 20, 60])}),
        "off_peak": st.lists(
            st.builds(
                lambda part, terms: part | terms,
                st.sampled_from(_PARTS),
                st.sampled_from(
                    [
                        {"percent_off": 20, "below_share": 15},
                        {"percent_off": 50, "below_share": 60, "within_hours": 10, "days": ["sun"]},
                    ]
                ),
            ),
            min_size=1,
            max_size=2,
        ),
    },
)
_OVERRIDES: Final = ["lead_time", "off_grid", "closed", "limits", "past", "held"]
_FIXED: Final = ["02:15", "08:05", "10:00", "13:20", "22:30"]
_time_off = st.lists(
    st.builds(
        lambda start, hours: {
            "start": (NOW + timedelta(hours=start)).isoformat(),
            "end": (NOW + timedelta(hours=start + hours)).isoformat(),
        },
        st.integers(0, 40),
        st.sampled_from([1, 3, 24]),
    ),
    min_size=1,
    max_size=2,
)
_ABOUT: Final = ["2027-03-27", "2027-03-28", "2027-03-29"]
_closures = st.lists(
    st.one_of(
        st.builds(lambda day: {"name": "Closed", "from": day, "until": day}, st.sampled_from(_ABOUT)),
        st.just({"name": "Every year", "from": "2020-03-29", "until": "2020-03-29", "yearly": True}),
    ),
    min_size=1,
    max_size=1,
)


def _seldom(usual: Any, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([False, False, False, True]).flatmap(lambda rare: others if rare else st.just(usual))


@st.composite
def _resources(draw: st.DrawFn, number: int) -> dict[str, Any]:
    spans = st.fixed_dictionaries({"days": st.just(EVERY_DAY), "start": _times, "end": _times}).filter(
        lambda span: span["start"] != span["end"]
    )
    usual = [{"days": EVERY_DAY, "start": "08:00", "end": "14:00"}]
    rules = st.fixed_dictionaries(
        {},
        optional={
            "daily_limit": st.integers(1, 2),
            "lead_time_minutes": st.sampled_from([0, 600, 1500]),
            "window": st.sampled_from([None, {"days": 0}, {"business_days": 1}]),
            "release": _releases | st.none(),
            "buffers_inside_hours": st.booleans(),
        },
    )
    places = draw(st.sampled_from([["berlin"], ["berlin"], ["jerusalem"], ["berlin", "jerusalem"]]))
    hours = [draw(_seldom(usual, st.lists(spans, max_size=2))) for _ in places]
    located = [{"location": at, "hours": mine} for at, mine in zip(places, hours, strict=True)]
    return {
        "key": f"r{number}",
        "kind": "staff",
        "name": "Resource",
        **({"location": places[0], "hours": hours[0]} if len(places) == 1 else {"located": located}),
        "capacity": draw(st.sampled_from([1, 1, 1, 2, 3])),
        "lanes": draw(st.sampled_from(["alike", "alike", "named"])),
        "seats": draw(st.sampled_from([None, None, None, {"max": 2}, {"min": 2, "max": 4}])),
        "exclusive": draw(st.sampled_from([None, None, "service"])),
        "breaks": draw(_seldom([], st.lists(spans, max_size=1).filter(_is_short))),
        "overrides": draw(_seldom([], _exceptions())),
        "time_off": draw(_seldom([], _time_off)),
        "rules": draw(_seldom({}, rules)),
    }


@st.composite
def _exceptions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Other hours of a date, some of them in spite of closures."""
    spans = st.sampled_from([[], [{"start": "07:00", "end": "12:00"}], [{"start": "20:00", "end": "03:00"}]])
    return [{"date": draw(st.sampled_from(_ABOUT)), "spans": draw(spans), "despite_closures": draw(st.booleans())}]


@st.composite
def _grids(draw: st.DrawFn) -> dict[str, Any]:
    last = draw(st.sampled_from([{}, {}, {}, {"last_start_minutes": 20}, {"last_start_minutes": 150}]))
    if draw(st.sampled_from([False, False, False, True])):
        # One of them is a reading that the clock skips.
        return {"at": draw(st.lists(st.sampled_from(_FIXED), min_size=1, unique=True)), **last}
    align = draw(st.sampled_from(["opening", "clock", "gap", "gap"]))
    gap = draw(st.sampled_from([{}, {"minimum_gap_minutes": 1}, {"minimum_gap_minutes": 40}])) if align == "gap" else {}
    step, offset = draw(st.sampled_from([30, 45])), draw(st.sampled_from([0, 0, 5]))
    return {"align": align, "step_minutes": step, "offset_minutes": offset, **gap, **last}


def _is_short(breaks: Sequence[dict[str, Any]]) -> bool:
    return all(entry["start"] < entry["end"] < "24" for entry in breaks)


@st.composite
def _requires(draw: st.DrawFn, keys: Sequence[str], duration: int) -> list[dict[str, Any]]:
    pools = st.lists(st.sampled_from(keys), min_size=1, unique=True)
    pool = draw(st.just(list(keys)) | pools)
    lead: dict[str, Any] = {"role": "staff", "any_of": pool, "count": draw(_seldom(1, st.just(min(2, len(pool)))))}
    own_terms = [{"duration_minutes": duration + 15}, {"price": {"amount_minor": 5000, "currency": "EUR"}}]
    terms = st.dictionaries(st.sampled_from(pool), st.sampled_from(own_terms), max_size=1)
    lead["uses"] = draw(_seldom(1, st.just(2)))
    match draw(st.sampled_from(["one", "one", "two", "parts"])):
        case "two":
            room = {"role": "room", "any_of": draw(pools), "offset_minutes": draw(st.sampled_from([0, 10]))}
            room |= {"same_location": draw(st.booleans())}
            return [lead | draw(_own_buffers), room | draw(_own_buffers)]
        case "parts":
            return [
                lead | {"duration_minutes": 10} | draw(_own_buffers),
                lead | {"offset_minutes": duration - 10} | draw(_own_buffers),
            ]
        case _:
            return [lead | {"overrides": draw(_seldom({}, terms))}]


@st.composite
def _as_stay(draw: st.DrawFn, service: dict[str, Any]) -> dict[str, Any]:
    """The service, for some nights from a check-in that resources may work at to a check-out."""
    check_in, check_out = draw(st.sampled_from(["08:00", "13:30", "02:30"]) | _times), draw(_times)
    nights = draw(st.integers(1, 2))
    entries = {entry["role"]: entry for entry in service["requires"]}
    length = {"duration_minutes", "offset_minutes", "overrides"}
    requires = [{name: value for name, value in entry.items() if name not in length} for entry in entries.values()]
    of_minutes = {"duration_minutes", "durations", "grid"}
    others = {name: value for name, value in service.items() if name not in of_minutes}
    duration = {"nights": nights, "check_in": check_in, "check_out": check_out}
    extras = [add_on for add_on in service["add_ons"] if not add_on.get("minutes")]
    return others | {"duration": duration, "requires": requires, "add_ons": extras}


_QUESTIONS: Final = [{"key": "hair", "label": "Hair?", "type": "choice", "options": ["Short", "Long"]}]


@st.composite
def _outcomes(draw: st.DrawFn, requires: Sequence[dict[str, Any]], durations: Sequence[int]) -> dict[str, Any]:
    """What long hair leads to, beside the service: some of those who could serve, a length, both or nothing."""
    pools = st.lists(st.sampled_from(requires[0]["any_of"]), min_size=1, unique=True)
    outcome: dict[str, Any] = {"resources": draw(pools)} if draw(st.booleans()) else {}
    if draw(st.booleans()) and durations:
        outcome["duration_minutes"] = draw(st.sampled_from(durations))
    return outcome


@st.composite
def businesses(draw: st.DrawFn) -> dict[str, Any]:
    resources = [draw(_resources(number)) for number in range(draw(st.integers(1, 3)))]
    duration = draw(st.sampled_from([30, 45, 60]))
    service: dict[str, Any] = {
        "key": "visit",
        "name": "Visit",
        "duration_minutes": duration,
        "buffer_before_minutes": draw(st.sampled_from([0, 0, 10])),
        "buffer_after_minutes": draw(st.sampled_from([0, 0, 5])),
        "price": _PRICE,
        "prices": draw(st.just([]) | _timed_prices),
        "grid": draw(_grids()),
        "requires": draw(_requires([resource["key"] for resource in resources], duration)),
        "assign": draw(st.sampled_from(["priority", "least_booked", "round_robin"])),
        "rules": {
            "daily_limit": draw(_limits),
            "lead_time_minutes": draw(st.sampled_from([0, 0, 300])),
            "release": draw(st.none() | _releases),
        },
    }
    has_own_lengths = any(
        "duration_minutes" in terms for entry in service["requires"] for terms in entry.get("overrides", {}).values()
    )
    if not has_own_lengths:
        service["durations"] = [duration, duration + 25]
    service["add_ons"] = [
        {"key": "wash", "name": "Wash", "minutes": 10},
        {"key": "oil", "name": "Oil", "price": _PRICE},
    ]
    offered = draw(_seldom(service, _as_stay(service)))
    then = draw(_outcomes(service["requires"], offered.get("durations", [])))
    routed = {"questions": _QUESTIONS, "routes": [{"if": {"hair": "Long"}, "then": then}] if then else []}
    of_business = {"questions": _QUESTIONS, "routes": [{"if": {"hair": "Long"}, "then": {"service": "visit", **then}}]}
    closed = {where: draw(_seldom([], _closures)) for where in ("business", "berlin")}
    berlin = {"key": "berlin", "name": "Berlin", "timezone": "Europe/Berlin", "closures": closed["berlin"]}
    jerusalem = {"key": "jerusalem", "name": "Jerusalem", "timezone": "Asia/Jerusalem"}
    business = {"name": "B", "timezone": "Europe/Berlin", "currency": "EUR", "closures": closed["business"]}
    return {
        "business": business | of_business,
        "locations": [berlin, jerusalem],
        "resources": resources,
        "services": [offered | routed, {**offered, "key": "other", "name": "Other"}],
    }


overrides = st.sampled_from([[], [], ["held"]]) | st.lists(st.sampled_from(_OVERRIDES), min_size=1, unique=True)
# Whether the longer visit is wanted, if there is a choice, and with which add-ons.
choices = _seldom(
    (False, []),
    st.tuples(st.booleans(), st.lists(st.sampled_from(["wash", "oil"]), unique=True)),
)
# Who asks about the hair, which is long: nobody, the service, or the business before there is a service.
askers = st.sampled_from([None, None, "service", "business"])
# What happens before the question: bookings, others' holds, both of another service, time off, a changed capacity, each
# at a place drawn.
steps = st.lists(
    st.tuples(
        st.sampled_from(["book", "book", "book", "hold", "hold", "other", "off", "capacity"]), st.integers(0, 999)
    )
)
