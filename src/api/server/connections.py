"""Connections of a server process: how many there may be, and how long each may wait for its client."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Protocol

Queue = OrderedDict["Connection", float]
"""Connections that wait for the same, the longest first, each with the time since when."""

_SWEEP_SECONDS: Final = 0.25
"""Precision of all time limits."""
_PAUSE_SECONDS: Final = 0.005
"""Time for requests between two sweeps where one is not enough."""
_ENDED_AT_ONCE: Final = 64
"""Connections that one sweep ends: about 5 ms, since some get an answer."""
_NEW_SECONDS: Final = 1.0
"""A younger connection may have a request on its way."""
_RATE_AFTER_SECONDS: Final = 5.0
"""Before this, the rate of a body says more about the network's start than about the client."""
LINGER_SECONDS: Final = 2.0
"""Time for a client that still sends to read its refusal: a connection closed at once would be reset under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of the connections of one process."""

    connections: int
    """Open at once. Beyond it the one that has waited longest is closed in favour of the new one."""
    requests: int
    """Requests served at once; so many connections may be amid a header, amid a body, or leave answers unread."""
    first_byte_seconds: float
    """Limit of the wait for the first byte of a new connection."""
    header_seconds: float
    """From the first byte of a request to the end of its header."""
    body_seconds: float
    """From the end of the header to the end of the body."""
    body_bytes_per_second: int
    """The slowest body."""
    keep_alive_seconds: float
    """Between two requests."""
    unread_seconds: float
    """Until a client takes an answer that is ready."""


class Connection(Protocol):
    """A connection as this module sees it."""

    queue: Queue | None
    body_bytes: int
    """Received of the body that is being read."""

    def abort(self) -> None:
        """Close at once."""

    def refuse_slow(self, detail: str) -> None:
        """Answer that the request came too slowly, and close."""


class Connections:
    """All connections of a process, in queues by what they wait for.

    Each queue has one time limit, so its first connection is the first to reach it: a sweep looks at no others, and
    no connection has a timer.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.silent: Queue = OrderedDict()
        """Without a byte so far."""
        self.headers: Queue = OrderedDict()
        """Amid the header of a request."""
        self.bodies: Queue = OrderedDict()
        """Amid the body of a request."""
        self.idle: Queue = OrderedDict()
        """Between two requests."""
        self.unread: Queue = OrderedDict()
        """With an answer that the client does not take."""
        self.closing: Queue = OrderedDict()
        """Refused, while the client may still be sending."""
        self._open: set[Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Number of open connections."""
        return len(self._open)

    def admit(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Take in a new connection; close another one where there are too many."""
        self._loop = loop
        if len(self._open) >= self.limits.connections:
            self._end_longest_waiting()
        self._open.add(connection)
        self.move(connection, self.silent)
        if self._timer is None:
            self._timer = loop.call_later(_SWEEP_SECONDS, self.sweep)

    def discard(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        self.move(connection, None)

    def move(self, connection: Connection, queue: Queue | None) -> None:
        """Let the connection wait in that queue from now on; None: it waits for us."""
        if connection.queue is not None:
            del connection.queue[connection]
        connection.queue = queue
        if queue is not None:
            assert self._loop is not None
            queue[connection] = self._loop.time()

    def bound(self, queue: Queue) -> None:
        """End the slowest of a queue whose connections hold memory, where these are too many."""
        if len(queue) <= self.limits.requests or queue is self.silent or queue is self.closing:
            return
        slowest = next(iter(queue))
        if queue is self.unread:
            self._abort(slowest)
        else:
            slowest.refuse_slow("Too many requests are incomplete, and this one has been so for longest.")

    def sweep(self) -> None:
        """End what has reached its time limit, a bounded number at once."""
        assert self._loop is not None
        if not self._open:
            self._timer = None
            return
        limits, now = self.limits, self._loop.time()
        left = _ENDED_AT_ONCE
        for queue, seconds in (
            (self.silent, limits.first_byte_seconds),
            (self.idle, limits.keep_alive_seconds),
            (self.unread, limits.unread_seconds),
            (self.closing, LINGER_SECONDS),
        ):
            for connection in _overdue(queue, now - seconds, left):
                self._abort(connection)
                left -= 1
        for connection in _overdue(self.headers, now - limits.header_seconds, left):
            connection.refuse_slow(f"The header was not complete after {limits.header_seconds:g} seconds.")
            left -= 1
        for connection in self._slow_bodies(now)[:left]:
            connection.refuse_slow(
                f"The body was not complete after {limits.body_seconds:g} seconds, "
                f"or came with less than {limits.body_bytes_per_second} bytes per second."
            )
            left -= 1
        self._timer = self._loop.call_later(_SWEEP_SECONDS if left else _PAUSE_SECONDS, self.sweep)

    def _slow_bodies(self, now: float) -> list[Connection]:
        slow = []
        for connection, since in self.bodies.items():
            seconds = now - since
            if seconds < _RATE_AFTER_SECONDS and seconds < self.limits.body_seconds:
                break
            if seconds >= self.limits.body_seconds or (
                connection.body_bytes < self.limits.body_bytes_per_second * seconds
            ):
                slow.append(connection)
        return slow

    def _end_longest_waiting(self) -> None:
        """Close a connection that was refused or, failing that, has brought no request, the longest waiting first.

        Those of a burst have brought none either, yet, so idle ones go before them.
        """
        assert self._loop is not None
        now = self._loop.time()
        for queue in (self.closing, self.silent, self.headers, self.idle):
            if queue:
                connection, since = next(iter(queue.items()))
                if queue is self.closing or queue is self.idle or now - since >= _NEW_SECONDS:
                    self._abort(connection)
                    return
        for queue in (self.silent, self.headers, self.unread, self.bodies):
            if queue:
                self._abort(next(iter(queue)))
                return

    def _abort(self, connection: Connection) -> None:
        self.discard(connection)
        connection.abort()


def _overdue(queue: Queue, since: float, most: int) -> list[Connection]:
    """The first of a queue that have been in it since then or longer."""
    overdue: list[Connection] = []
    for connection, entered in queue.items():
        if entered > since or len(overdue) >= most:
            break
        overdue.append(connection)
    return overdue
