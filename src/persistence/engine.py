"""Connection pool of Postgres."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from weakref import WeakSet

import asyncpg
import orjson
import structlog
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from persistence.business_keys import OPTION, BusinessKeys
from persistence.errors import LoginFailed, login_errors
from persistence.liveness import LivenessLimits, LivenessWatch
from persistence.postgres_url import host_of, user_of
from persistence.schema import DRIVER
from persistence.sealing import MasterKeys

_log = structlog.get_logger(__name__)

# How much later than the server's own time limit ours ends a statement: it ends those whose connection alone is dead.
_STATEMENT_MARGIN_SECONDS: Final = 0.5
_LOSSES: Final = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresLimits:
    """Number of connections, and time limits of everything they do."""

    pool_size: int = 20
    pool_wait_seconds: float = 5.0
    connect_seconds: float = 1.0
    statement_ms: int = 2000
    lock_ms: int = 1500
    idle_in_transaction_ms: int = 5000


def create_engine(
    url: str,
    limits: PostgresLimits,
    *,
    role: str | None = "holdfast_app",
    watch: LivenessWatch | None = None,
    master_keys: MasterKeys | None = None,
) -> AsyncEngine:
    """A pool of connections that work as `role` (migration 0002), whichever account they log in with.

    With `master_keys`, personal data is sealed (persistence.business_keys). With a `watch`, every wait for the pool or
    for an answer ends as soon as Postgres has gone silent. Nothing is connected yet. The caller disposes of the pool.
    """
    settings = {
        "application_name": "holdfast",
        "timezone": "UTC",
        "statement_timeout": str(limits.statement_ms),
        "lock_timeout": str(limits.lock_ms),
        "idle_in_transaction_session_timeout": str(limits.idle_in_transaction_ms),
        # Compiling a plan costs more than any query of the engine.
        "jit": "off",
    }
    if role is not None:
        settings["role"] = role
    connections = _Connections(
        watch,
        url,
        partial(
            asyncpg.connect,
            url,
            timeout=limits.connect_seconds,
            command_timeout=limits.statement_ms / 1000 + _STATEMENT_MARGIN_SECONDS,
            server_settings=settings,
        ),
    )
    engine = create_async_engine(
        DRIVER,
        async_creator=connections.connect,
        pool_size=limits.pool_size,
        max_overflow=0,
        pool_timeout=limits.pool_wait_seconds,
        # Last in, first out: a pool that is larger than the load keeps few connections warm.
        pool_use_lifo=True,
        # An error must not carry what visitors typed into the log.
        hide_parameters=True,
        execution_options={} if master_keys is None else {OPTION: BusinessKeys(master_keys)},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    for name in ("checkout", "checkin", "invalidate"):
        event.listen(engine.sync_engine, name, getattr(connections, name))
    return engine


def checked_out(engine: AsyncEngine) -> int:
    """The number of connections of the pool that are in use."""
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def new_postgres_watch(url: str, limits: LivenessLimits) -> LivenessWatch:
    """A watch that probes Postgres on a connection of its own, which it keeps: a probe is one round trip then."""
    connection: asyncpg.Connection[Any] | None = None

    async def probe() -> None:
        nonlocal connection
        try:
            if connection is not None:
                try:
                    await connection.execute("SELECT 1")
                except Exception:  # noqa: BLE001 - the driver says in many ways that its connection has ended
                    # It may have been cut while Postgres lives: a fresh one tells.
                    close_probe()
                else:
                    return
            with login_errors():
                connection = await asyncpg.connect(url, server_settings={"application_name": "holdfast watch"})
            await connection.execute("SELECT 1")
        except (asyncpg.TooManyConnectionsError, LoginFailed):
            # Postgres answers: a connection will become free, or those that were let in before go on to work.
            return
        except BaseException:
            close_probe()
            raise

    def close_probe() -> None:
        nonlocal connection
        if connection is not None:
            connection.terminate()
            connection = None

    return LivenessWatch("postgres", limits, probe, close_probe=close_probe, losses=_LOSSES)


class _Connections:
    """Link between pool and watch: the watch learns of waiting requests, the pool of dead connections."""

    def __init__(
        self, watch: LivenessWatch | None, url: str, connect: "Callable[[], Awaitable[asyncpg.Connection[Any]]]"
    ) -> None:
        self._watch = watch
        self._url = url
        self._refused_state: str | None = None
        self._connect = connect
        self._open: WeakSet[asyncpg.Connection[Any]] = WeakSet()
        if watch is not None:
            watch.on_lost(self._cut)

    async def connect(self) -> "asyncpg.Connection[Any]":
        """Open a connection; fails while Postgres is silent, so that all waits for the pool end at once.

        Raises LoginFailed where it answers, and refuses the login.
        """
        try:
            async with self._watch.request() if self._watch is not None else nullcontext():
                with login_errors():
                    connection: asyncpg.Connection[Any] = await self._connect()
        except LoginFailed as error:
            self._note_login(error.sqlstate)
            raise
        self._note_login(None)
        self._open.add(connection)
        return connection

    def _note_login(self, refused_state: str | None) -> None:
        """Log a refused login once, and once that logins succeed again."""
        if refused_state == self._refused_state:
            return
        self._refused_state = refused_state
        names = {"host": host_of(self._url), "user": user_of(self._url)}
        if refused_state is None:
            _log.info("postgres.login_accepted", **names)
        else:
            _log.warning("postgres.login_refused", **names, sqlstate=refused_state)

    def checkout(self, connection: Any, record: object, _proxy: object) -> None:  # noqa: ANN401 - SQLAlchemy's
        """Register the request that gets the connection. A dead connection is thrown away with all that died since."""
        if self._watch is not None:
            self._watch.start_wait(record)
        if connection.driver_connection.is_closed():
            if self._watch is not None:
                self._watch.end_wait(record, answered=False)
            raise InvalidatePoolError

    def checkin(self, connection: object | None, record: object) -> None:
        """Remove the request, after a commit or rollback; `connection` is None if it was lost."""
        if self._watch is not None:
            self._watch.end_wait(record, answered=connection is not None)

    def invalidate(self, _connection: object, _record: object, error: BaseException | None) -> None:
        """Have Postgres probed, because a connection was lost."""
        if self._watch is not None and error is not None:
            self._watch.probe_soon()

    def _cut(self) -> None:
        """End every connection at once: each wait on one fails, and none is closed politely."""
        for connection in list(self._open):
            connection.terminate()
