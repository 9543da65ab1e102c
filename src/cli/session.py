"""The engine's services for the length of one command."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import asyncpg
import structlog

from bootstrap.context import open_context
from bootstrap.embedded import Use, stores_for
from bootstrap.services import Services, build_services
from bootstrap.settings import Settings
from cli.console import note
from persistence.key_canaries import check_master_keys
from persistence.postgres_fault import PostgresFault, check_postgres
from persistence.schema import upgrade
from telemetry import logs

_log = structlog.get_logger(__name__)
_Answer = TypeVar("_Answer")
_PLAIN_TEXT: Final = "holdfast: personal data is stored in plain text, because HOLDFAST_MASTER_KEY is not set"


def run_with_services(settings: Settings, action: Callable[[Services], Awaitable[_Answer]]) -> _Answer:
    """Run an action with services on the stores of the settings, and return its result.

    Where those are embedded they are the ones of a running server, else started for this command.
    """
    with connected(settings, use=Use.COMMAND) as with_urls:
        return with_services(with_urls, action)


def require_postgres(url: str, *, may_wait: bool = False) -> None:
    """Log in to a database that the settings name, once. Raises PostgresFault.

    With `may_wait`, one that cannot be reached is only warned of: a server or a worker may start before its stores, and
    a comparison says by its own status that it could not compare.
    """
    try:
        asyncio.run(check_postgres(url))
    except PostgresFault as fault:
        if fault.is_answer or not may_wait:
            raise
        note(f"holdfast: {fault}; going on without it for now")


def _require_master_keys(settings: Settings) -> None:
    """Try the master keys on what is stored. A database that does not answer is asked when a key is first made."""
    assert settings.database_url is not None
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        asyncio.run(check_master_keys(settings.database_url, settings.master_keys))


def with_services(settings: Settings, action: Callable[[Services], Awaitable[_Answer]]) -> _Answer:
    """Run an action with services on stores that are up, and return its result."""

    async def run() -> _Answer:
        async with open_context(settings) as context:
            return await action(build_services(context))

    return asyncio.run(run())


@contextmanager
def connected(
    settings: Settings, *, use: Use, clean: bool = False, may_wait: bool = False, may_lack_keys: bool = False
) -> Iterator[Settings]:
    """The settings with the URLs of stores that are up; with `may_wait`, of a named database that may come up later.

    Raises PostgresFault where a named database cannot be used (ADR 0040), and UnknownMasterKeys where what it stores
    was sealed by a master key that is not set, unless it `may_lack_keys`. An embedded database is brought to the newest
    schema first: nobody else looks after it. Others are migrated by whoever runs them, with `holdfast migrate`.
    """
    # Before anything can be lost: standard output belongs to the command's answer.
    logs.configure(settings.log_level, settings.log_format)
    # A command that takes a moment has its answer to give, and nothing to tell about stores.
    announce = note if use is Use.SERVE else _say_nothing
    for url in dict.fromkeys(filter(None, (settings.database_url, settings.session_url))):
        require_postgres(url, may_wait=may_wait)
    with stores_for(settings, use=use, announce=announce, clean=clean) as with_urls:
        assert with_urls.database_url is not None
        if settings.database_url is None:
            upgrade(with_urls.database_url)
        if not may_lack_keys:
            _require_master_keys(with_urls)
        if may_wait and not with_urls.master_keys:
            # What runs for long, and who compares, is told.
            _tell_of_plain_text(with_urls)
        yield with_urls


def _tell_of_plain_text(settings: Settings) -> None:
    """Warn in the form of the other lines, so that whoever reads the log as JSON can read this one."""
    if settings.log_format == "json":
        _log.warning("personal_data.in_plain_text", setting="HOLDFAST_MASTER_KEY")
    else:
        note(_PLAIN_TEXT)


def _say_nothing(_sentence: str) -> None:
    pass
