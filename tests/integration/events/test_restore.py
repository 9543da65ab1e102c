"""A restore into a fresh cluster, whose transaction ids begin anew, loses no event and repeats none."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bootstrap.embedded import kept_stores
from bootstrap.store_supervisor import Specification
from events.feed import FeedService
from events.service import Relay
from kernel.ids import EventId
from persistence.schema import upgrade
from persistence.unit_of_work import UnitOfWork
from tests.support.dumps import dump
from tests.support.engine import Engine, patient_settings, pools
from tests.support.visits import book, slots

pytestmark = pytest.mark.own_database


@pytest.fixture
def fresh_cluster_url() -> Iterator[str]:
    """A database server that has done nothing yet but make our roles."""
    with tempfile.TemporaryDirectory(prefix="holdfast-restore-") as directory:
        Path(directory).chmod(0o711)
        specification = Specification(data_dir=directory, redis=False, durable=False, superuser=True)
        with kept_stores(specification, announce=print) as urls:
            assert urls.database_url is not None
            upgrade(urls.database_url)
            yield urls.database_url


async def _read(engine: Engine, url: str, redis_url: str, *, after: EventId | None) -> list[str]:
    """Relay what waits in a database, and read its feed to the end."""
    async with pools(patient_settings(url, redis_url)) as context:
        relay = Relay(engine=context.engine, subscribers=(), metrics=context.metrics)
        while await relay.run_once():
            pass
        feed = FeedService(UnitOfWork(context.engine))
        return [event.id for event in (await feed.read(engine.tenant_id, after=after, limit=200)).data]


async def test_restored_database_goes_on_with_events_and_cursors_of_before(
    engine: Engine, database_url: str, redis_url: str, fresh_cluster_url: str, outside: "asyncpg.Connection[Any]"
) -> None:
    starts = [slot.start for slot in await slots(engine)][:17:4]
    for number, start in enumerate(starts[:2]):
        await book(engine, start, number)
    before = await _read(engine, database_url, redis_url, after=None)
    cursor = EventId(before[1])
    for number, start in enumerate(starts[2:], 2):
        await book(engine, start, number)
    waiting = await outside.fetchval("SELECT count(*) FROM outbox")

    # Not the database of the run: another server, with transaction ids of its own.
    restored = await asyncpg.connect(fresh_cluster_url)
    await restored.execute(dump(database_url))
    await restored.close()
    after = await _read(engine, fresh_cluster_url, redis_url, after=None)
    rest = await _read(engine, fresh_cluster_url, redis_url, after=cursor)

    assert waiting == len(starts[2:])
    assert after[: len(before)] == before
    assert len(set(after)) == len(after) == len(before) + waiting
    assert rest == after[2:]
