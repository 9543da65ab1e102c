"""A client of Redis Cluster that repeats nothing by itself, and whose masters may fall silent one by one."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import urlsplit

import structlog
from redis.asyncio import Redis, RedisCluster, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import get_node_name
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ClusterError,
    ConnectionError,  # noqa: A004 - the library's own, which whoever asks Redis knows
    MovedError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

from kernel.ids import TenantId
from persistence import keys
from persistence.liveness import Ask, Watch
from persistence.redis_limits import LOSSES, RedisLimits, closed_is_lost

_log = structlog.get_logger(__name__)

SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS
_SCHEMES: Final = ("redis+cluster://", "rediss+cluster://")
# What the library raises when it knows of no master to ask.
_NO_MASTER: Final = (RedisClusterException, ClusterError)
# A slot on its way to another master is there within milliseconds; each look costs one round trip.
_MOVING_PAUSE_SECONDS: Final = 0.02
# How a script fails that looks for one of its keys in a slot that is half here, half there.
_HALF_MOVED: Final = "non local key"

NewWatch = Callable[[str, Ask], Watch]
"""Makes the watch of one master, given its name and how to ask it."""
Lost = Callable[[Iterable[int]], None]
"""Is told the slots of a master that has gone silent."""


def is_cluster(url: str) -> bool:
    """Whether the URL names a cluster."""
    return url.startswith(_SCHEMES)


def slot_of(tenant_id: TenantId) -> int:
    """The slot that all keys of the business are in."""
    return key_slot(keys.prefix(tenant_id).encode())


def node_urls(url: str) -> list[str]:
    """One for each node that `redis+cluster://user:password@host:port,host:port` names. Raises ValueError."""
    parts = urlsplit(url)
    if parts.path not in {"", "/", "/0"}:
        message = "a cluster has only database 0"
        raise ValueError(message)
    credentials, at, hosts = parts.netloc.rpartition("@")
    scheme = parts.scheme.removesuffix("+cluster")
    nodes = [parts._replace(scheme=scheme, netloc=f"{credentials}{at}{host}", path="") for host in hosts.split(",")]
    # Reading the port checks it.
    if not all(node.hostname and node.port != 0 for node in nodes):
        message = "must name each node as host:port, with commas in between"
        raise ValueError(message)
    return [node.geturl() for node in nodes]


@dataclass(slots=True, kw_only=True)
class _Master:
    """What belongs to a node that was asked."""

    turns: asyncio.Semaphore
    """One for each connection."""
    used: int = 0
    """Turns that are taken."""
    watch: Watch | None = None
    end: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Of the watch, and of the connection it asks on."""

    def release(self) -> None:
        """Give a turn back."""
        self.used -= 1
        self.turns.release()


class ClusterRedis(RedisCluster):
    """Finds the master of a key, asks it once, and follows the key when it was moved.

    The library, left to itself, asks again after a time-out whatever the command may have done; closes the connections
    of all masters when one fails; refuses at once who finds no free connection; and says ASKING on one connection and
    the command on another. So how one master is asked is written here (`_execute_command`), and the rest is the
    library's: who has which slot, and which commands go to all.
    """

    def __init__(
        self, url: str, limits: RedisLimits, *, new_watch: NewWatch | None = None, lost: Lost = lambda _: None
    ) -> None:
        """`url` names some of the nodes. With `new_watch`, nobody waits for a master that has gone silent."""
        nodes: list[dict[str, Any]] = [{**parse_url(node)} for node in node_urls(url)]
        named = {name: value for name, value in nodes[0].items() if name not in {"host", "port", "connection_class"}}
        options: dict[str, Any] = {
            "socket_connect_timeout": limits.connect_seconds,
            "socket_timeout": limits.command_seconds,
            # Twice what is asked at once: connections that are being closed count as well.
            "max_connections": 2 * limits.pool_size,
            **named,
            "ssl": nodes[0].get("connection_class") is SSLConnection,
            "protocol": 2,
        }
        super().__init__(
            startup_nodes=[ClusterNode(node["host"], node.get("port", 6379)) for node in nodes],
            retry=Retry(NoBackoff(), 0),
            # It would close the connections that others are using.
            reinitialize_steps=0,
            **options,
        )
        self._limits = limits
        self._new_watch = new_watch
        self._lost = lost
        self.watches: dict[str, Watch] = {}
        """Of each master that was asked, by the name of the watch."""
        self._masters: dict[str, _Master] = {}
        self._finding = asyncio.Lock()
        self._found_none_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def as_redis(self) -> Redis:
        """Itself: it has the commands of a single Redis, without being one."""
        return cast("Redis", self)

    async def ping(self, **_: Any) -> bool:  # noqa: ANN401 - the library's
        """Whether any master answers; raises what one of them raised if none does."""
        await self._find()
        nodes = self.get_primaries()
        answers = await asyncio.gather(*(self._execute_command(node, "PING") for node in nodes), return_exceptions=True)
        if any(answer is True for answer in answers):
            return True
        raise next(answer for answer in answers if isinstance(answer, BaseException))

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        """Send a command to the master of its key, or to all masters."""
        await self._find()
        try:
            return await super().execute_command(*arguments, **options)
        except ClusterDownError:
            self._look_soon()
            raise
        except _NO_MASTER as error:
            self._look_soon()
            raise ConnectionError(str(error)) from error

    @property
    def connections_in_use(self) -> int:
        """To all masters together."""
        return sum(master.used for master in self._masters.values())

    @property
    def pool_size(self) -> int:
        """To all masters that were asked, together."""
        return self._limits.pool_size * len(self._masters)

    async def aclose(self) -> None:
        """Close all connections, and end the watches."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        for name in list(self._masters):
            await self._forget(name)
        await super().aclose()

    async def _find(self) -> None:
        """Ask the named nodes which masters there are, unless that is known."""
        if not self._initialize:
            return
        async with self._finding:
            # Whoever has waited while another one asked in vain does not ask once more; after success nobody asks.
            if time.monotonic() - self._found_none_at < self._limits.connect_seconds:
                raise ConnectionError("no node of the cluster answers")
            try:
                async with asyncio.timeout(self._limits.connect_seconds + self._limits.command_seconds):
                    await self.initialize()
            except (*LOSSES, RedisError, RedisClusterException) as error:
                self._found_none_at = time.monotonic()
                raise ConnectionError(f"no node of the cluster answers: {error}") from error

    async def _execute_command(self, target_node: ClusterNode, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Ask one master; again only after it has answered that it is not, or not now, the one to ask."""
        give_up_at = time.monotonic() + self._limits.command_seconds
        while True:
            try:
                async with self._asking(target_node):
                    return await _ask(target_node, *arguments, **options)
            except MovedError as moved:
                await self.nodes_manager.move_slot(moved)
                target_node = self.nodes_manager.get_node_from_slot(moved.slot_id)
            except (AskError, TryAgainError):
                # The slot is on its way, and some of its keys are here, some there. A script takes what it does not
                # find for absent, so it is not sent after the first key, but waits until the last has arrived.
                await asyncio.sleep(_MOVING_PAUSE_SECONDS)
            except ResponseError as error:
                if _HALF_MOVED not in str(error):
                    raise
                await asyncio.sleep(_MOVING_PAUSE_SECONDS)
            except LOSSES:
                self._look_soon(target_node.name)
                raise
            if time.monotonic() > give_up_at:
                raise ConnectionError("the slot is being moved to another master")

    @asynccontextmanager
    async def _asking(self, node: ClusterNode) -> AsyncIterator[None]:
        """The block asks this master, is watched, and has a connection."""
        master = self._masters.get(node.name) or await self._meet(node)
        async with AsyncExitStack() as stack:
            if master.watch is not None:
                await stack.enter_async_context(master.watch.asking())
            try:
                async with asyncio.timeout(self._limits.pool_wait_seconds):
                    await master.turns.acquire()
            except TimeoutError:
                raise ConnectionError("no connection is free") from None
            stack.callback(master.release)
            master.used += 1
            yield

    async def _meet(self, node: ClusterNode) -> _Master:
        """Begin to watch a master that was not asked before, on a connection of its own."""
        master = self._masters[node.name] = _Master(turns=asyncio.Semaphore(self._limits.pool_size))
        if self._new_watch is None:
            return master
        asker = ClusterNode(node.host, node.port, **{**self.connection_kwargs, "max_connections": 2})
        master.end.push_async_callback(asker.disconnect)

        async def ask() -> None:
            answered = False
            try:
                await _ask(asker, "PING")
                answered = True
            finally:
                if not answered:
                    self._look_soon(node.name)

        master.watch = self.watches[f"redis {node.name}"] = self._new_watch(f"redis {node.name}", ask)
        master.watch.when_opened(lambda: self._lost(self._slots_of(node.name)))
        # A connection on which nothing was heard for so long may be dead without knowing.
        master.watch.before_closed(node.disconnect_free_connections)
        await master.end.enter_async_context(master.watch.running())
        return master

    async def _forget(self, name: str) -> None:
        """Watch a node no longer."""
        self.watches.pop(f"redis {name}", None)
        await self._masters.pop(name).end.aclose()

    def _slots_of(self, name: str) -> list[int]:
        return [slot for slot, nodes in self.nodes_manager.slots_cache.items() if nodes[0].name == name]

    def _look_soon(self, silent: str = "") -> None:
        """Find out whether another master has taken over. Nobody waits for it, and one at a time is enough."""
        if not self._initialize and not self._closed and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look(silent), name="look for masters")

    async def _look(self, silent: str) -> None:
        """Ask one node after the other which masters there are, the silent one last, until one has answered."""
        for node in sorted(self.get_nodes(), key=lambda node: node.name == silent):
            with suppress(*LOSSES, RedisError, RedisClusterException):
                if not self._has_changed(await _ask(node, "CLUSTER SLOTS"), node):
                    return
                before = {name: self._slots_of(name) for name in self._masters}
                # Connections that are in use stay open until they are not.
                await self.nodes_manager.initialize(last_failed_node_name=silent or None)
                break
        else:
            return
        masters = {node.name for node in self.get_primaries()}
        _log.info("redis.masters_changed", masters=sorted(masters))
        for name in self._masters.keys() - masters:
            # Whoever took over may lack what the other one had, whether or not a watch saw that one fall silent.
            self._lost(before.get(name, []))
            await self._forget(name)

    def _has_changed(self, ranges: list[Any], told_by: ClusterNode) -> bool:
        """Whether any range of slots, as a node tells it, has another master than we know of."""
        known = self.nodes_manager.slots_cache
        for first, last, (host, port, *_), *_ in ranges:
            name = get_node_name(host.decode() or told_by.host, port)
            if any(slot not in known or known[slot][0].name != name for slot in range(first, last + 1)):
                return True
        return False


async def _ask(node: ClusterNode, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
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
        with closed_is_lost():
            await connection.send_packed_command(connection.pack_command(*arguments))
        return await node.parse_response(connection, arguments[0], **options)
    finally:
        node.release(connection)
