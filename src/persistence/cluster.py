"""Client of Redis Cluster that repeats nothing by itself, with a liveness watch for each master."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, cast
from urllib.parse import urlsplit

import structlog
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ClusterError,
    ConnectionError,  # noqa: A004 - the library's own
    MovedError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

from kernel.ids import TenantId
from persistence import keys, lua
from persistence.liveness import LivenessWatch, Probe
from persistence.redis_internals import ClusterClient, ask_node, close_idle_connections, slot_of_key
from persistence.redis_limits import LOSSES, RedisLimits
from persistence.redis_memory import RedisMemory

_log = structlog.get_logger(__name__)

_SCHEMES: Final = ("redis+cluster://", "rediss+cluster://")
# The library raises these when it knows of no master to ask.
_NO_MASTER: Final = (RedisClusterException, ClusterError)
# A slot on its way to another master is there within milliseconds; each look costs one round trip.
_MOVING_PAUSE_SECONDS: Final = 0.02
# The error of a script that looks for one of its keys in a slot that is half here, half there.
_HALF_MOVED: Final = "non local key"
PROBE_MS: Final = 10_000
"""Life of the key by which a Redis is found to take writes."""

NewWatch = Callable[[str, Probe], LivenessWatch]
"""Makes the watch of one master, given its name and how to ask it."""
Lost = Callable[[Iterable[int]], None]
"""Receives the slots of a master that has gone silent."""


def needs_room(command: Sequence[Any]) -> bool:
    """True if a command is of no use to a Redis that takes no writes: a script that is not in lua.WITHOUT_MEMORY."""
    return command[0] == "EVALSHA" and command[1] not in lua.digests_without_memory()


def is_cluster(url: str) -> bool:
    """True if the URL names a cluster."""
    return url.startswith(_SCHEMES)


def slot_of(tenant_id: TenantId) -> int:
    """The slot that all keys of the business are in."""
    return slot_of_key(keys.prefix(tenant_id))


def node_urls(url: str) -> list[str]:
    """A URL for each node that `redis+cluster://user:password@host:port,host:port` names. Raises ValueError."""
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
    """State of a node that was asked."""

    permits: asyncio.Semaphore
    """A permit for each connection."""
    used: int = 0
    """Permits that are taken."""
    watch: LivenessWatch | None = None
    probe_key: str | None = None
    """A key in one of its slots; None: to be found."""
    end: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Closes the watch, and the connection it probes on."""

    def release(self) -> None:
        """Give a permit back."""
        self.used -= 1
        self.permits.release()


class ClusterRedis(ClusterClient):
    """Client that finds the master of a key, asks it once, and follows the key when it was moved.

    The library, left to itself, asks again after a time-out whatever the command may have done; closes the connections
    of all masters when one fails; fails at once where no connection is free; and sends ASKING on one connection and
    the command on another. So how one master is asked is written here (`ask_master`), and the rest is the
    library's: which master has which slot, and which commands go to all.
    """

    def __init__(
        self,
        url: str,
        limits: RedisLimits,
        *,
        new_watch: NewWatch | None = None,
        lost: Lost = lambda _: None,
        memory: RedisMemory | None = None,
    ) -> None:
        """`url` names some of the nodes. With `new_watch`, no request waits for a master that has gone silent."""
        options = {
            "socket_connect_timeout": limits.connect_seconds,
            "socket_timeout": limits.command_seconds,
            # Twice what is asked at once: connections that are being closed count as well.
            "max_connections": 2 * limits.pool_size,
        }
        super().__init__(node_urls(url), options)
        self._limits = limits
        self._new_watch = new_watch
        self._lost = lost
        self._memory = memory or RedisMemory()
        self.watches: dict[str, LivenessWatch] = {}
        """The watch of each master that was asked, by its name."""
        self._masters: dict[str, _Master] = {}
        self._learn_lock = asyncio.Lock()
        self._learn_failed_at = float("-inf")
        self._refresh: asyncio.Task[None] | None = None
        self._closed = False

    def as_redis(self) -> Redis:
        """Return itself: it has the commands of a single Redis, without being one."""
        return cast("Redis", self)

    async def ping(self, **_: Any) -> bool:  # noqa: ANN401 - the library's
        """Return True if any master answers; raises the error of one of them if none does."""
        await self._learn_masters()
        nodes = self.get_primaries()
        answers = await asyncio.gather(*(self.ask_master(node, "PING") for node in nodes), return_exceptions=True)
        if any(answer is True for answer in answers):
            return True
        raise next(answer for answer in answers if isinstance(answer, BaseException))

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        """Send a command to the master of its key, or to all masters."""
        await self._learn_masters()
        try:
            return await super().execute_command(*arguments, **options)
        except ClusterDownError:
            self._refresh_soon()
            raise
        except _NO_MASTER as error:
            self._refresh_soon()
            raise ConnectionError(str(error)) from error

    @property
    def connections_in_use(self) -> int:
        """The number of connections in use, to all masters together."""
        return sum(master.used for master in self._masters.values())

    @property
    def pool_size(self) -> int:
        """The number of connections there may be, to all masters that were asked."""
        return self._limits.pool_size * len(self._masters)

    async def aclose(self) -> None:
        """Close all connections, and end the watches."""
        self._closed = True
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])
        for name in list(self._masters):
            await self._unwatch_master(name)
        await super().aclose()

    async def _learn_masters(self) -> None:
        """Learn from the named nodes which masters there are, unless that is known."""
        if self.knows_masters:
            return
        async with self._learn_lock:
            # A request that has waited while another asked in vain does not ask once more; after success none asks.
            if time.monotonic() - self._learn_failed_at < self._limits.connect_seconds:
                raise ConnectionError("no node of the cluster answers")
            try:
                async with asyncio.timeout(self._limits.connect_seconds + self._limits.command_seconds):
                    await self.initialize()
            except (*LOSSES, RedisError, RedisClusterException) as error:
                self._learn_failed_at = time.monotonic()
                raise ConnectionError(f"no node of the cluster answers: {error}") from error

    async def ask_master(self, node: ClusterNode, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Ask one master; again only after it has answered that it is not, or not now, the one to ask."""
        give_up_at = time.monotonic() + self._limits.command_seconds
        while True:
            try:
                async with self._request(node, needs_room=needs_room(arguments)):
                    return await ask_node(node, *arguments, **options)
            except MovedError as moved:
                node = await self.follow(moved)
            except (AskError, TryAgainError):
                # The slot is on its way, and some of its keys are here, some there. A script takes what it does not
                # find for absent, so it is not sent after the first key, but waits until the last has arrived.
                await asyncio.sleep(_MOVING_PAUSE_SECONDS)
            except ResponseError as error:
                if _HALF_MOVED not in str(error):
                    raise
                await asyncio.sleep(_MOVING_PAUSE_SECONDS)
            except LOSSES:
                self._refresh_soon(node.name)
                raise
            if time.monotonic() > give_up_at:
                raise ConnectionError("the slot is being moved to another master")

    @asynccontextmanager
    async def _request(self, node: ClusterNode, *, needs_room: bool) -> AsyncIterator[None]:
        """Register the block as a request to this master, and reserve a connection for it."""
        master = self._masters.get(node.name) or await self._watch_master(node)
        async with AsyncExitStack() as stack:
            if master.watch is not None:
                await stack.enter_async_context(master.watch.request(needs_room=needs_room))
            try:
                async with asyncio.timeout(self._limits.pool_wait_seconds):
                    await master.permits.acquire()
            except TimeoutError:
                raise ConnectionError("no connection is free") from None
            stack.callback(master.release)
            master.used += 1
            try:
                yield
            except ResponseError as refusal:
                if master.watch is not None:
                    master.watch.note_answer(refusal)
                raise

    async def _watch_master(self, node: ClusterNode) -> _Master:
        """Begin to watch a new master, on a connection of its own."""
        master = self._masters[node.name] = _Master(permits=asyncio.Semaphore(self._limits.pool_size))
        if self._new_watch is None:
            return master
        probe_node = self.separate_node(node, connections=2)
        master.end.push_async_callback(probe_node.disconnect)

        async def probe() -> None:
            answered = False
            try:
                await self._probe_master(probe_node, node.name)
                answered = True
            finally:
                if not answered:
                    self._refresh_soon(node.name)

        master.watch = self.watches[f"redis {node.name}"] = self._new_watch(f"redis {node.name}", probe)
        master.watch.on_lost(lambda: self._lost(self.slots_of(node.name)))
        # A connection on which nothing was heard for so long may be dead without knowing.
        master.watch.before_recovery(lambda: close_idle_connections(node))
        await master.end.enter_async_context(master.watch.running())
        return master

    async def _probe_master(self, node: ClusterNode, name: str) -> None:
        """Write a key in a slot of the master, and note how much memory is left; one without slots is only asked."""
        master = self._masters[name]
        if master.probe_key is None and (slots := set(self.slots_of(name))):
            master.probe_key = next(key for key in map(keys.probe, count()) if slot_of_key(key) in slots)
        try:
            if master.probe_key is None:
                await ask_node(node, "PING")
            else:
                await ask_node(node, "SET", master.probe_key, "1", "PX", PROBE_MS)
        except (AskError, MovedError, TryAgainError):
            # It answers, and has another slot by the next time, or none.
            master.probe_key = None
        await self._memory.ask(f"redis {name}", lambda: ask_node(node, "INFO", "memory"))

    async def _unwatch_master(self, name: str) -> None:
        """Stop watching a node."""
        self._memory.by_server.pop(f"redis {name}", None)
        self.watches.pop(f"redis {name}", None)
        await self._masters.pop(name).end.aclose()

    def _refresh_soon(self, silent: str = "") -> None:
        """Look for a master that has taken over, in the background and one look at a time."""
        if self.knows_masters and not self._closed and (self._refresh is None or self._refresh.done()):
            self._refresh = asyncio.create_task(self._refresh_masters(silent), name="look for masters")

    async def _refresh_masters(self, silent: str) -> None:
        """Ask one node after the other which masters there are, the silent one last, until one has answered."""
        for node in sorted(self.get_nodes(), key=lambda node: node.name == silent):
            with suppress(*LOSSES, RedisError, RedisClusterException):
                if not self.has_changed(await ask_node(node, "CLUSTER SLOTS"), node):
                    return
                before = {name: self.slots_of(name) for name in self._masters}
                await self.reload_masters(silent=silent)
                break
        else:
            return
        masters = {node.name for node in self.get_primaries()}
        _log.info("redis.masters_changed", masters=sorted(masters))
        for name in self._masters.keys() - masters:
            # The new master may lack what the old one had, even if no watch saw that one fall silent.
            self._lost(before.get(name, []))
            await self._unwatch_master(name)
