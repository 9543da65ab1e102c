"""The parts of redis-py that its documentation does not promise.

`pyproject.toml` bounds the version of the library, and `tests/contract/test_library_internals.py` names each part.
"""

import asyncio
import math
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import get_node_name
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import MovedError, ResponseError

from persistence.redis_limits import LOSSES, closed_as_connection_error, raise_if_closed

SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS


def slot_of_key(key: str) -> int:
    """The slot of a cluster that a key is in."""
    return key_slot(key.encode())


class ClusterClient(RedisCluster):
    """The library's client of a cluster, with its own way to ask one master left to the subclass."""

    def __init__(self, urls: Sequence[str], options: Mapping[str, Any]) -> None:
        """`urls` name some of the nodes; the first one's credentials are those of all, unless `options` has others."""
        nodes: list[dict[str, Any]] = [{**parse_url(url)} for url in urls]
        named = {name: value for name, value in nodes[0].items() if name not in {"host", "port", "connection_class"}}
        super().__init__(
            startup_nodes=[ClusterNode(node["host"], node.get("port", 6379)) for node in nodes],
            retry=Retry(NoBackoff(), 0),
            # It would close the connections that others are using.
            reinitialize_steps=0,
            **{**options, **named, "ssl": nodes[0].get("connection_class") is SSLConnection, "protocol": 2},
        )

    def ask_master(self, node: ClusterNode, *arguments: Any, **options: Any) -> Coroutine[Any, Any, Any]:  # noqa: ANN401
        """Send a command to one master, and return its answer."""
        raise NotImplementedError

    def _execute_command(
        self,
        target_node: ClusterNode,
        *arguments: Any,  # noqa: ANN401 - the library's
        **options: Any,  # noqa: ANN401
    ) -> Coroutine[Any, Any, Any]:
        """The library's hook: it calls this for each master that a command goes to."""
        return self.ask_master(target_node, *arguments, **options)

    @property
    def knows_masters(self) -> bool:
        """True once some node has said which masters there are."""
        return not self._initialize

    def slots_of(self, name: str) -> list[int]:
        """The slots whose master is the node of that name."""
        return [slot for slot, nodes in self.nodes_manager.slots_cache.items() if nodes[0].name == name]

    async def follow(self, moved: MovedError) -> ClusterNode:
        """The master that has the slot now, which is remembered."""
        await self.nodes_manager.move_slot(moved)
        return self.nodes_manager.get_node_from_slot(moved.slot_id)

    async def reload_masters(self, *, silent: str) -> None:
        """Ask the nodes which masters there are, the silent one last. Connections in use stay open."""
        await self.nodes_manager.initialize(last_failed_node_name=silent or None)

    def has_changed(self, ranges: Sequence[Any], answered_by: ClusterNode) -> bool:
        """True if a range of slots, as a node answered CLUSTER SLOTS, has another master than we know of."""
        masters = self.nodes_manager.slots_cache
        for first, last, (host, port, *_), *_ in ranges:
            name = get_node_name(host.decode() or answered_by.host, port)
            if any(slot not in masters or masters[slot][0].name != name for slot in range(first, last + 1)):
                return True
        return False

    def separate_node(self, node: ClusterNode, *, connections: int) -> ClusterNode:
        """A copy of the node with connections of its own."""
        return ClusterNode(node.host, node.port, **{**self.connection_kwargs, "max_connections": connections})


async def ask_node(node: ClusterNode, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
    """Send a command to the node and read its answer, once.

    The library's own way does not notice that an idle connection was closed meanwhile.
    """
    connection = node.acquire_connection()
    try:
        await node.disconnect_if_needed(connection)
        if connection.is_connected:
            with suppress(*LOSSES):
                if await connection.can_read():
                    await connection.disconnect(nowait=True)
        with closed_as_connection_error():
            await connection.send_packed_command(connection.pack_command(*arguments))
        return await node.parse_response(connection, arguments[0], **options)
    finally:
        node.release(connection)


async def close_idle_connections(node: ClusterNode) -> None:
    """Close the connections to the node that are not in use."""
    await node.disconnect_free_connections()


def connections_in_use(redis: Redis) -> int:
    """The number of connections of a single Redis' pool that are in use."""
    _idle, (used, _named) = redis.connection_pool.get_connection_count()
    return int(used)


async def ask_together(
    pool: BlockingConnectionPool, packed: bytes, answers: "Sequence[asyncio.Future[Any]]", *, within_seconds: float
) -> None:
    """Send packed commands on one connection, and give each future its answer or the refusal of its command.

    Raises what ends the exchange early; futures that have no answer then are the caller's.
    """
    try:
        # To connect is to send something as well.
        connection: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(within_seconds):
                await connection.send_packed_command(packed)
                for answer in answers:
                    try:
                        # The time limit is that of all answers together; one more for each would only cost.
                        value = await connection.read_response(timeout=math.inf)
                    except ResponseError as refusal:
                        if not answer.done():
                            answer.set_exception(refusal)
                    else:
                        if not answer.done():
                            answer.set_result(value)
        except BaseException:
            # Answers that were not read must not be taken for those to the next question.
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)
    except RuntimeError as error:
        raise_if_closed(error)
        raise
