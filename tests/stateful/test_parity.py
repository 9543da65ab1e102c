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
from tests.support.drawn_businesses import NOW, askers, businesses, choices, overrides, steps
from tests.support.engine import FixedClock, patient_settings
from tests.support.shared_routes import app_with_shared_routes

pytestmark = pytest.mark.own_database

DATES: Final = (date(2027, 3, 28), date(2027, 3, 29))
PROBES: Final = 5
REASONS: Final = {"slot_taken": "fully_booked", "slot_held": "held"}
_SETTINGS: Final = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

_Some = TypeVar("_Some")


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
    asker: str | None = None
    """Who asks about the hair throughout; a move keeps to what the answer led to."""
    booked: list[str] = field(default_factory=list)
    in_the_way: list[dict[str, Any]] = field(default_factory=list)
    """Holds of widgets."""

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
            **self._answered(more, {"answer": "hair:Long"}),
        }
        params = {name: value for name, value in params.items() if value is not None}
        response = await self.ask("GET", "/v1/availability", params=params)
        assert response.status_code == 200, response.text
        days: list[dict[str, Any]] = response.json()["days"]
        return days

    async def hold(self, start: str, resource: str | None = None, **more: Any) -> httpx.Response:
        chosen = {} if "rescheduling" in more else self.choices
        answers = self._answered(more, {"answers": {"hair": "Long"}})
        wished = {"service": "visit", "start": start, "party": self.party, "resource": resource, **chosen}
        body = {**wished, **more, **answers}
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

    def _answered(self, more: Mapping[str, Any], answers: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answers where the visit is asked for, which is not named if the business is to find it."""
        if self.asker is None or "rescheduling" in more or more.get("service", "visit") != "visit":
            return {}
        return {"service": None, **answers} if self.asker == "business" else answers

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
                held = await replace(self, headers=self.others, override=()).hold_some(place)
                self.in_the_way += [] if held is None else [held]
            case "off":
                start = NOW + timedelta(minutes=place // 2 * 5)
                span = {"start": start.isoformat(), "end": (start + timedelta(minutes=40)).isoformat()}
                assert (await self.ask("POST", "/v1/resources/r0/time-off", json=span)).status_code == 201
            case "capacity":
                answer = await self.ask("PATCH", "/v1/resources/r0", json={"capacity": place % 3 + 1})
                assert answer.status_code in {200, 422}, answer.text
            case _:
                raise AssertionError(step)


def _choices(
    document: dict[str, Any],
    is_longer: bool,  # noqa: FBT001
    add_ons: list[str],
    asker: str | None,
) -> dict[str, Any]:
    """The choices in a query or a body; no length where the answers choose it."""
    service = document["services"][0]
    routes = {"service": service["routes"], "business": document["business"]["routes"]}.get(asker or "")
    is_chosen = any("duration_minutes" in route["then"] for route in routes or ())
    lengths = [] if is_chosen else service.get("durations", [])
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
    held_by = {datetime.fromisoformat(one["start"]): one["resources"][0]["resource"] for one in visitor.in_the_way}
    asked = [(slot, slot["resources"][place % len(slot["resources"])]) for slot in _some(slots, place)]
    asked += [(slot, who) for slot in slots if (who := held_by.get(datetime.fromisoformat(slot["start"])))]
    for slot, one in asked:
        start, location = slot["start"], slot.get("location")
        for resource in (None, one if one in slot["resources"] else None):
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
        # A gap grid begins anew after each visit: the starts that a daily limit refuses, or that would leave a gap now,
        # may never have been listed before.
        is_of_others = moves_grid and day.get("reason") in {"daily_limit", "off_grid"}
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
                businesses(),
                st.sampled_from([1, 1, 1, 2]),
                st.tuples(overrides, choices, askers),
                steps,
                st.integers(0, 999),
            )
            def check(
                document: dict[str, Any],
                party: int,
                wishes: tuple[list[str], tuple[bool, list[str]], str | None],
                happened: list[tuple[str, int]],
                place: int,
            ) -> None:
                tenant = runner.run(services.tenants.create("B"))
                headers = {"Authorization": f"Bearer {tenant.secret_key}"}
                others = {"Authorization": f"Bearer {tenant.publishable_key}"}
                override, chosen, asker = wishes
                # There is something to override.
                happened = [("hold", place), *happened] if "held" in override else happened
                visitor = Visitor(
                    http=http,
                    headers=headers,
                    others=others,
                    party=party,
                    override=override,
                    choices=_choices(document, *chosen, asker),
                    asker=asker,
                )
                runner.run(_check(visitor, document, happened, place))

            check()
        finally:
            runner.run(stack.aclose())
