"""An account of Postgres with a password of its own, which a test may change."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from tests.support.stores import execute

_FIRST: Final = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The account, as which the engine works."""

    user: str
    host: str
    url: str
    """With the password that is right at first."""
    server_url: str

    def set_password(self, password: str) -> None:
        """Rotate the password. Who is logged in stays so."""
        execute(self.server_url, f"ALTER ROLE \"{self.user}\" PASSWORD '{password}'")

    def end_sessions(self) -> None:
        """Cut whoever is logged in."""
        sessions = f"pg_stat_activity WHERE usename = '{self.user}'"
        execute(self.server_url, f"SELECT pg_terminate_backend(pid) FROM {sessions}")  # noqa: S608 - a name of ours

    def with_parts(self, *, password: str = _FIRST, host: str | None = None, database: str | None = None) -> str:
        """The URL with other parts."""
        netloc = f"{self.user}:{password}@{host or self.host}"
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}" if database else parts.path))


@contextmanager
def login(database_url: str) -> Iterator[Login]:
    """A new account with the password `first`, which may do what a server may."""
    user, parts = f"holdfast_test_{uuid4().hex[:12]}", urlsplit(database_url)
    host = parts.netloc.rpartition("@")[2]
    execute(database_url, f"CREATE ROLE \"{user}\" LOGIN PASSWORD 'first' IN ROLE holdfast_app")
    try:
        url = urlunsplit(parts._replace(netloc=f"{user}:first@{host}"))
        yield Login(user=user, host=host, url=url, server_url=database_url)
    finally:
        execute(database_url, f'DROP ROLE "{user}"')
