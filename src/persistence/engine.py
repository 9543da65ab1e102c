"""Connections to Postgres."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from persistence.schema import driver_url


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresLimits:
    """How many connections, and how long anything may take."""

    pool_size: int = 20
    pool_wait_seconds: float = 5.0
    connect_seconds: float = 1.0
    statement_ms: int = 2000
    lock_ms: int = 1500
    idle_in_transaction_ms: int = 5000


def create_engine(url: str, limits: PostgresLimits, *, role: str | None = "holdfast_app") -> AsyncEngine:
    """A pool of connections that work as `role` (migration 0002), whoever they log in as.

    Nothing is connected yet. The caller disposes of it.
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
    return create_async_engine(
        driver_url(url),
        pool_size=limits.pool_size,
        max_overflow=0,
        pool_timeout=limits.pool_wait_seconds,
        # Last in, first out: a pool that is larger than the load keeps few connections warm.
        pool_use_lifo=True,
        # An error must not carry what visitors typed into the log.
        hide_parameters=True,
        connect_args={"timeout": limits.connect_seconds, "server_settings": settings},
    )
