"""Translation of the errors of both stores' drivers into those of the engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
import redis.exceptions
import sqlalchemy.exc

from kernel.errors import StoreUnavailable


class RedisUnavailable(Exception):
    """Redis did not answer in time, or not at all. Whether a command ran is unknown; every script may be repeated."""


# Conditions of the server, not of the statement: it is gone, going, full, or too busy within the time limits.
_UNAVAILABLE_STATES = ("08", "40", "53", "57P", "57014", "55P03", "25P03", "25006")

# What Postgres says to a login that it refuses: password or account, no such database, no right to it or to the role
# that is to be taken, no such role.
_ACCOUNT, _DATABASE, _RIGHT, _ROLE = "28", "3D", "42501", "22023"
LOGIN_STATES: Final = (_ACCOUNT, _DATABASE, _RIGHT, _ROLE)
"""Beginnings of the SQLSTATEs of a refused login."""


class LoginFailed(Exception):
    """Postgres answers, but lets nobody in with this URL; its `sqlstate` says why."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"SQLSTATE {sqlstate}")
        self.sqlstate = sqlstate


@contextmanager
def login_errors() -> Iterator[None]:
    """Raise LoginFailed where the block, which connects, was refused."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if (error.sqlstate or "").startswith(LOGIN_STATES):
            raise LoginFailed(error.sqlstate or "") from error
        raise


# Of these, conditions that other transactions cause: a deadlock, a statement or a lock that waited too long.
_CONTENDED_STATES = ("40", "57014", "55P03")


def _sqlstate(error: BaseException | None) -> str | None:
    """The SQLSTATE of the driver's error under SQLAlchemy's wrapping."""
    seen = 0
    while error is not None and seen < 4:  # noqa: PLR2004 - the wrapping is three deep
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str):
            return state
        error, seen = error.__cause__, seen + 1
    return None


@contextmanager
def postgres_errors() -> Iterator[None]:
    """Raise StoreUnavailable where the block failed because Postgres is not to be reached or out of time.

    Errors of the statement itself pass through: they are bugs.
    """
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        state = _sqlstate(error.orig)
        if error.connection_invalidated or state is None or state.startswith(_UNAVAILABLE_STATES):
            raise _unavailable() from error
        raise
    except (sqlalchemy.exc.TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError) as error:
        raise _unavailable() from error
    except (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
        raise _unavailable() from error
    except (LoginFailed, OSError, TimeoutError) as error:
        raise _unavailable() from error


def cause_of(error: StoreUnavailable) -> str:
    """The reason that Postgres is unavailable, as a sentence without names: strangers may read it."""
    match (_sqlstate(error.__cause__) or "")[:5]:
        case state if state.startswith(_ACCOUNT):
            return "Postgres refuses the login: the password is wrong, or the user may not log in."
        case state if state.startswith(_DATABASE):
            return "Postgres has no database of that name."
        case state if state == _RIGHT:
            return "Postgres refuses the login: the user may not use the database, or the role holdfast_app."
        case state if state == _ROLE:
            return "Postgres has no role holdfast_app: run holdfast migrate."
        case state if state:
            return f"Postgres is not able to answer (SQLSTATE {state})."
        case _:
            return "Postgres does not answer."


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable(
        "The database does not answer. Repeat the request in a moment, with the same Idempotency-Key."
    )


def is_contended(error: StoreUnavailable) -> bool:
    """True if another transaction's lock took too long, not Postgres itself."""
    state = _sqlstate(error.__cause__)
    return state is not None and state.startswith(_CONTENDED_STATES)


# Conditions of the server, not of the command, that the client has no class for: a script that runs for long, and disks
# that take no writes, or too few replicas to take any.
_UNAVAILABLE_REPLIES = ("BUSY ", "MISCONF ", "NOREPLICAS ")


_LOST: Final = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.MasterDownError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ExecAbortError,
    redis.exceptions.ClusterDownError,
    OSError,
    TimeoutError,
)


# Of these, the answers of a Redis that is there, but keeps nothing new: its memory or disk is full, it is a replica.
_WRITE_REFUSALS: Final = (redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError)
_WRITE_REFUSAL_REPLIES: Final = ("MISCONF ", "NOREPLICAS ")


def refuses_writes(error: Exception) -> bool:
    """True if the error is the answer of a Redis that takes no writes, whatever they are."""
    if isinstance(error, _WRITE_REFUSALS):
        return True
    return isinstance(error, redis.exceptions.ResponseError) and str(error).startswith(_WRITE_REFUSAL_REPLIES)


class redis_errors:  # noqa: N801 - it is called as the function above is; a generator would cost each script more
    """Raise RedisUnavailable where the block failed because Redis is not to be reached, loading or out of time."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Translate the error of the block."""
        if isinstance(error, Exception):
            raise_if_unavailable(error)


def raise_if_unavailable(error: Exception) -> None:
    """Raise RedisUnavailable if the error means that Redis is not to be reached, loading or out of time."""
    busy = isinstance(error, redis.exceptions.ResponseError) and str(error).startswith(_UNAVAILABLE_REPLIES)
    if busy or isinstance(error, _LOST):
        raise RedisUnavailable(str(error)) from error
