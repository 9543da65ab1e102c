"""Faults of the database of the settings, found by logging in to it once."""

import socket
import ssl
from contextlib import suppress
from typing import Any, Final

import asyncpg

from persistence.errors import LOGIN_STATES
from persistence.postgres_url import host_of, user_of

OLDEST_VERSION: Final = 15
"""Migrations and statements need what came with this version of Postgres."""
# A database that is farther away than this is of no use to the engine.
_LOGIN_SECONDS: Final = 5.0
# What a server says that is starting, ending or full: nothing is wrong with the settings.
_BUSY: Final = (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)


class PostgresFault(Exception):
    """The database cannot be used; its text is one line with host, user and cause, and no password."""

    def __init__(self, line: str, *, is_answer: bool) -> None:
        super().__init__(line)
        self.is_answer = is_answer
        """Postgres itself said so: waiting helps nothing. Otherwise it may not be up yet."""


async def check_postgres(url: str) -> None:
    """Log in to the database once. Raises PostgresFault, within about five seconds.

    A database that is starting, or has no connection left, is not at fault.
    """
    try:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            url, timeout=_LOGIN_SECONDS, server_settings={"application_name": "holdfast check"}
        )
    except _BUSY:
        return
    except asyncpg.PostgresError as error:
        is_answer = (error.sqlstate or "").startswith(LOGIN_STATES)
        raise _fault(url, f"refuses the user {user_of(url)}", _first_line(error), is_answer=is_answer) from None
    except (OSError, TimeoutError) as error:
        raise _fault(url, f"cannot be reached for the user {user_of(url)}", _cause(error), is_answer=False) from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError) as error:
        raise _fault(url, f"cannot be asked for the user {user_of(url)}", _first_line(error), is_answer=True) from None
    version = connection.get_server_version()
    # Whether it takes leave is of no interest.
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.close(timeout=_LOGIN_SECONDS)
    if version.major < OLDEST_VERSION:
        found = f"is version {version.major} for the user {user_of(url)}"
        raise _fault(url, found, f"Holdfast needs {OLDEST_VERSION} or later", is_answer=True)


def _fault(url: str, finding: str, cause: str, *, is_answer: bool) -> PostgresFault:
    return PostgresFault(f"Postgres at {host_of(url)} {finding}: {cause}", is_answer=is_answer)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _cause(error: OSError) -> str:
    """Words for an error of the network; the system's own name addresses that the URL does not."""
    match error:
        case TimeoutError():
            return f"no answer within {_LOGIN_SECONDS:.0f} seconds"
        case socket.gaierror():
            return "the name of the host is not known"
        case ssl.SSLError():
            return f"TLS failed: {error.reason}"
        case ConnectionRefusedError():
            return "nothing accepts connections there"
        case _ if "Connect call failed" in str(error):
            return "nothing accepts connections there"
        case _:
            return error.strerror or _first_line(error)
