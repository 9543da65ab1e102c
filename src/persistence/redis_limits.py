"""Limits of every client of Redis, with the errors that mean no answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import redis.exceptions

# How uvloop's error ends; see closed_as_connection_error.
_CLOSED: Final = "the handler is closed"
LOSSES: Final = (OSError, TimeoutError, redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisLimits:
    """Number of connections, to each master of a cluster, and time limits of everything they do."""

    pool_size: int = 64
    pool_wait_seconds: float = 0.5
    connect_seconds: float = 0.5
    command_seconds: float = 0.5


@contextmanager
def closed_as_connection_error() -> Iterator[None]:
    """Raise the library's ConnectionError where a connection ended between being chosen and being written to.

    uvloop says so with a RuntimeError, which the library does not know; it has given the connection up by then.
    """
    try:
        yield
    except RuntimeError as error:
        raise_if_closed(error)
        raise


def raise_if_closed(error: RuntimeError) -> None:
    """Raise the library's ConnectionError if the error is uvloop's for a connection that has ended."""
    if _CLOSED in str(error):
        message = "the connection ended before the command was sent"
        raise redis.exceptions.ConnectionError(message) from error
