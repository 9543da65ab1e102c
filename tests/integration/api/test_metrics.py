"""What the engine says it did is what its clients were answered."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bootstrap.context import Context, open_context
from bootstrap.loops import build_expiry_loop
from bootstrap.metrics_reporting import Reporter, own_gauges
from kernel.ids import HoldId
from persistence import keys
from persistence.errors import RedisUnavailable
from persistence.metrics import Batch, MetricsStore
from telemetry.measures import COUNTERS, ELECTED, HOLDS_LIVE, HOLDS_PLACED
from telemetry.metrics import Metrics
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock, patient_settings
from tests.support.redis_time import let_pass
from workers.expiry import ExpiryLoop

_DAY: Final = "2026-12-01"
_IDS: Final = (
    (re.compile(r"/hld_[^/]+"), "/{hold_id}"),
    (re.compile(r"/apt_[^/]+"), "/{appointment_id}"),
    (re.compile(r"^/nowhere.*"), "unmatched"),
)
_LONG_MS: Final = 3_000_000

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop behind its door, and the tally of everything it has answered."""

    door: Door
    tally: Counter[str]
    outside: "asyncpg.Connection[Any]"

    @property
    def context(self) -> Context:
        return self.door.context

    async def slots(self) -> list[str]:
        return [*await self.door.slots("haircut", _DAY, resource="noa")]

    async def hold(self, start: str, *, status: int = 201, **more: Any) -> Any:
        return await self.door.hold("haircut", start, status=status, resource="noa", **more)

    async def lapse(self, held: Any) -> None:
        await let_pass(self.context.redis, self.door.tenant_id, HoldId(held["id"]), _LONG_MS)

    async def confirm(self, held: Any, *, status: int) -> Any:
        body = {"customer": {"name": "Dana"}}
        return await self.door.send("POST", f"/v1/holds/{held['id']}/confirm", json=body, status=status)

    async def expire(self) -> None:
        """Notice the holds that have expired, in a process that has just begun."""
        await self.context.hold_register.flush()
        loop: ExpiryLoop = build_expiry_loop(self.context)
        await loop.run_once(asyncio.Event())

    async def told(self) -> dict[str, int]:
        """What all of Redis' counters are, after everything was told."""
        await Reporter(self.context, "server").run_once()
        stored = await MetricsStore(self.context.redis).read()
        return dict(stored.counts)

    async def page(self) -> Samples:
        response = await self.door.http.get("/metrics")
        assert response.status_code == httpx.codes.OK
        return _samples(response.text)


def _samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _template(path: str) -> str:
    for pattern, name in _IDS:
        path = pattern.sub(name, path)
    return path


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    tally: Counter[str] = Counter()

    async def note(response: httpx.Response) -> None:
        template = _template(response.request.url.path)
        operation = template if template == "unmatched" else f"{response.request.method} {template}"
        tally[f"requests:{operation}:{response.status_code}"] += 1

    outside = await asyncpg.connect(database_url)
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY)) as door:
        door.http.event_hooks["response"].append(note)
        await door.set_up("barbershop")
        yield Shop(door, tally, outside)
    await outside.close()


async def _busy_hour(shop: Shop) -> Mapping[str, int]:
    """A bit of everything, and what must have been counted of it."""
    starts = await shop.slots()
    kept = await shop.hold(starts[0], client="ann")
    await shop.hold(starts[0], status=200, client="ann")
    await shop.hold(starts[0], status=409, client="bob")
    released = await shop.hold(starts[3])
    await shop.door.send("DELETE", f"/v1/holds/{released['id']}", status=204)
    await shop.door.send("DELETE", f"/v1/holds/{released['id']}", status=204)
    await shop.door.send("POST", f"/v1/holds/{kept['id']}/extend", json={"ttl_seconds": 600}, status=200)
    swapped = await shop.hold(starts[3], client="ann", replaces=kept["id"])
    booked = await shop.confirm(swapped, status=201)
    await shop.confirm(swapped, status=200)
    await shop.hold(starts[3], status=409)
    await shop.hold("2026-12-01T02:00:00Z", status=422)
    expired = await shop.hold(starts[6])
    await shop.lapse(expired)
    await shop.confirm(expired, status=410)
    lost = await shop.hold(starts[9])
    other = await shop.door.send(
        "POST",
        "/v1/appointments",
        json={"service": "haircut", "start": starts[12], "resource": "noa", "customer": {"name": "Eve"}},
        status=201,
    )
    # Somebody went past the holds.
    await shop.outside.execute(
        "UPDATE claims SET during = tstzrange($1::timestamptz, $1::timestamptz + interval '35 minutes')"
        " WHERE appointment_id = $2",
        datetime.fromisoformat(lost["start"]),
        other["id"],
    )
    await shop.confirm(lost, status=409)
    await shop.door.send("POST", f"/v1/appointments/{booked['id']}/cancel", json={}, status=200)
    await shop.door.http.get("/nowhere/at/all")
    await asyncio.gather(shop.expire(), shop.expire())
    return {
        "holds_placed": 5, "holds_repeated": 1, "holds_refused:slot_held": 1, "holds_refused:slot_taken": 1,
        "holds_refused:not_offered": 1, "holds_released": 1, "holds_extended": 1, "holds_replaced": 1,
        "holds_confirmed": 1, "holds_expired": 1, "confirm_refused:hold_expired": 1, "confirm_refused:slot_taken": 1,
        "confirm_lost": 1, "bookings_direct": 1, "bookings_cancelled": 1,
    }  # fmt: skip


async def test_counts_are_those_of_the_answers_in_redis_and_on_the_page(shop: Shop) -> None:
    before = dict(shop.tally)
    await shop.told()
    earlier = {name: count for name, count in (await shop.told()).items() if name.startswith("requests")}

    expected = await _busy_hour(shop)
    # Until it has ended it is not counted, and asking for it is a request as well.
    tally = {name: count for name, count in shop.tally.items() if "/metrics" not in name}
    told = await shop.told()
    page = await shop.page()

    names = {counter.name for counter in COUNTERS}
    counted = {name: count for name, count in told.items() if name.split(":")[0] in names and "cache" not in name}
    assert counted == expected
    assert before == earlier
    assert {name: count for name, count in told.items() if name.startswith("requests:")} == tally
    for name, count in expected.items():
        counter, _, code = name.partition(":")
        labels = frozenset({("code", code)}) if code else frozenset()
        assert page[f"holdfast_{counter}_total", labels] == count
    for name, count in tally.items():
        operation, _, status = name.removeprefix("requests:").rpartition(":")
        method, _, route = operation.rpartition(" ")
        labels = frozenset({("method", method), ("route", route), ("status", status)})
        assert page["holdfast_requests_total", labels] == count


async def test_latencies_add_up_to_the_requests(shop: Shop) -> None:
    await shop.slots()
    await shop.slots()

    told = await shop.told()
    page = await shop.page()

    route = "GET /v1/availability"
    buckets = [count for name, count in told.items() if name.startswith(f"latency_bucket:{route}:")]
    labels = frozenset({("method", "GET"), ("route", "/v1/availability")})
    assert (sum(buckets), told[f"latency_count:{route}"]) == (2, 2)
    assert page["holdfast_request_duration_seconds_count", labels] == 2
    assert page["holdfast_request_duration_seconds_sum", labels] == told[f"latency_us_sum:{route}"] / 1_000_000
    assert page["holdfast_request_duration_seconds_bucket", labels | {("le", "+Inf")}] == 2


async def test_live_holds_are_shown(shop: Shop) -> None:
    starts = await shop.slots()
    for number in (0, 3, 6):
        await shop.hold(starts[number])

    await shop.expire()

    assert shop.context.metrics.gauges[HOLDS_LIVE.name] == 3


async def test_process_that_is_no_longer_elected_shows_nothing_of_what_it_began(shop: Shop) -> None:
    shop.context.metrics.set(ELECTED, 0)

    await shop.expire()

    assert HOLDS_LIVE.name not in own_gauges(shop.context)


async def test_unknown_paths_and_methods_make_no_fields(shop: Shop) -> None:
    before = set(await shop.told())
    for number in range(20):
        await shop.door.http.get(f"/nowhere/{number}")
        await shop.door.http.request(f"ODD{number}", "/v1/holds", headers=shop.door.secret)

    after = set(await shop.told()) - before

    assert {name.split(":")[1] for name in after} == {"unmatched"}


class _Stammering(MetricsStore):
    """Redis gets every batch, and its first answer is lost."""

    def __init__(self, store: MetricsStore, losses: int) -> None:
        self._store = store
        self._losses = losses

    async def add(self, batch: Batch) -> None:
        await self._store.add(batch)
        if self._losses:
            self._losses -= 1
            raise RedisUnavailable

    async def show(self, name: str, gauges: Mapping[str, object], now_ms: int) -> None:
        await self._store.show(name, gauges, now_ms)


async def test_batch_whose_answer_was_lost_is_counted_once(shop: Shop) -> None:
    store = MetricsStore(shop.context.redis)
    reporter = Reporter(shop.context, "server", store=_Stammering(store, 2))
    shop.context.metrics.add(HOLDS_PLACED, 3)

    told = [await reporter.report()]
    shop.context.metrics.add(HOLDS_PLACED, 4)
    told += [await reporter.report(), await reporter.report()]

    assert told == [False, False, True]
    assert (await store.read()).counts["holds_placed"] == 7


async def test_what_is_counted_while_a_batch_is_sent_waits_for_the_next_one(shop: Shop) -> None:
    sent: list[int] = []

    class Busy(MetricsStore):
        async def add(self, batch: Batch) -> None:
            sent.append(batch.counts["holds_placed"])
            shop.context.metrics.add(HOLDS_PLACED)

    shop.context.metrics.add(HOLDS_PLACED)
    reporter = Reporter(shop.context, "server", store=Busy(shop.context.redis))

    await reporter.run_once()

    assert sent == [1]


class _Away(MetricsStore):
    """Redis gets nothing."""

    def __init__(self) -> None:
        pass

    async def add(self, batch: Batch) -> None:
        raise RedisUnavailable(batch.process)


async def test_what_was_counted_while_redis_was_away_is_told_later(shop: Shop) -> None:
    store = MetricsStore(shop.context.redis)
    reporter = Reporter(shop.context, "server", store=_Away())
    for _ in range(3):
        shop.context.metrics.add(HOLDS_PLACED)
        assert not await reporter.report()

    reporter._store = store  # noqa: SLF001 - it is back
    await reporter.run_once()

    assert (await store.read()).counts["holds_placed"] == 3


async def test_counts_of_two_processes_add_up_and_each_shows_its_gauges(shop: Shop) -> None:
    other = Metrics()
    async with open_context(shop.context.settings, other) as second:
        shop.context.metrics.add(HOLDS_PLACED, 2)
        other.add(HOLDS_PLACED, 3)
        reporters = [Reporter(shop.context, "server"), Reporter(second, "worker")]
        reporters[1].name = "elsewhere:2"  # type: ignore[misc]
        for reporter in reporters:
            await reporter.run_once()
        page = await shop.page()
        await reporters[1].close()
        after = await shop.page()

    assert page["holdfast_holds_placed_total", frozenset()] == 5
    assert _processes(page) == {(reporters[0].name, "server"), ("elsewhere:2", "worker")}
    assert _processes(after) == {(reporters[0].name, "server")}


def _processes(page: Samples) -> set[tuple[str, str]]:
    return {
        (dict(labels)["process"], dict(labels)["role"]) for name, labels in page if name == "holdfast_flush_pending"
    }


async def test_page_says_that_redis_takes_no_counts_though_it_is_read(shop: Shop) -> None:
    await Reporter(shop.context, "server").run_once()
    shop.context.metrics.add(HOLDS_PLACED)

    assert not await Reporter(shop.context, "server", store=_Away()).report()

    page = await shop.page()
    (pending,) = [value for (name, _), value in page.items() if name == "holdfast_flush_pending"]
    assert (pending, page["holdfast_metrics_store_up", frozenset()]) == (1, 1)


async def test_page_without_redis_shows_this_process_and_no_counters(database_url: str) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    async with open_door(database_url, nowhere) as door:
        response = await door.http.get("/metrics")

    page = _samples(response.text)
    names = {name for name, _ in page}
    assert response.status_code == httpx.codes.OK
    assert page["holdfast_metrics_store_up", frozenset()] == 0
    assert "holdfast_pool_size" in names
    assert not [name for name in names if name.endswith("_total")]


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (None, 401),
        ("Bearer of-another-operator", 401),
        ("Basic of-this-operator!", 401),
        ("Bearer of-this-operator!", 200),
    ],
)
async def test_page_wants_the_operator_key_where_there_is_one(
    database_url: str, redis_url: str, shown: str | None, status: int
) -> None:
    settings = patient_settings(database_url, redis_url).model_copy(update={"operator_key": "of-this-operator!"})
    async with open_door(database_url, redis_url, settings=settings) as door:
        response = await door.http.get("/metrics", headers={"Authorization": shown} if shown else {})

    assert response.status_code == status


async def test_operator_key_may_be_in_any_language_and_end_in_a_blank(database_url: str, redis_url: str) -> None:
    key = "clé de l'opérateur "
    settings = patient_settings(database_url, redis_url).model_copy(update={"operator_key": key})
    async with open_door(database_url, redis_url, settings=settings) as door:
        response = await door.http.get("/metrics", headers={b"Authorization": f"Bearer {key}".encode()})

    assert response.status_code == httpx.codes.OK


async def test_nothing_is_counted_where_metrics_are_off(database_url: str, redis_url: str) -> None:
    settings = patient_settings(database_url, redis_url).model_copy(update={"metrics": False})
    async with open_door(database_url, redis_url, clock=FixedClock(MONDAY), settings=settings) as door:
        await door.set_up("barbershop")
        await Reporter(door.context, "server").run_once()

        assert await door.context.redis.exists(keys.METRICS_TOTAL) == 0
