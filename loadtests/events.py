"""Measurements of events and tasks on a Postgres of their own: `python -m loadtests.events idle|flood|million`."""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from bootstrap.embedded import kept_stores
from bootstrap.store_supervisor import Specification
from events.service import Relay, Subscriber, task_for_each
from persistence.engine import PostgresLimits, create_engine
from persistence.outbox import delete_old_events
from persistence.schema import upgrade
from tasks.model import Task, TaskKind
from telemetry.metrics import Metrics
from workers.relay import RelayLoop
from workers.schedule import ScheduledLoop, run_scheduled
from workers.tasks import TaskLoop

_BUSINESSES: Final = 100_000
_MILLION: Final = 1_000_000
_FLOOD: Final = 10_000
_IDLE_SECONDS: Final = 60
# As in bootstrap.loops.
_RELAY_SECONDS: Final = 0.3
_TASKS_SECONDS: Final = 0.01
_WRITTEN_AT_ONCE: Final = 500
_DELETED_AT_ONCE: Final = 1000
_STEPS: Final = 10
_BACKLOG: Final = 5000
_OLD_STEPS: Final = 8
_TABLES: Final = ("outbox", "events", "tasks")
# As those of an appointment.
_DATA: Final = (
    '{"id": "apt_01kbc9x3v4h5m6n7p8q9r0s1t2", "status": "confirmed", "version": 1, "timezone": "Asia/Jerusalem",'
    ' "service_id": "svc_01kbc9x3v4h5m6n7p8q9r0s1t2", "start": "2026-12-01T07:00:00Z", "end": "2026-12-01T07:30:00Z",'
    ' "resources": [{"role": "staff", "resource_id": "res_01kbc9x3v4h5m6n7p8q9r0s1t2"}], "party": 1,'
    ' "price": {"amount_minor": 9000, "currency": "ILS"}, "customer_id": "cus_01kbc9x3v4h5m6n7p8q9r0s1t2",'
    ' "approve_by": null}'
)
_ADD_BUSINESSES: Final = """
    INSERT INTO businesses (tenant_id, name, timezone, currency, mode, token_secret)
    SELECT md5(n::text)::uuid, 'Business ' || n, 'UTC', 'USD', 'live', '' FROM generate_series(1, $1) AS n
"""
_ADD_EVENTS: Final = """
    INSERT INTO outbox (tenant_id, name, subject, data, created_at)
    SELECT md5((1 + (n * 7919::bigint) % $2::bigint)::text)::uuid, 'appointment.confirmed.v1', 'apt_' || n, $3,
        now() - CAST($4 AS text)::interval
    FROM generate_series($5::int, $5::int + $1::int - 1) AS n
"""


_KIND: Final = TaskKind(name="measured.nothing", lease_seconds=30, retry_seconds=(1,), concurrency=32)


@dataclass(frozen=True, slots=True)
class _Handler:
    """A kind of task that does nothing, as fast as may be."""

    kind: TaskKind = _KIND

    async def run(self, _task: Task) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _Stores:
    engine: AsyncEngine
    outside: "asyncpg.Connection[Any]"

    def relay(self, planned: asyncio.Event) -> RelayLoop:
        """The relay, with a task for each business that has news."""
        subscriber = Subscriber(name="measured", types=("*",), plan=task_for_each(_KIND.name, key="business"))
        return RelayLoop(Relay(engine=self.engine, subscribers=[subscriber], metrics=Metrics()), planned=planned)

    def tasks(self, planned: asyncio.Event) -> TaskLoop:
        """The loop of the tasks."""
        return TaskLoop(engine=self.engine, handlers=[_Handler()], metrics=Metrics(), planned=planned)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run both loops as a worker does."""
        stop, elected = asyncio.Event(), asyncio.Event()
        elected.set()
        planned = asyncio.Event()
        loops = (("relay", _RELAY_SECONDS, self.relay(planned)), ("tasks", _TASKS_SECONDS, self.tasks(planned)))
        async with asyncio.TaskGroup() as group:
            for name, seconds, loop in loops:
                row = ScheduledLoop(name=name, seconds=seconds, needs_election=False, loop=loop)
                group.create_task(run_scheduled(row, elected, stop))
            yield
            stop.set()

    async def add(self, count: int, *, first: int, businesses: int, age: str = "0") -> None:
        """Commit so many events, in transactions of a few hundred."""
        for start in range(first, first + count, _WRITTEN_AT_ONCE):
            some = min(_WRITTEN_AT_ONCE, first + count - start)
            await self.outside.execute(_ADD_EVENTS, some, businesses, _DATA, age, start)

    async def count(self, table: str) -> int:
        """The rows of a table."""
        return int(await self.outside.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - ours

    async def shrink(self, table: str, most: int = 0) -> None:
        """Wait until a table has no more rows than that."""
        while await self.count(table) > most:  # noqa: ASYNC110 - the rows go elsewhere
            await asyncio.sleep(0.02)

    async def sizes(self) -> str:
        """Megabytes of each table and of its indexes."""
        sizes = []
        for table in _TABLES:
            heap = await self.outside.fetchval("SELECT pg_table_size(CAST($1 AS text)::regclass)", table)
            indexes = await self.outside.fetchval("SELECT pg_indexes_size(CAST($1 AS text)::regclass)", table)
            sizes.append(f"{table} {heap / 1e6:.1f} + {indexes / 1e6:.1f} MB")
        return ", ".join(sizes)


async def _idle(stores: _Stores) -> None:
    """Measure both loops at rest, beside a hundred thousand businesses and as many tasks that are not due."""
    await stores.outside.execute(_ADD_BUSINESSES, _BUSINESSES)
    await stores.outside.execute(
        "INSERT INTO tasks (tenant_id, kind, subject, key, due_at)"
        " SELECT tenant_id, 'measured.nothing', 'apt_1', 'apt_1', now() + interval '1 day' FROM businesses"
    )
    await stores.outside.execute("ANALYZE")
    backends = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"
    async with stores.running():
        await asyncio.sleep(2)
        before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        statements = await stores.outside.fetchval(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = 'holdfast'"
        )
        server = _server_seconds()
        await asyncio.sleep(_IDLE_SECONDS)
        after, seconds = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - begun
        server = _server_seconds() - server
        commits = await stores.outside.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = 'holdfast'")
        connections = await stores.outside.fetchval(backends)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{_BUSINESSES} idle businesses, {await stores.count('tasks')} tasks that are not due, {seconds:.0f} s:")
    print(f"  engine {own / seconds:.2%} of a core, all of Postgres {server / seconds:.2%},", end=" ")
    print(f"{(commits - statements) / seconds:.1f} transactions/s on {connections} connections")
    for title, statement in (
        ("relay", "SELECT created_at FROM outbox ORDER BY id LIMIT 1"),
        (
            "tasks",
            (
                "SELECT id FROM tasks WHERE kind = 'measured.nothing' AND due_at <= now() AND parked_at IS NULL"
                " AND (leased_until IS NULL OR leased_until <= now()) ORDER BY due_at LIMIT 32 FOR UPDATE SKIP LOCKED"
            ),
        ),
    ):
        plan = await stores.outside.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}")
        print(f"  plan of the {title}:", *(f"\n    {line}" for (line,) in plan))


def _server_seconds() -> float:
    """Processor time of all processes named postgres that are no older than this one's server, in seconds."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"postgres" in command and _MARK.encode() in _directory_of(folder):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


_MARK: Final = "holdfast-events-"


def _directory_of(folder: Path) -> bytes:
    try:
        return str((folder / "cwd").readlink()).encode()
    except OSError:
        return b""


async def _flood(stores: _Stores) -> None:
    """Commit ten thousand events within a second, and wait until each is in the feed and its task is done."""
    await stores.outside.execute(_ADD_BUSINESSES, 1000)
    async with stores.running():
        begun = time.perf_counter()
        await stores.add(_FLOOD, first=0, businesses=1000)
        written = time.perf_counter() - begun
        await stores.shrink("outbox")
        relayed = time.perf_counter() - begun
        await stores.shrink("tasks")
        done = time.perf_counter() - begun
    print(f"{_FLOOD} events committed in {written:.2f} s, in the feed after {relayed:.2f} s,", end=" ")
    print(f"the tasks of 1,000 businesses done after {done:.2f} s")


async def _million(stores: _Stores) -> None:
    """Let a million events through, of which most grow old on the way, and look at the sizes."""
    await stores.outside.execute(_ADD_BUSINESSES, 1000)
    step = _MILLION // _STEPS
    begun = time.perf_counter()
    async with stores.running():
        for number in range(_STEPS):
            # What comes before the last fifth is old by now.
            age = "31 days" if number < _OLD_STEPS else "0"
            for first in range(number * step, (number + 1) * step, _BACKLOG):
                await stores.add(_BACKLOG, first=first, businesses=1000, age=age)
                await stores.shrink("outbox", _BACKLOG)
            # As many stay as in a month of which each step is half.
            for _ in range(max((await stores.count("events") - 2 * step) // _DELETED_AT_ONCE, 0)):
                await delete_old_events(stores.engine, days=30, most=_DELETED_AT_ONCE)
            print(f"{(number + 1) * step:>9} events, {time.perf_counter() - begun:4.0f} s: {await stores.sizes()}")
        await stores.shrink("outbox")
    left = [f"{table} {await stores.count(table)}" for table in _TABLES]
    print(f"rows left: {', '.join(left)}; {_MILLION / (time.perf_counter() - begun):.0f} events/s all in all")
    await stores.outside.execute("VACUUM outbox, events, tasks")
    print(f"after a vacuum: {await stores.sizes()}")


async def _run(url: str, measure: str) -> None:
    measures = {"idle": _idle, "flood": _flood, "million": _million}
    engine = create_engine(url, PostgresLimits(statement_ms=30_000))
    outside = await asyncpg.connect(url)
    try:
        await measures[measure](_Stores(engine, outside))
    finally:
        await outside.close()
        await engine.dispose()


def main(arguments: Sequence[str]) -> None:
    """Run the measurements that are named."""
    for measure in arguments or ("idle", "flood", "million"):
        with tempfile.TemporaryDirectory(prefix=_MARK) as directory:
            Path(directory).chmod(0o711)
            specification = Specification(data_dir=directory, redis=False, durable=False, superuser=True)
            with kept_stores(specification, announce=lambda _: None) as urls:
                assert urls.database_url is not None
                upgrade(urls.database_url)
                asyncio.run(_run(urls.database_url, measure))


if __name__ == "__main__":
    main(sys.argv[1:])
