"""A cluster whose slots move, and whose masters fall silent and are replaced."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final
from uuid import UUID, uuid4

import pytest

from availability.state.bitmap_cache import BitmapCache
from holds.store import HoldStore, Reply
from kernel.ids import HoldId, TenantId
from persistence import keys, lua
from persistence.breaker import BreakerState
from persistence.errors import RedisUnavailable, redis_errors
from persistence.liveness import LivenessLimits
from persistence.redis import ClusterRedis, RedisLimits, create_cluster, create_redis, node_urls, slot_of
from persistence.redis_memory import RedisMemory
from tests.support.cluster import Cluster, Node, running_cluster
from tests.support.holds import MINE, NOA, TENANT, YOURS, Board, either, span, wanted
from tests.support.waiting import eventually

pytestmark = pytest.mark.cluster

_PATIENT: Final = RedisLimits(pool_size=4, command_seconds=10, connect_seconds=10, pool_wait_seconds=10)
_WATCH: Final = LivenessLimits(silence_seconds=0.6, retry_seconds=0.05)
# Half of what the client would wait for an answer: only the watch can have ended the wait by then.
_RELEASED_SECONDS: Final = 5.0
_SLOT: Final = slot_of(TENANT)


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One whose slots may be moved."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(own_cluster: Cluster) -> Cluster:
    own_cluster.empty()
    return own_cluster


@pytest.fixture
def lost() -> list[int]:
    """The slots of masters that were lost."""
    return []


@pytest.fixture
async def client(cluster: Cluster, lost: list[int]) -> AsyncIterator[ClusterRedis]:
    """The engine's client, with a watch on each master."""
    client = create_cluster(cluster.url, _PATIENT, _WATCH, lost.extend, RedisMemory())
    yield client
    await client.aclose()


@pytest.fixture
async def board(client: ClusterRedis) -> Board:
    redis = client.as_redis()
    await lua.load_all(redis)
    cache = BitmapCache(redis)
    board = Board(redis, HoldStore(redis), cache, (await cache.versions(TENANT)).catalogue)
    await board.fill(NOA)
    return board


def elsewhere(cluster: Cluster, slot: int = _SLOT) -> Node:
    """A master that does not have the slot."""
    return next(node for node in cluster.nodes if node is not cluster.owner(slot))


def tenant_of(cluster: Cluster, node: Node) -> TenantId:
    """A business that is on that master."""
    return next(
        tenant_id for number in range(1000) if cluster.owner(slot_of(tenant_id := TenantId(UUID(int=number)))) is node
    )


HALF_PAST_NINE: Final = either(wanted(NOA, span("09:30", "10:00")))


async def test_businesses_are_spread_over_all_masters(cluster: Cluster, client: ClusterRedis) -> None:
    cache = BitmapCache(client.as_redis())

    for _ in range(60):
        await cache.versions(TenantId(uuid4()))

    sizes = [node.ask("DBSIZE") for node in cluster.nodes]
    assert sum(sizes) == 60
    assert min(sizes) > 0


async def test_all_keys_of_a_business_are_on_one_master(cluster: Cluster, board: Board) -> None:
    await board.place(HALF_PAST_NINE, client="visitor")

    sizes = {node.name: node.ask("DBSIZE") for node in cluster.nodes}

    owner = cluster.owner(_SLOT)
    assert sizes.pop(owner.name) == len([key async for key in board.redis.scan_iter("*")]) > 4
    assert set(sizes.values()) == {0}


class TestMoving:
    async def test_hold_goes_with_its_slot(self, cluster: Cluster, board: Board) -> None:
        await board.place(HALF_PAST_NINE)

        cluster.move(_SLOT, elsewhere(cluster))

        assert (await board.record()).state == "held"
        assert (await board.place(HALF_PAST_NINE, YOURS)).reply is Reply.HELD
        assert (await board.store.extend(TENANT, MINE, 400_000)).reply is Reply.EXTENDED
        assert (await board.store.release(TENANT, MINE)).reply is Reply.RELEASED

    async def test_nobody_is_given_held_time_while_only_some_keys_have_moved(
        self, cluster: Cluster, board: Board
    ) -> None:
        await board.place(HALF_PAST_NINE)
        target = elsewhere(cluster)
        moving = cluster.begin_to_move(_SLOT, target)
        late = keys.held(TENANT, NOA, span("09:30", "10:00").start // 1440).encode()
        for key in moving:
            if key != late:
                cluster.move_key(_SLOT, target, key)

        asking = asyncio.create_task(board.place(HALF_PAST_NINE, YOURS))
        await asyncio.wait([asking], timeout=0.3)
        waits = not asking.done()
        cluster.move_key(_SLOT, target, late)
        cluster.finish_moving(_SLOT, target)

        assert waits
        assert (await asking).reply is Reply.HELD

    async def test_holds_go_on_while_their_slot_moves_to_and_fro(self, cluster: Cluster, board: Board) -> None:
        stop = asyncio.Event()
        replies: list[Reply] = []

        async def place_and_release(number: int) -> None:
            while not stop.is_set():
                hold_id = HoldId(f"hld_{number}")
                placed = await board.place(HALF_PAST_NINE, hold_id)
                replies.append(placed.reply)
                if placed.reply is Reply.PLACED:
                    assert len(await board.held()) == 1
                    await board.store.release(TENANT, hold_id)

        visitors = [asyncio.create_task(place_and_release(number)) for number in range(3)]
        for _ in range(6):
            await asyncio.to_thread(cluster.move, _SLOT, elsewhere(cluster))
        before = len(replies)

        async def went_on() -> bool:
            return Reply.PLACED in replies[before:]

        await eventually(went_on)
        stop.set()
        await asyncio.gather(*visitors)

        assert set(replies) <= {Reply.PLACED, Reply.HELD}
        assert await board.held() == set()

    async def test_redis_is_unavailable_when_a_slot_does_not_arrive(self, cluster: Cluster) -> None:
        hasty = create_redis(cluster.url, RedisLimits(command_seconds=0.3))
        target = elsewhere(cluster)
        cluster.begin_to_move(_SLOT, target)

        with pytest.raises(RedisUnavailable):
            await HoldStore(hasty).read(TENANT, YOURS)
        await hasty.aclose()
        cluster.move(_SLOT, target)


class TestSilent:
    async def test_only_businesses_of_the_silent_master_are_refused(
        self, cluster: Cluster, client: ClusterRedis, lost: list[int]
    ) -> None:
        cache, (silent, *others) = BitmapCache(client.as_redis()), cluster.nodes
        refused, *served = [tenant_of(cluster, node) for node in (silent, *others)]
        for tenant_id in (refused, *served):
            await cache.versions(tenant_id)

        with silent.silenced():
            began = time.monotonic()
            with pytest.raises(RedisUnavailable):
                await cache.versions(refused)
            took = time.monotonic() - began
            for tenant_id in served:
                await cache.versions(tenant_id)
            alive = await client.ping()

        assert took < _RELEASED_SECONDS
        assert alive
        assert {name for name, watch in client.watches.items() if watch.state is not BreakerState.CLOSED} == {
            f"redis {silent.name}"
        }
        assert slot_of(refused) in lost
        assert not {slot_of(tenant_id) for tenant_id in served} & set(lost)

    async def test_silent_master_is_asked_again_when_it_is_back(self, cluster: Cluster, client: ClusterRedis) -> None:
        cache, silent = BitmapCache(client.as_redis()), cluster.nodes[1]
        tenant_id = tenant_of(cluster, silent)
        before = await cache.versions(tenant_id)
        with silent.silenced(), pytest.raises(RedisUnavailable):
            await cache.versions(tenant_id)

        async def back() -> bool:
            return client.watches[f"redis {silent.name}"].state is BreakerState.CLOSED

        await eventually(back)

        assert (await cache.versions(tenant_id)).catalogue == before.catalogue

    async def test_script_is_sent_once_when_no_answer_comes(self, cluster: Cluster) -> None:
        client = create_redis(cluster.url, RedisLimits(command_seconds=0.3))
        await lua.load_all(client)
        silent = cluster.owner(_SLOT)
        silent.ask("CONFIG", "RESETSTAT")

        with silent.silenced(), pytest.raises(RedisUnavailable), redis_errors():
            await lua.call(client, "hold_read", [keys.hold(TENANT, MINE)], [keys.prefix(TENANT), MINE])
        await client.aclose()

        # What had reached the server by then is carried out now.
        calls = silent.ask("INFO", "commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
        assert calls <= 1


async def test_replica_that_takes_over_is_found_and_owed_to(lost: list[int]) -> None:
    with running_cluster() as own:
        client = create_cluster(own.url, _PATIENT, _WATCH, lost.extend, RedisMemory())
        cache, master = BitmapCache(client.as_redis()), own.nodes[0]
        replica = own.add_replica(master)
        tenant_id = tenant_of(own, master)
        before = await cache.versions(tenant_id)

        async def copied() -> bool:
            return bool(replica.ask("DBSIZE") == master.ask("DBSIZE"))

        await eventually(copied)
        os.kill(master.pid, signal.SIGKILL)
        replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")

        async def answers() -> bool:
            try:
                return (await cache.versions(tenant_id)).catalogue == before.catalogue
            except RedisUnavailable:
                return False

        await eventually(answers)
        await client.aclose()

        assert slot_of(tenant_id) in lost


async def test_redis_is_unavailable_when_no_node_answers() -> None:
    client = create_redis("redis+cluster://127.0.0.1:1,127.0.0.1:2", RedisLimits())

    with pytest.raises(RedisUnavailable), redis_errors():
        await client.ping()
    with pytest.raises(RedisUnavailable):
        await HoldStore(client).read(TENANT, MINE)
    await client.aclose()


async def test_more_wait_for_a_connection_than_there_are(cluster: Cluster) -> None:
    client = create_redis(cluster.url, RedisLimits(pool_size=2, pool_wait_seconds=10, command_seconds=10))

    answers = await asyncio.gather(*(HoldStore(client).read(TENANT, MINE) for _ in range(50)))
    connected = str(cluster.owner(_SLOT).ask("CLIENT", "LIST")).count("cmd=eval")
    await client.aclose()

    assert {answer.reply for answer in answers} == {Reply.MISSING}
    assert connected == 2


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis+cluster://one:1,two:2", ["redis://one:1", "redis://two:2"]),
        ("rediss+cluster://u:p@one:1,two/0?a=b", ["rediss://u:p@one:1?a=b", "rediss://u:p@two?a=b"]),
        ("redis+cluster://[::1]:1", ["redis://[::1]:1"]),
    ],
)
def test_url_names_every_node(url: str, nodes: list[str]) -> None:
    assert node_urls(url) == nodes


@pytest.mark.parametrize(
    "url", ["redis+cluster://", "redis+cluster://one:1,", "redis+cluster://one:x", "redis+cluster://one:1/1"]
)
def test_url_that_names_no_cluster_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        node_urls(url)


async def test_slots_that_went_back_to_the_master_around_them_are_noticed(client: ClusterRedis) -> None:
    await client.ping()
    first, *_, other = client.get_primaries()
    ranges = [[0, 100, [first.host.encode(), first.port, b"id"]]]
    for slot in range(101):
        client.nodes_manager.slots_cache[slot] = [first]
    assert not client.has_changed(ranges, first)

    client.nodes_manager.slots_cache[50] = [other]

    assert client.has_changed(ranges, first)
