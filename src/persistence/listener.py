"""Session of Postgres that waits for notifications and holds the lock of an election."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import asyncpg

from persistence.election import ELECTION_LOCK
from persistence.engine import PostgresLimits
from persistence.errors import login_errors, postgres_errors

CHANNEL: Final = "holdfast_invalidation"
# Within about eleven seconds the server notices that an elected process was cut off, and another can be elected.
_KEEPALIVE: Final = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}


class Listener:
    """A session that stays elected while it lives, and is woken by notifications.

    It must talk to Postgres itself: neither a session lock nor LISTEN survives a pooler in transaction mode.
    """

    def __init__(self, url: str, limits: PostgresLimits) -> None:
        self._url = url
        self._limits = limits
        self._woken = asyncio.Event()
        self._connection: asyncpg.Connection[Any] | None = None

    async def __aenter__(self) -> Self:
        """Connect. Raises StoreUnavailable."""
        with postgres_errors(), login_errors():
            self._connection = await asyncpg.connect(
                self._url,
                timeout=self._limits.connect_seconds,
                command_timeout=self._limits.statement_ms / 1000,
                server_settings={"application_name": "holdfast listener", "role": "holdfast_app", **_KEEPALIVE},
            )
        self._connection.add_termination_listener(lambda _: self._woken.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect, so that another process may be elected."""
        assert self._connection is not None
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self._connection.close(timeout=self._limits.connect_seconds)

    async def is_elected(self) -> bool:
        """Become elected if no process is; True if this one is. Raises StoreUnavailable when the connection is lost."""
        assert self._connection is not None
        with postgres_errors():
            return bool(await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", ELECTION_LOCK))

    async def listen(self) -> None:
        """Receive notifications from now on. Raises StoreUnavailable."""
        assert self._connection is not None
        with postgres_errors():
            await self._connection.add_listener(CHANNEL, lambda *_: self._woken.set())

    async def check(self) -> None:
        """Raise StoreUnavailable when the connection is lost, and the election with it."""
        assert self._connection is not None
        with postgres_errors():
            await self._connection.execute("SELECT 1")

    async def woken(self, at_the_latest_seconds: float) -> bool:
        """Wait for a notification, at most that long; True if there was one."""
        try:
            async with asyncio.timeout(at_the_latest_seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True
