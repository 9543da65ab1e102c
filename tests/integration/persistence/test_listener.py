"""A session that is elected while it lives, and hears when it is woken."""

from typing import Any, Final

import asyncpg
import pytest

from kernel.errors import StoreUnavailable
from persistence.engine import PostgresLimits
from persistence.listener import CHANNEL, Listener

pytestmark = pytest.mark.own_database

_LIMITS: Final = PostgresLimits(connect_seconds=5)
# Long enough for a machine that is busy with other things; a wait that succeeds ends at once.
_LONG_SECONDS: Final = 10.0
_SHORT_SECONDS: Final = 0.05


async def _end_listeners(outside: "asyncpg.Connection[Any]") -> None:
    """End the sessions of all listeners, and wait until they are gone."""
    await outside.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'holdfast listener' AND datname = current_database()"
    )


async def test_only_one_listener_is_elected(database_url: str) -> None:
    async with Listener(database_url, _LIMITS) as first, Listener(database_url, _LIMITS) as second:
        elected = [await first.is_elected(), await second.is_elected()]

    assert elected == [True, False]


async def test_next_listener_is_elected_when_the_first_ends(database_url: str) -> None:
    async with Listener(database_url, _LIMITS) as second:
        async with Listener(database_url, _LIMITS) as first:
            await first.is_elected()

        elected = await second.is_elected()

    assert elected


async def test_next_listener_is_elected_when_the_first_is_killed(
    database_url: str, outside: "asyncpg.Connection[Any]"
) -> None:
    async with Listener(database_url, _LIMITS) as first:
        await first.is_elected()
        await _end_listeners(outside)

        async with Listener(database_url, _LIMITS) as second:
            elected = await second.is_elected()

        with pytest.raises(StoreUnavailable):
            await first.is_elected()

    assert elected


async def test_listener_is_woken_by_a_notification(database_url: str, outside: "asyncpg.Connection[Any]") -> None:
    async with Listener(database_url, _LIMITS) as listener:
        await listener.listen()
        await outside.execute("SELECT pg_notify($1, '')", CHANNEL)

        woken = await listener.woken(_LONG_SECONDS)
        again = await listener.woken(_SHORT_SECONDS)

    assert (woken, again) == (True, False)


async def test_listener_learns_at_once_that_its_session_was_lost(
    database_url: str, outside: "asyncpg.Connection[Any]"
) -> None:
    async with Listener(database_url, _LIMITS) as listener:
        await listener.listen()
        await _end_listeners(outside)

        woken = await listener.woken(_LONG_SECONDS)
        with pytest.raises(StoreUnavailable):
            await listener.check()

    assert woken


async def test_listener_needs_a_database(database_url: str) -> None:
    with pytest.raises(StoreUnavailable):
        async with Listener("postgresql://nobody@127.0.0.1:9/none", _LIMITS):
            pass
