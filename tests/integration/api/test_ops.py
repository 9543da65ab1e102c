"""The operations page tells what clients were answered, what Redis and /metrics have, and its operator alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.key_guesses import FREE
from bootstrap.loops import running_loops
from bootstrap.metrics_reporting import Reporter
from persistence import keys
from persistence.breaker import BreakerState
from persistence.metrics import MetricsStore
from telemetry.measures import AUDIT_FINISHED, HOLDS_LIVE
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock, patient_settings
from tests.support.proxy import Mode, Proxy
from tests.support.waiting import eventually

_KEY: Final = "of-this-operator!"
_OPERATOR: Final = {"Authorization": f"Bearer {_KEY}"}
_DAY: Final = "2026-12-01"
_PATHS: Final = ("/ops/data", "/ops/data/businesses", f"/ops/data/occupancy?business={UUID(int=7)}")


@asynccontextmanager
async def _open(database_url: str, redis_url: str, *, key: str | None = _KEY) -> AsyncIterator[Door]:
    settings = patient_settings(database_url, redis_url).model_copy(update={"operator_key": key})
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY), settings=settings) as door:
        await door.set_up("barbershop")
        yield door


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with _open(database_url, redis_url) as opened:
        yield opened


async def _data(door: Door) -> Any:
    await Reporter(door.context, "server").run_once()
    return await door.send("GET", "/ops/data", headers=_OPERATOR, status=200)


async def _occupancy(door: Door) -> Any:
    path = f"/ops/data/occupancy?business={door.tenant_id}"
    return await door.send("GET", path, headers=_OPERATOR, status=200)


async def test_totals_are_those_of_clients_of_redis_and_of_the_page_for_prometheus(door: Door) -> None:
    starts = [*await door.slots("haircut", _DAY, resource="noa")]
    answered = [
        (await door.http.post("/v1/holds", json=body, headers=door.publishable))
        for body in (
            {"service": "haircut", "resource": "noa", "start": start, "client": client}
            for start, client in [(starts[0], "ann"), (starts[0], "bob"), (starts[3], "bob"), (starts[6], "eve")]
        )
    ]
    kept = [answer.json() for answer in answered if answer.status_code == httpx.codes.CREATED]
    await door.confirm(kept[0])
    await door.send("DELETE", f"/v1/holds/{kept[1]['id']}", status=204)

    counts = (await _data(door))["counts"]

    stored = (await MetricsStore(door.context.redis).read()).counts
    page = await door.http.get("/metrics", headers=_OPERATOR)
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
        if not sample.labels
    }
    shown = {name: counts[name]["total"] for name in ("placed", "confirmed", "released", "expired", "lost")}
    assert shown == {"placed": len(kept), "confirmed": 1, "released": 1, "expired": 0, "lost": 0}
    assert [stored.get(name, 0) for name in ("holds_placed", "holds_confirmed", "holds_released")] == [3, 1, 1]
    assert samples["holdfast_holds_placed_total"] == counts["placed"]["total"]
    assert samples["holdfast_holds_confirmed_total"] == counts["confirmed"]["total"]
    assert counts["refused"]["total"] == 1
    assert counts["refused_by_code"] == counts["refused_by_code_in_an_hour"] == {"slot_held": 1}
    # All of it was in the last two minutes.
    assert [sum(counts[name]["minutes"]) for name in shown] == [*shown.values()]
    assert len(counts["placed"]["minutes"]) == 60


async def test_latencies_are_told_by_route(door: Door) -> None:
    await door.slots("haircut", _DAY)
    await door.slots("haircut", _DAY)

    routes = {route["name"]: route for route in (await _data(door))["routes"]}

    listing = routes["GET /v1/availability"]
    assert (listing["requests"], listing["failed"]) == (2, 0)
    assert 0 < listing["p50"] <= listing["p95"] <= listing["p99"]


async def test_health_and_processes_are_told(door: Door) -> None:
    found = await _data(door)

    assert found["health"] == {
        "postgres": True, "redis": True, "schema": True, "invalidator": False, "warnings": [],
        "causes": ["No process runs the background loops: start holdfast worker."],
    }  # fmt: skip
    (process,) = found["processes"]
    assert process["pools"]["postgres"]["size"] == door.context.settings.postgres_pool_size
    assert process["silent"] == []
    assert found["audit"] is None


async def test_last_audit_is_told_while_somebody_is_elected(door: Door) -> None:
    await door.slots("haircut", _DAY, resource="noa")
    redis = door.context.redis
    key = (await _cached(door))[0]
    value = await redis.get(key)
    assert isinstance(value, bytes)
    await redis.set(key, bytes(len(value)), keepttl=True)

    async with running_loops(door.context):
        await eventually(lambda: _is_audited(door))
        during = await _data(door)
    after = await _data(door)

    audit = during["audit"]
    assert {kind: found for kind, found in audit["found"].items() if found} == {"bitmap": 1}
    assert audit["repaired"] == 1
    assert abs(audit["finished_ms"] - during["at_ms"]) < 60_000
    assert (during["health"]["invalidator"], during["live_holds"]) == (True, 0)
    assert [process["elected"] for process in during["processes"]] == [True]
    assert (after["audit"], after["live_holds"]) == (None, None)
    assert [process["elected"] for process in after["processes"]] == [False]


async def _is_audited(door: Door) -> bool:
    shown = door.context.metrics.gauges
    return AUDIT_FINISHED.name in shown and HOLDS_LIVE.name in shown


async def test_date_shows_what_is_booked_and_held_of_its_offered_minutes(door: Door) -> None:
    starts = [*await door.slots("haircut", _DAY, resource="noa")]
    await door.book("haircut", starts[0], resource="noa")
    await door.hold("haircut", starts[6], resource="noa")

    found = await _occupancy(door)

    noa = next(row for row in found["rows"] if row["name"] == "Noa")
    use = noa["uses"][found["dates"].index(_DAY)]
    # Nine hours without half an hour's break; a haircut takes half an hour and five minutes to sweep.
    assert use == {"offered": 510, "taken": 35, "held": 35, "share": 35 / 510}
    assert (found["name"], found["timezone"], found["left_out"]) == ("Fade & Co", "Asia/Jerusalem", 0)


async def test_looking_fills_nothing(door: Door) -> None:
    before = await _cached(door)

    found = await _occupancy(door)
    # A second look, in case the first has left something behind.
    again = await _occupancy(door)

    snapshot = [use for row in found["rows"] for use in row["uses"] if use is not None]
    unknown = [use for row in found["rows"] for use in row["uses"] if use is None]
    assert found == again
    assert before == await _cached(door) == []
    assert unknown
    assert {use["offered"] for use in snapshot} == {0}


async def _cached(door: Door) -> list[bytes]:
    return [key async for key in door.context.redis.scan_iter(f"{keys.prefix(door.tenant_id)}clear:*")]


async def test_change_of_the_set_up_is_seen(door: Door) -> None:
    before = await _occupancy(door)

    resource = (await door.send("GET", "/v1/resources", status=200))["data"][0]
    await door.send("PATCH", f"/v1/resources/{resource['id']}", json={"name": "Renamed"}, status=200)

    after = await _occupancy(door)
    assert "Renamed" not in [row["name"] for row in before["rows"]]
    assert "Renamed" in [row["name"] for row in after["rows"]]


@pytest.mark.own_database
async def test_businesses_are_named(door: Door) -> None:
    found = await door.send("GET", "/ops/data/businesses", headers=_OPERATOR, status=200)

    assert found == {"data": [{"id": str(door.tenant_id), "name": "Fade & Co"}]}


async def test_address_that_guesses_the_operator_key_waits_even_with_the_right_one(door: Door) -> None:
    wrong = {"Authorization": "Bearer guessed"}

    told = [(await door.http.get("/ops/data/businesses", headers=wrong)).status_code for _ in range(FREE + 2)]
    right = await door.http.get("/ops/data/businesses", headers=_OPERATOR)

    assert told == [*[httpx.codes.UNAUTHORIZED] * (FREE + 1), httpx.codes.TOO_MANY_REQUESTS]
    assert (right.status_code, right.json()["code"]) == (httpx.codes.TOO_MANY_REQUESTS, "rate_limited")
    assert int(right.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize("shown", [None, "Bearer of-another-operator", f"Basic {_KEY}", "Bearer ", "Bearer \xe9"])
async def test_figures_want_the_operator_key(door: Door, path: str, shown: str | None) -> None:
    headers = {b"Authorization": shown.encode("latin-1")} if shown else {}

    response = await door.http.get(path, headers=headers)

    assert response.status_code == httpx.codes.UNAUTHORIZED


async def test_keys_of_businesses_do_not_open_it(door: Door) -> None:
    answers = [await door.http.get("/ops/data", headers=headers) for headers in (door.secret, door.publishable)]

    assert {answer.status_code for answer in answers} == {httpx.codes.UNAUTHORIZED}


@pytest.mark.parametrize("path", ["/ops", "/ops/ops.js", *_PATHS])
async def test_nothing_is_open_where_no_key_is_set(database_url: str, redis_url: str, path: str) -> None:
    async with _open(database_url, redis_url, key=None) as door:
        response = await door.http.get(path, headers=_OPERATOR)

    assert response.status_code == httpx.codes.NOT_FOUND
    assert "HOLDFAST_OPERATOR_KEY" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/ops", "/ops/ops.css", "/ops/ops.js", "/ops/view.js"])
async def test_page_is_shielded_and_kept_by_nobody(door: Door, path: str) -> None:
    response = await door.http.get(path)

    assert response.status_code == httpx.codes.OK
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Cache-Control"] == "no-store"


async def _is_lost(door: Door) -> bool:
    await door.http.get("/readyz")
    return door.context.watches["redis"].state is BreakerState.OPEN


async def test_without_redis_the_stores_are_told_and_no_counts(database_url: str, single_redis_url: str) -> None:
    proxy = Proxy(single_redis_url)
    async with proxy.running(), _open(database_url, proxy.url) as door:
        proxy.mode = Mode.REFUSE
        # Somebody has to ask in vain first; from then on it is known.
        await eventually(lambda: _is_lost(door))
        found = await door.send("GET", "/ops/data", headers=_OPERATOR, status=200)
        use = await _occupancy(door)

    assert found["counts"] is None
    assert (found["health"]["redis"], found["health"]["postgres"]) == (False, True)
    assert [process["silent"] for process in found["processes"]] == [["redis"]]
    assert use == {"redis": False}
