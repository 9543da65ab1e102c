"""Over HTTP, for businesses and states of all kinds: what is listed can be had, and what is not listed is refused."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from bootstrap.context import open_context
from bootstrap.services import Services, build_services
from tests.support.engine import FixedClock, patient_settings
from tests.support.shared_routes import app_with_shared_routes

pytestmark = pytest.mark.own_database

# Half past one in Berlin, on the night in which its clocks are set ahead.
NOW: Final = datetime.fromisoformat("2027-03-28T00:30:00+00:00")
DATES: Final = (date(2027, 3, 28), date(2027, 3, 29))
PROBES: Final = 5
EVERY_DAY: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
REASONS: Final = {"slot_taken": "fully_booked", "slot_held": "held"}
_SETTINGS: Final = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

_Some = TypeVar("_Some")

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
_OVERRIDES: Final = ["lead_time", "off_grid", "closed", "limits", "past", "held", "held"]
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
    closed = {where: draw(_seldom([], _closures)) for where in ("business", "berlin")}
    berlin = {"key": "berlin", "name": "Berlin", "timezone": "Europe/Berlin", "closures": closed["berlin"]}
    jerusalem = {"key": "jerusalem", "name": "Jerusalem", "timezone": "Asia/Jerusalem"}
    business = {"name": "B", "timezone": "Europe/Berlin", "currency": "EUR", "closures": closed["business"]}
    return {
        "business": business,
        "locations": [berlin, jerusalem],
        "resources": resources,
        "services": [offered, {**offered, "key": "other", "name": "Other"}],
    }


overrides = _seldom([], st.lists(st.sampled_from(_OVERRIDES), min_size=1, unique=True))
# Whether the longer visit is wanted, if there is a choice, and with which add-ons.
choices = _seldom(
    (False, []),
    st.tuples(st.booleans(), st.lists(st.sampled_from(["wash", "oil"]), unique=True)),
)
# What happens before the question: bookings, others' holds, both of another service, time off, a changed capacity, each
# at a place drawn.
steps = st.lists(
    st.tuples(st.sampled_from(["book", "book", "book", "hold", "other", "off", "capacity"]), st.integers(0, 999))
)


@dataclass(kw_only=True)
class Visitor:
    """Asks one business over HTTP."""

    http: httpx.AsyncClient
    headers: dict[str, str]
    others: dict[str, str]
    """The headers of a widget."""
    party: int
    override: Sequence[str]
    """The rules that the business waives throughout."""
    choices: Mapping[str, Any]
    """The length and the add-ons that are chosen throughout; a move keeps them."""
    booked: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return await self.http.request(method, path, headers=self.headers, **arguments)

    async def days(self, **more: Any) -> list[dict[str, Any]]:
        params = {
            "service": "visit",
            "from": str(DATES[0]),
            "to": str(DATES[-1]),
            "party": self.party,
            "override": self.override,
            **({} if "rescheduling" in more else self.choices),
            **more,
        }
        response = await self.ask("GET", "/v1/availability", params=params)
        assert response.status_code == 200, response.text
        days: list[dict[str, Any]] = response.json()["days"]
        return days

    async def hold(self, start: str, resource: str | None = None, **more: Any) -> httpx.Response:
        chosen = {} if "rescheduling" in more else self.choices
        body = {"service": "visit", "start": start, "party": self.party, "resource": resource, **chosen, **more}
        return await self.ask("POST", "/v1/holds", json={**body, "override": self.override})

    async def hold_some(self, place: int, service: str = "visit") -> dict[str, Any] | None:
        """Hold a start of those that are listed, if there are any."""
        starts = _starts(await self.days(service=service))
        if not starts:
            return None
        response = await self.hold(starts[place % len(starts)], service=service)
        assert response.status_code == 201, response.text
        held: dict[str, Any] = response.json()
        return held

    async def move(self, moving: str, **to: Any) -> httpx.Response:
        override = {} if "hold" in to else {"override": self.override}
        return await self.ask("POST", f"/v1/appointments/{moving}/reschedule", json={**to, **override})

    async def confirm(self, hold_id: str) -> httpx.Response:
        return await self.ask("POST", f"/v1/holds/{hold_id}/confirm", json={"customer": {"name": "V"}})

    async def do(self, step: str, place: int) -> None:
        """Change the state of the business."""
        match step:
            case "book" | "other":
                held = await self.hold_some(place, service="other" if step == "other" else "visit")
                if held is not None and (step == "book" or place % 2):
                    booked = await self.confirm(held["id"])
                    assert booked.status_code == 201, booked.text
                    self.booked += [booked.json()["id"]] if step == "book" else []
            case "hold":
                # A widget waives no rules, and its holds give way.
                await replace(self, headers=self.others, override=()).hold_some(place)
            case "off":
                start = NOW + timedelta(minutes=place // 2 * 5)
                span = {"start": start.isoformat(), "end": (start + timedelta(minutes=40)).isoformat()}
                assert (await self.ask("POST", "/v1/resources/r0/time-off", json=span)).status_code == 201
            case "capacity":
                answer = await self.ask("PATCH", "/v1/resources/r0", json={"capacity": place % 3 + 1})
                assert answer.status_code in {200, 422}, answer.text
            case _:
                raise AssertionError(step)


def _choices(document: dict[str, Any], is_longer: bool, add_ons: list[str]) -> dict[str, Any]:  # noqa: FBT001
    """The choices in a query or a body."""
    service = document["services"][0]
    lengths = service.get("durations", [])
    extras = [add_on["key"] for add_on in service["add_ons"] if add_on["key"] in add_ons]
    return {
        **({"duration_minutes": lengths[-1]} if is_longer and lengths else {}),
        **({"add_ons": extras} if extras else {}),
    }


def _who(response: httpx.Response) -> list[dict[str, str]]:
    used: list[dict[str, str]] = response.json()["resources"]
    return used


def _starts(days: Iterable[dict[str, Any]]) -> list[str]:
    return [slot["start"] for day in days for slot in day["slots"]]


def _is_asked(price: dict[str, Any], start: str, days: Iterable[dict[str, Any]]) -> bool:
    """True if the slots of a start may cost that."""
    slots = [slot for day in days for slot in day["slots"] if slot["start"] == start]
    lowest = min(slot.get("price", slot.get("price_from"))["amount_minor"] for slot in slots)
    highest = max(slot.get("price", slot.get("price_to"))["amount_minor"] for slot in slots)
    event(f"one price {lowest == highest}")
    return bool(lowest <= price["amount_minor"] <= highest)


def _some(starts: Sequence[_Some], place: int) -> list[_Some]:
    """A few of many, spread over all of them."""
    stride = max(len(starts) // PROBES, 1)
    return list(starts[place % stride :: stride])[: PROBES + 1]


def _reason(response: httpx.Response) -> str:
    problem = response.json()
    assert response.status_code in {409, 422}, response.text
    return str(REASONS.get(problem["code"]) or problem["reason"])


async def _check_listed(visitor: Visitor, days: Sequence[dict[str, Any]], place: int) -> None:
    """Each start can be held with whomever it names, and is seen by the one who holds it."""
    slots = [slot for day in days for slot in day["slots"]]
    for slot in _some(slots, place):
        start, location = slot["start"], slot.get("location")
        for resource in (None, slot["resources"][place % len(slot["resources"])]):
            held = await visitor.hold(start, resource, location=location)
            assert held.status_code == 201, (slot, resource, held.text)
            assert location in {None, held.json()["location"]}
            event(f"another's hold gave way {bool(held.json().get('gave_way'))}")
            assert _is_asked(held.json()["price"], start, days)
            mine = await visitor.days(hold=held.json()["id"])
            assert any(one["start"] == start and one.get("held_by_you") for day in mine for one in day["slots"])
            assert (await visitor.ask("DELETE", f"/v1/holds/{held.json()['id']}")).status_code == 204


async def _check_not_listed(
    visitor: Visitor, days: Sequence[dict[str, Any]], free: Sequence[dict[str, Any]], place: int, *, moves_grid: bool
) -> None:
    """No other start can be held, and an empty day is explained by what its starts are refused for."""
    listed = set(_starts(days))
    midnight = datetime.fromisoformat(f"{DATES[0]}T00:00:00+01:00")
    # The two dates have 47 hours.
    others = [(midnight + timedelta(minutes=(place * 7 + number * 211) % 2820)).isoformat() for number in range(PROBES)]
    for day, before in zip(days, free, strict=True):
        gone = [start for start in _starts([before]) if start not in listed]
        refused = {start: _reason(await visitor.hold(start)) for start in gone}
        event(f"reason {sorted(set(refused.values()))}")
        # A gap grid begins anew after each visit: those that a daily limit refuses may never have been listed before.
        is_of_others = moves_grid and day.get("reason") == "daily_limit"
        hidden = {"lead_time", "outside_window", "closed"}
        if not day["slots"] and gone and not is_of_others and day["reason"] not in hidden:
            assert day["reason"] in refused.values(), (day, refused)
    instants = {datetime.fromisoformat(start) for start in listed}
    for start in others:
        if datetime.fromisoformat(start) not in instants:
            _reason(await visitor.hold(start))


async def _check_moves(visitor: Visitor, place: int, *, moves_grid: bool, fills: bool) -> None:
    """What is listed for an appointment can be held for it, it can be moved there, and to nothing else."""
    for moving in visitor.booked[:2]:
        everybody = set(_starts(await visitor.days()))
        for_move = await visitor.days(rescheduling=moving)
        mine = _starts(for_move)
        # A gap grid begins anew after each visit, and so it does not after one's own; nor does one's own fill a part.
        assert moves_grid or fills or everybody <= set(mine), "one's own appointment is in nobody's way"
        now = (await visitor.ask("GET", f"/v1/appointments/{moving}")).json()["start"]
        refused = (datetime.fromisoformat(now) + timedelta(minutes=place % 23 + 1)).isoformat()
        if datetime.fromisoformat(refused) not in {datetime.fromisoformat(start) for start in mine}:
            held = await visitor.hold(refused, rescheduling=moving)
            assert _reason(await visitor.move(moving, start=refused)) == _reason(held)
        for start in _some(mine, place)[:2]:
            held = await visitor.hold(start, rescheduling=moving)
            assert held.status_code == 201, (start, held.text)
            assert _is_asked(held.json()["price"], start, for_move)
            free_meanwhile = set(_starts(await visitor.days(rescheduling=moving, hold=held.json()["id"])))
            assert start in free_meanwhile
            answer = await visitor.move(moving, hold=held.json()["id"])
            assert answer.status_code == 200, (start, answer.text)
            assert _who(answer) == _who(held)
            assert answer.json()["price"] == held.json()["price"]
        for start in _some(mine, place)[2:4]:
            answer = await visitor.move(moving, start=start)
            assert answer.status_code == 200, (start, answer.text)


async def _check(visitor: Visitor, document: dict[str, Any], happened: Sequence[tuple[str, int]], place: int) -> None:
    applied = await visitor.ask("PUT", "/v1/business", content=orjson.dumps(document))
    assert applied.status_code == 200, applied.text
    free = await visitor.days()
    for step, number in happened:
        await visitor.do(step, number)

    days = await visitor.days(explain=True)

    note(f"{days}")
    event(f"listed {bool(_starts(days))}, booked {bool(visitor.booked)}")
    assert all(bool(day["slots"]) != bool(day.get("reason")) for day in days)
    await _check_listed(visitor, days, place)
    moves_grid = document["services"][0].get("grid", {}).get("align") == "gap"
    await _check_not_listed(visitor, days, free, place, moves_grid=moves_grid)
    rules = [one.get("rules", {}) for one in (*document["services"], *document["resources"])]
    fills = any("fill_earlier_first" in (of_one.get("release") or {}) for of_one in rules)
    event(f"a part of the day opens when another is filled: {fills}")
    await _check_moves(visitor, place, moves_grid=moves_grid, fills=fills)
    for start in _some(_starts(await visitor.days()), place)[:1]:
        held = await visitor.hold(start)
        booked = await visitor.confirm(held.json()["id"])
        assert booked.status_code == 201
        assert booked.json()["location"] == held.json()["location"]


def test_listed_can_be_had_and_the_rest_is_refused(database_url: str, redis_url: str) -> None:
    async def opened(stack: AsyncExitStack) -> tuple[httpx.AsyncClient, Services]:
        context = await stack.enter_async_context(open_context(patient_settings(database_url, redis_url)))
        services = build_services(context, FixedClock(NOW))
        transport = httpx.ASGITransport(app_with_shared_routes(context, services))
        client = httpx.AsyncClient(transport=transport, base_url="http://engine")
        return await stack.enter_async_context(client), services

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        http, services = runner.run(opened(stack))
        try:

            @_SETTINGS
            @given(
                businesses(), st.sampled_from([1, 1, 1, 2]), st.tuples(overrides, choices), steps, st.integers(0, 999)
            )
            def check(
                document: dict[str, Any],
                party: int,
                wishes: tuple[list[str], tuple[bool, list[str]]],
                happened: list[tuple[str, int]],
                place: int,
            ) -> None:
                tenant = runner.run(services.tenants.create("B"))
                headers = {"Authorization": f"Bearer {tenant.secret_key}"}
                others = {"Authorization": f"Bearer {tenant.publishable_key}"}
                override, chosen = wishes
                visitor = Visitor(
                    http=http,
                    headers=headers,
                    others=others,
                    party=party,
                    override=override,
                    choices=_choices(document, *chosen),
                )
                runner.run(_check(visitor, document, happened, place))

            check()
        finally:
            runner.run(stack.aclose())
