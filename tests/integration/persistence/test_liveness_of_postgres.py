"""The watch of Postgres asks on a connection of its own, whose loss is not that of Postgres."""

from typing import Any, Final

import asyncpg
import pytest

from persistence.engine import new_postgres_watch
from persistence.liveness import LivenessLimits
from tests.support.waiting import eventually

pytestmark = pytest.mark.own_database

# Long enough for a connection to be made on any machine: what counts as silence is not the subject.
_LIMITS: Final = LivenessLimits(silence_seconds=15)
# A connection that was ended fails in several ways, by how much of its end has arrived when it is next used.
_TIMES: Final = 10

_OWN: Final = "FROM pg_stat_activity WHERE application_name = 'holdfast watch' AND datname = current_database()"
_ANSWERED: Final = "state = 'idle' AND query = 'SELECT 1'"


async def test_postgres_is_not_lost_with_the_connection_that_asks(
    database_url: str, outside: "asyncpg.Connection[Any]"
) -> None:
    watch = new_postgres_watch(database_url, _LIMITS)
    opened: list[str] = []
    watch.on_lost(lambda: opened.append("lost"))

    async def has_asked_anew() -> bool:
        return bool(await outside.fetchval(f"SELECT count(*) {_OWN} AND {_ANSWERED} AND pid <> ALL($1)", ended))

    async with watch.running():
        ended: list[int] = []
        for _ in range(_TIMES):
            watch.probe_soon()
            await eventually(has_asked_anew)
            ended += [row["pid"] for row in await outside.fetch(f"SELECT pid {_OWN}")]
            await outside.fetch(f"SELECT pg_terminate_backend(pid) {_OWN}")

    assert opened == []
