"""A reader of the feed skips nothing, however long transactions stay open, and sees each subject's events in order."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.feed import FeedService
from events.model import RelayedEvent, StoredEvent
from events.service import Relay, Subscriber
from kernel.ids import AppointmentId, EventId
from kernel.spans import to_datetime, to_rfc3339
from tests.support.engine import Engine
from tests.support.operations import by_business
from tests.support.visits import book, slots

pytestmark = pytest.mark.own_database

_WRITERS: Final = 50
_COMMITS: Final = 6
"""Of each writer."""
_LONGEST_SECONDS: Final = 3.0
_LOCK: Final = """IF NOT pg_try_advisory_xact_lock(46533280) THEN
        RETURN;
    END IF;"""
# Each takes one thing out of the relay that keeps the order.
_MUTANTS: Final = {
    "numbered by the outbox": (
        ("(tenant_id, id, type,", "(seq, tenant_id, id, type,"),
        ("actor, request_id, occurred_at)", "actor, request_id, occurred_at) OVERRIDING SYSTEM VALUE"),
        ("SELECT\n            tenant_id,", "SELECT\n            taken.id,\n            tenant_id,"),
    ),
    # Without the lock alone, the second would wait for rows that the first deletes: nearly always.
    "two relays at once": ((_LOCK, ""), ("ORDER BY id LIMIT most", "ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED")),
}


@dataclass(slots=True)
class Feed:
    """The feed, two relays, and somebody who reads and rests at random."""

    engine: Engine
    chance: random.Random
    seen: list[StoredEvent] = field(default_factory=list)
    cursor: EventId | None = None

    async def relay(self, done: asyncio.Event) -> None:
        relay = Relay(
            engine=self.engine.context.engine,
            subscribers=[Subscriber(name="slow", types=("*",), plan=self._plan_slowly)],
            metrics=self.engine.context.metrics,
        )
        while not done.is_set() or await relay.run_once():
            await relay.run_once()

    async def _plan_slowly(self, connection: AsyncConnection, _events: Sequence[RelayedEvent]) -> None:
        """What some subscribers take longer for: meanwhile the numbers are given and not committed."""
        await connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": self.chance.uniform(0, 0.1)})

    async def read(self, done: asyncio.Event) -> None:
        """Read pages of any size, as long as there are any; at each start anew, from the cursor."""
        ended = False
        while not ended:
            ended = done.is_set()
            page = await FeedService(self.engine.services.unit_of_work).read(
                self.engine.tenant_id, after=self.cursor, limit=self.chance.randint(1, 20)
            )
            self.seen += page.data
            if page.data:
                self.cursor = page.data[-1].id
                ended = False
            else:
                await asyncio.sleep(self.chance.uniform(0, 0.05))


async def _write(connection: "asyncpg.Connection[Any]", engine: Engine, number: int, chance: random.Random) -> None:
    """Commit events of a subject one after the other; the transaction stays open for a while after each."""
    for version in range(1, _COMMITS + 1):
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO outbox (tenant_id, name, subject, data) VALUES ($1, 'tested.v1', $2, $3)",
                engine.tenant_id,
                f"apt_{number}",
                f'{{"version": {version}}}',
            )
            seconds = min(chance.expovariate(2.0), _LONGEST_SECONDS)
            # One of them is as slow as may be.
            await connection.execute(
                "SELECT pg_sleep($1)", _LONGEST_SECONDS if (number, version) == (0, 1) else seconds
            )


async def _read_beside_writers(engine: Engine, database_url: str, seed: int) -> Feed:
    """Let all of them work at once, and the reader read to the end."""
    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    feed = Feed(engine, chance)
    written, relayed = asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:
        connections = [await asyncpg.connect(database_url) for _ in range(_WRITERS)]
        for connection in connections:
            stack.push_async_callback(connection.close)
        relays = asyncio.gather(*(feed.relay(written) for _ in range(2)))
        reader = asyncio.create_task(feed.read(relayed))
        await asyncio.gather(
            *(_write(connection, engine, number, chance) for number, connection in enumerate(connections))
        )
        written.set()
        await relays
        relayed.set()
        await reader
    return feed


def _skipped(feed: Feed) -> set[tuple[str, int]]:
    expected = {(f"apt_{number}", version) for number in range(_WRITERS) for version in range(1, _COMMITS + 1)}
    return expected - {(event.subject, _version(event)) for event in feed.seen}


def _version(event: StoredEvent) -> int:
    version = event.data["version"]
    assert isinstance(version, int)
    return version


@pytest.fixture
async def quiet(engine: Engine, outside: "asyncpg.Connection[Any]") -> Engine:
    await outside.execute("DELETE FROM outbox")
    return engine


async def test_reader_that_starts_and_stops_beside_slow_writers_skips_nothing(quiet: Engine, database_url: str) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - printed when the test fails

    feed = await _read_beside_writers(quiet, database_url, seed)

    assert (seed, _skipped(feed)) == (seed, set())
    assert len(feed.seen) == _WRITERS * _COMMITS
    by_subject: dict[str, list[int]] = {}
    for event in feed.seen:
        by_subject.setdefault(event.subject, []).append(_version(event))
    assert set(map(tuple, by_subject.values())) == {tuple(range(1, _COMMITS + 1))}


@pytest.mark.parametrize("mutant", _MUTANTS)
async def test_reader_skips_events_when_the_relay_lacks_what_keeps_the_order(
    quiet: Engine, database_url: str, outside: "asyncpg.Connection[Any]", mutant: str
) -> None:
    definition: str = await outside.fetchval("SELECT pg_get_functiondef('relay_events'::regproc)")
    for before, after in _MUTANTS[mutant]:
        assert definition.count(before) == 1
        definition = definition.replace(before, after)
    await outside.execute(definition)

    feed = await _read_beside_writers(quiet, database_url, seed=1)

    assert _skipped(feed)


async def test_change_that_waited_for_another_comes_after_it_though_its_transaction_began_before(
    engine: Engine, database_url: str, outside: "asyncpg.Connection[Any]"
) -> None:
    booked = (await book(engine, (await slots(engine))[0].start)).appointment
    first = await asyncpg.connect(database_url)
    transaction = first.transaction()
    await transaction.start()
    # It writes any row, which gives it the lower transaction id, and only then wants the visit.
    await first.execute(
        "INSERT INTO idempotency_keys (tenant_id, key, request_digest) VALUES ($1, 'first', 'digest')", engine.tenant_id
    )
    async with outside.transaction():
        await _change(outside, booked.id)
        waiting = asyncio.create_task(_change(first, booked.id))
        await _until_somebody_waits(database_url)
    await waiting
    await transaction.commit()
    await first.close()

    await Relay(engine=engine.context.engine, subscribers=(), metrics=engine.context.metrics).run_once()
    page = await FeedService(engine.services.unit_of_work).read(
        engine.tenant_id, after=None, subject=booked.id, limit=10
    )

    assert [_version(event) for event in page.data] == [1, 2, 3]


async def _change(connection: "asyncpg.Connection[Any]", appointment_id: AppointmentId) -> None:
    """Change a visit as the engine does: lock it, then write it and its event."""
    row = await connection.fetchrow(
        "SELECT tenant_id, version FROM appointments WHERE id = $1 FOR UPDATE", appointment_id
    )
    assert row is not None
    await connection.execute("UPDATE appointments SET version = version + 1 WHERE id = $1", appointment_id)
    await connection.execute(
        "INSERT INTO outbox (tenant_id, name, subject, data) VALUES ($1, 'appointment.annotated.v1', $2, $3)",
        row["tenant_id"],
        appointment_id,
        f'{{"version": {row["version"] + 1}}}',
    )


async def _until_somebody_waits(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    async with asyncio.timeout(30):
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            pass
    await connection.close()


async def test_visit_that_moves_three_times_keeps_its_id_and_tells_where_it_was(engine: Engine) -> None:
    starts = [slot.start for slot in await slots(engine)][:16:5]
    booked = (await book(engine, starts[0])).appointment
    for start in starts[1:]:
        await engine.services.appointments.reschedule(
            by_business(engine.tenant_id),
            booked.id,
            start=to_datetime(start),
            resource=None,
            hold_id=None,
            expected_version=None,
        )
    await Relay(engine=engine.context.engine, subscribers=(), metrics=engine.context.metrics).run_once()
    feed = FeedService(engine.services.unit_of_work)
    page = await feed.read(engine.tenant_id, after=None, patterns=["appointment.*"], limit=10)

    assert [(event.type, event.subject, _version(event)) for event in page.data] == [
        ("appointment.confirmed", booked.id, 1),
        *(("appointment.rescheduled", booked.id, version) for version in (2, 3, 4)),
    ]
    previous = [event.data["previous"] for event in page.data[1:]]
    assert [one["start"] for one in previous if isinstance(one, dict)] == [
        to_rfc3339(to_datetime(start)) for start in starts[:-1]
    ]
