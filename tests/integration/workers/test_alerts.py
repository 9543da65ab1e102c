"""Every alert fires when what it tells of has happened, and not before: real stores, and Prometheus' own judgement."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import asyncpg
import httpx
import pytest

from bootstrap.loops import build_reconciliation_loop, running_loops
from bootstrap.metrics_reporting import Reporter
from persistence import keys
from persistence.errors import RedisUnavailable
from tasks.model import PlannedTask, Task, TaskFailed, TaskKind
from tasks.service import TaskService
from telemetry.measures import ELECTED, INVALIDATION_LAG, OUTBOX_AGE, WEBHOOK_ATTEMPTS
from tests.support.door import Door, open_door
from tests.support.engine import MONDAY, FixedClock, patient_settings
from tests.support.full_redis import OwnRedis, running_redis
from tests.support.prometheus import RULES, Page, check_alerts, promtool, rules
from tests.support.proxy import Mode, Proxy
from tests.support.waiting import eventually
from workers.task_lag import TaskLagLoop
from workers.tasks import TaskLoop

pytestmark = pytest.mark.own_database

_DAY: Final = "2026-12-01"
_ROOT: Final = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class _Scraped:
    """The barbershop, and what Prometheus has read of it so far."""

    door: Door
    redis: Proxy
    postgres: Proxy
    outside: "asyncpg.Connection[Any]"
    """Somebody who goes past the engine."""
    pages: list[Page] = field(default_factory=list)

    async def scrape(self, *firing: str) -> None:
        """Read /metrics; if that goes on, just these alerts have to fire."""
        # Where Redis is away, the page says so.
        with suppress(RedisUnavailable):
            await Reporter(self.door.context, "server").run_once()
        answer = await self.door.http.get("/metrics")
        assert answer.status_code == httpx.codes.OK
        self.pages.append(Page(answer.text, frozenset(firing)))

    def scrape_in_vain(self, *firing: str) -> None:
        """Nobody answers."""
        self.pages.append(Page(None, frozenset(firing)))

    async def starts(self) -> list[str]:
        return [*await self.door.slots("haircut", _DAY, resource="noa")]

    async def is_elected(self) -> bool:
        return bool(self.door.context.metrics.gauges.get(ELECTED.name))

    async def is_silent(self, store: str) -> bool:
        await self.door.http.get("/readyz")
        return self.door.context.watches[store].state.value != "closed"

    @asynccontextmanager
    async def loops(self) -> AsyncIterator[None]:
        """The background loops, elected."""
        async with running_loops(self.door.context):
            await eventually(self.is_elected)
            yield


@pytest.fixture
async def scraped(database_url: str, single_redis_url: str, tmp_path: Path) -> AsyncIterator[_Scraped]:
    async with _scraping(database_url, single_redis_url, tmp_path) as found:
        yield found


@asynccontextmanager
async def _scraping(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[_Scraped]:
    redis, postgres = Proxy(redis_url), Proxy(database_url)
    outside = await asyncpg.connect(database_url)
    async with redis.running(), postgres.running():
        settings = patient_settings(postgres.url, redis.url)
        quiet = settings.model_copy(update={"audit_seconds": 0})
        async with open_door(postgres.url, redis.url, clock=FixedClock(MONDAY), settings=quiet) as door:
            await door.set_up("barbershop")
            found = _Scraped(door, redis, postgres, outside)
            yield found
            redis.mode = postgres.mode = Mode.PASS
    await outside.close()
    await asyncio.to_thread(check_alerts, found.pages, tmp_path)


async def test_drift(scraped: _Scraped) -> None:
    await scraped.starts()
    context = scraped.door.context
    async with scraped.loops():
        await _reconcile(scraped)
        await scraped.scrape()

        key = await anext(context.redis.scan_iter(f"{keys.prefix(scraped.door.tenant_id)}clear:*"))
        value = await context.redis.get(key)
        assert isinstance(value, bytes)
        await context.redis.set(key, bytes(len(value)), keepttl=True)
        await _reconcile(scraped)
        await scraped.scrape("HoldfastDrift")

        # What was mended then is not found again.
        await _reconcile(scraped)
        await scraped.scrape()


async def _reconcile(scraped: _Scraped) -> None:
    context = scraped.door.context
    await build_reconciliation_loop(context).run_once(asyncio.Event())


async def test_invalidation_lag(scraped: _Scraped) -> None:
    async with scraped.loops():
        await scraped.scrape()
    await scraped.outside.execute(
        "INSERT INTO time_off (tenant_id, id, resource_id, during) SELECT tenant_id, 'tof_outside', id,"
        " '[2026-12-01T08:00Z,2026-12-01T10:00Z)' FROM resources WHERE key = 'noa'"
    )
    # The row has waited for a minute, and cannot be worked off: somebody else has it locked.
    await scraped.outside.execute("UPDATE invalidations SET created_at = created_at - interval '1 minute'")
    locked = scraped.outside.transaction()
    await locked.start()
    await scraped.outside.execute("SELECT FROM invalidations FOR UPDATE")
    async with scraped.loops():
        await eventually(lambda: _lags(scraped, most=False))
        await scraped.scrape("HoldfastInvalidationLag")

        await locked.rollback()
        await eventually(lambda: _lags(scraped, most=True))
        await scraped.scrape()


async def _lags(scraped: _Scraped, *, most: bool) -> bool:
    lag = scraped.door.context.metrics.gauges.get(INVALIDATION_LAG.name)
    return lag is not None and (lag < 1) == most


async def test_events_late(scraped: _Scraped) -> None:
    async with scraped.loops():
        await eventually(lambda: _is_relayed(scraped))
        await scraped.scrape()
    await scraped.outside.execute(
        "INSERT INTO outbox (tenant_id, name, subject, data, created_at)"
        " VALUES ($1, 'tested.v1', '', '{}', now() - interval '5 minutes')",
        scraped.door.tenant_id,
    )
    # It cannot be moved: another program has it locked.
    locked = scraped.outside.transaction()
    await locked.start()
    await scraped.outside.execute("LOCK TABLE outbox IN SHARE MODE")
    async with scraped.loops():
        await eventually(lambda: _shows(scraped, OUTBOX_AGE.name, at_least=60))
        await scraped.scrape("HoldfastEventsLate")

        await locked.rollback()
        await eventually(lambda: _shows(scraped, OUTBOX_AGE.name, at_most=1))
        await scraped.scrape()


async def test_tasks_late_and_parked(scraped: _Scraped) -> None:
    context = scraped.door.context
    # Only the loops that the test runs itself do.
    nobody = ["HoldfastNoInvalidator"]
    tasks = TaskService(context.engine)
    lag = TaskLagLoop(engine=context.engine, kinds=["tested.work"], metrics=context.metrics)

    async def fail(_task: Task) -> None:
        raise TaskFailed("no answer")

    await lag.run_once(asyncio.Event())
    await scraped.scrape(*nobody)

    late = datetime.now(UTC) - timedelta(minutes=5)
    await tasks.plan(PlannedTask(tenant_id=scraped.door.tenant_id, kind="tested.work", subject="apt_1", due_at=late))
    await lag.run_once(asyncio.Event())
    await scraped.scrape("HoldfastTasksLate", *nobody)

    kind = TaskKind(name="tested.work", lease_seconds=30, retry_seconds=(), concurrency=1)
    handler = SimpleNamespace(kind=kind, run=fail)
    await TaskLoop(engine=context.engine, handlers=[handler], metrics=context.metrics).run_once(asyncio.Event())
    await lag.run_once(asyncio.Event())
    await scraped.scrape("HoldfastTasksParked", *nobody)

    await tasks.drop(kind="tested.work")
    await lag.run_once(asyncio.Event())
    await scraped.scrape(*nobody)


async def test_webhooks_failing(scraped: _Scraped) -> None:
    metrics = scraped.door.context.metrics
    nobody = ["HoldfastNoInvalidator"]
    for outcome in ("2xx", "5xx", "timeout"):
        metrics.add(WEBHOOK_ATTEMPTS, label=outcome)
    await scraped.scrape(*nobody)

    # A neighbour that arrives now and then makes no difference.
    metrics.add(WEBHOOK_ATTEMPTS, 2, label="2xx")
    for outcome in ("5xx", "timeout"):
        metrics.add(WEBHOOK_ATTEMPTS, 30, label=outcome)
    await scraped.scrape("HoldfastWebhooksFailing", *nobody)

    metrics.add(WEBHOOK_ATTEMPTS, 100, label="2xx")
    await scraped.scrape(*nobody)


async def _is_relayed(scraped: _Scraped) -> bool:
    return not await scraped.outside.fetchval("SELECT count(*) FROM outbox")


async def _shows(scraped: _Scraped, gauge: str, *, at_least: float = 0.0, at_most: float = float("inf")) -> bool:
    value = scraped.door.context.metrics.gauges.get(gauge)
    return value is not None and at_least <= value <= at_most


async def test_breaker_open_of_postgres(scraped: _Scraped) -> None:
    async with scraped.loops():
        await scraped.scrape()

        scraped.postgres.mode = Mode.REFUSE
        await eventually(lambda: scraped.is_silent("postgres"))
        await eventually(lambda: _is_not_elected(scraped))
        # Without Postgres nobody can be elected.
        await scraped.scrape("HoldfastBreakerOpen", "HoldfastNoInvalidator")

        scraped.postgres.mode = Mode.PASS
        await eventually(scraped.is_elected)
        await scraped.scrape()


async def _is_not_elected(scraped: _Scraped) -> bool:
    return not await scraped.is_elected()


async def test_breaker_open_of_redis_and_metrics_missing(scraped: _Scraped) -> None:
    async with scraped.loops():
        await scraped.scrape()

        scraped.redis.mode = Mode.REFUSE
        await eventually(lambda: scraped.is_silent("redis"))
        await scraped.scrape("HoldfastBreakerOpen", "HoldfastMetricsMissing")


@pytest.fixture
async def own_redis(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[_Scraped, OwnRedis]]:
    with running_redis(tmp_path) as server:
        async with _scraping(database_url, server.url, tmp_path) as scraped:
            yield scraped, server
            server.free()


async def test_redis_memory_and_store_refuses_writes(own_redis: tuple[_Scraped, OwnRedis]) -> None:
    scraped, server = own_redis
    memory, watch = scraped.door.context.memory, scraped.door.context.watches["redis"]

    async def is_short() -> bool:
        return memory.is_short

    async def refuses() -> bool:
        return watch.refuses_writes

    async def is_back() -> bool:
        return watch.is_alive and not memory.is_short

    async with scraped.loops():
        await scraped.scrape()

        server.limit(1.1)
        await eventually(is_short)
        await scraped.scrape("HoldfastRedisMemory")

        server.fill()
        await eventually(refuses)
        await scraped.scrape("HoldfastRedisMemory", "HoldfastStoreRefusesWrites")

        server.free()
        await eventually(is_back)
        await eventually(scraped.is_elected)
        await scraped.scrape()


async def test_metrics_missing_where_nobody_answers(scraped: _Scraped) -> None:
    async with scraped.loops():
        await scraped.scrape()

    scraped.scrape_in_vain("HoldfastMetricsMissing")


async def test_no_invalidator(scraped: _Scraped) -> None:
    async with scraped.loops():
        await scraped.scrape()

    await scraped.scrape("HoldfastNoInvalidator")


async def test_no_invalidator_where_none_ever_was(scraped: _Scraped) -> None:
    await scraped.scrape("HoldfastNoInvalidator")


async def test_confirm_lost(scraped: _Scraped) -> None:
    door = scraped.door
    starts = await scraped.starts()
    held = await door.hold("haircut", starts[0], resource="noa")
    other = await door.book("haircut", starts[6], resource="noa")
    async with scraped.loops():
        await scraped.scrape()

        await scraped.outside.execute(
            "UPDATE claims SET during = tstzrange($1::timestamptz, $1::timestamptz + interval '35 minutes')"
            " WHERE appointment_id = $2",
            datetime.fromisoformat(held["start"]),
            other["id"],
        )
        body = {"customer": {"name": "Dana"}}
        refused = await door.send("POST", f"/v1/holds/{held['id']}/confirm", json=body, status=409)
        assert refused["code"] == "slot_taken"
        await scraped.scrape("HoldfastConfirmLost")


async def test_errors(scraped: _Scraped) -> None:
    async with scraped.loops():
        await _list_appointments(scraped, 200)
        await scraped.scrape()

        scraped.postgres.mode = Mode.REFUSE
        await eventually(lambda: scraped.is_silent("postgres"))
        await eventually(lambda: _is_not_elected(scraped))
        # A rate is seen from the second time on that there was one.
        for others in ((), ("HoldfastErrors",)):
            await _list_appointments(scraped, 503)
            await scraped.scrape("HoldfastBreakerOpen", "HoldfastNoInvalidator", *others)


async def _list_appointments(scraped: _Scraped, status: int) -> None:
    params = {"from": _DAY, "to": _DAY}
    await scraped.door.send("GET", "/v1/appointments", params=params, status=status)


def test_prometheus_accepts_the_rules() -> None:
    checked = promtool("check", "rules", str(RULES))

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_says_what_is_wrong_and_where_to_read_on() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert (_ROOT / rule["annotations"]["runbook"]).parent == _ROOT / "docs/runbooks"


def test_every_alert_has_a_test_that_makes_it_fire() -> None:
    source = Path(__file__).read_text()

    assert [rule["alert"] for rule in rules() if f'"{rule["alert"]}"' not in source] == []
