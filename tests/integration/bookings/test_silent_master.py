"""While the master that has a business is silent, holds are refused, and direct bookings go by Postgres."""

import pytest

from bootstrap.loops import build_invalidator
from holds.model import HoldsUnavailable, SlotTaken
from persistence.redis import slot_of
from tests.support.cluster import running_cluster
from tests.support.engine import running_engine
from tests.support.visits import book, hold, slots

pytestmark = [pytest.mark.cluster, pytest.mark.own_database]


async def test_booking_needs_no_redis_though_the_catalogue_was_read_without_it(database_url: str) -> None:
    with running_cluster() as cluster:
        async with running_engine(database_url, cluster.url, store_silence_ms=600) as engine:
            # As the elected process does: so nothing is left that Redis must still hear.
            await build_invalidator(engine.context).run_once()
            start = (await slots(engine, resource="noa"))[8].start
            snapshot = await engine.services.snapshots.get(engine.tenant_id)

            with cluster.owner(slot_of(engine.tenant_id)).silenced():
                await engine.services.snapshots.reload(engine.tenant_id, snapshot)
                with pytest.raises(HoldsUnavailable):
                    await hold(engine, start, resource="noa")
                booked = await book(engine, start, resource="noa")
                with pytest.raises(SlotTaken):
                    await book(engine, start, 1, resource="noa")

    assert booked.created
