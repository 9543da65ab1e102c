"""Every change of claims, time off and the set-up leaves a row that says what it made untrue."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from kernel.spans import day_number
from persistence.invalidations import InvalidationQueue
from persistence.listener import CHANNEL
from persistence.unit_of_work import UnitOfWork
from tests.support.operations import by_business
from tests.support.rows import NOON, Rows, claim

pytestmark = pytest.mark.own_database

_FIRST: Final = date(2026, 12, 1)
_SECOND: Final = date(2026, 12, 2)
_MIDNIGHT: Final = datetime(2026, 12, 2, tzinfo=UTC)

_CATALOGUE_TABLES: Final = (
    "breaks",
    "businesses",
    "hours",
    "lanes",
    "locations",
    "overrides",
    "requirement_resources",
    "requirements",
    "resources",
    "services",
)


async def _left(outside: "asyncpg.Connection[Any]") -> list[tuple[str | None, date | None, date | None]]:
    """What the rows say, the oldest first."""
    rows = await outside.fetch("SELECT resource_id, first_day, last_day FROM invalidations ORDER BY id")
    return [(row["resource_id"], row["first_day"], row["last_day"]) for row in rows]


class TestDays:
    """Claims and time off."""

    @pytest.mark.parametrize(
        ("start", "minutes", "days"),
        [
            pytest.param(_MIDNIGHT - timedelta(minutes=30), 30, (_FIRST, _FIRST), id="ends at midnight"),
            pytest.param(_MIDNIGHT - timedelta(minutes=30), 31, (_FIRST, _SECOND), id="ends a minute later"),
            pytest.param(_MIDNIGHT, 30, (_SECOND, _SECOND), id="starts at midnight"),
            pytest.param(_MIDNIGHT - timedelta(minutes=1), 30, (_FIRST, _SECOND), id="starts a minute earlier"),
            pytest.param(_MIDNIGHT, 7 * 1440, (_SECOND, _SECOND + timedelta(days=6)), id="lasts a week"),
        ],
    )
    @pytest.mark.parametrize("zone", ["UTC", "Asia/Jerusalem", "Pacific/Auckland", "America/Los_Angeles"])
    async def test_claim_names_the_utc_days_it_touches(
        self,
        outside: "asyncpg.Connection[Any]",
        ours: Rows,
        *,
        start: datetime,
        minutes: int,
        days: tuple[date, date],
        zone: str,
    ) -> None:
        await outside.execute(f"SET timezone = '{zone}'")

        await claim(outside, ours, lane=2, start=start, minutes=minutes)

        assert await _left(outside) == [(ours.resource_id, *days)]

    @pytest.mark.parametrize("table", ["claims", "time_off"])
    async def test_change_names_the_days_before_and_after(
        self, outside: "asyncpg.Connection[Any]", ours: Rows, table: str
    ) -> None:
        await outside.execute(f"UPDATE {table} SET during = tstzrange($1, $2)", NOON, NOON + timedelta(hours=1))  # noqa: S608
        await outside.execute("DELETE FROM invalidations")

        moved = "'[2026-12-05T23:00Z,2026-12-06T01:00Z)'"
        await outside.execute(f"UPDATE {table} SET during = {moved}")  # noqa: S608

        assert sorted(await _left(outside)) == [
            (ours.resource_id, _FIRST, _FIRST),
            (ours.resource_id, date(2026, 12, 5), date(2026, 12, 6)),
        ]

    @pytest.mark.parametrize(
        ("table", "days"),
        [("claims", (_FIRST, _FIRST)), ("time_off", (date(2027, 1, 3), date(2027, 1, 9)))],
    )
    async def test_delete_names_the_days_that_become_free(
        self, outside: "asyncpg.Connection[Any]", ours: Rows, table: str, days: tuple[date, date]
    ) -> None:
        await outside.execute(f"DELETE FROM {table}")  # noqa: S608

        assert await _left(outside) == [(ours.resource_id, *days)]

    async def test_insert_of_time_off_names_its_days(self, outside: "asyncpg.Connection[Any]", ours: Rows) -> None:
        await outside.execute(
            "INSERT INTO time_off (tenant_id, id, resource_id, during)"
            " VALUES ($1, 'tof_new', $2, '[2026-12-01T22:00Z,2026-12-02T00:01Z)')",
            ours.tenant_id,
            ours.resource_id,
        )

        assert await _left(outside) == [(ours.resource_id, _FIRST, _SECOND)]

    async def test_statement_names_the_days_of_each_row(
        self, outside: "asyncpg.Connection[Any]", ours: Rows, theirs: Rows
    ) -> None:
        await claim(outside, ours, start=_MIDNIGHT)
        await outside.execute("DELETE FROM invalidations")

        await outside.execute("DELETE FROM claims")

        assert sorted(await _left(outside)) == [
            (ours.resource_id, _FIRST, _FIRST),
            (ours.resource_id, _SECOND, _SECOND),
            (theirs.resource_id, _FIRST, _FIRST),
        ]


class TestCatalogue:
    @pytest.mark.parametrize("table", _CATALOGUE_TABLES)
    @pytest.mark.usefixtures("theirs")
    async def test_change_names_the_business(self, outside: "asyncpg.Connection[Any]", ours: Rows, table: str) -> None:
        # As it was and as it is, each named by a row of its own.
        await outside.execute(f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = $1", ours.tenant_id)  # noqa: S608

        assert await _left(outside) == [(None, None, None)] * 2
        assert await outside.fetchval("SELECT DISTINCT tenant_id FROM invalidations") == ours.tenant_id

    @pytest.mark.parametrize("table", ["breaks", "hours", "overrides", "requirement_resources"])
    @pytest.mark.usefixtures("ours")
    async def test_delete_and_insert_name_the_business(self, outside: "asyncpg.Connection[Any]", table: str) -> None:
        await outside.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")  # noqa: S608

        await outside.execute(f"DELETE FROM {table}")  # noqa: S608
        deleted = await _left(outside)
        await outside.execute(f"INSERT INTO {table} SELECT * FROM kept")  # noqa: S608

        assert deleted == [(None, None, None)]
        assert await _left(outside) == [(None, None, None)] * 2


@pytest.mark.parametrize("table", ["claims", "time_off", "hours"])
async def test_statement_that_changes_nothing_leaves_no_row(
    outside: "asyncpg.Connection[Any]", ours: Rows, table: str
) -> None:
    await outside.execute(f"DELETE FROM {table} WHERE false")  # noqa: S608

    assert await _left(outside) == []


async def test_row_goes_when_the_change_is_rolled_back(outside: "asyncpg.Connection[Any]", ours: Rows) -> None:
    transaction = outside.transaction()
    await transaction.start()
    await outside.execute("DELETE FROM claims")
    inside = await _left(outside)
    await transaction.rollback()

    assert len(inside) == 1
    assert await _left(outside) == []


@pytest.mark.parametrize("statement", ["DELETE FROM claims", "DELETE FROM time_off", "DELETE FROM hours"])
async def test_row_names_the_operation_of_the_engine(
    outside: "asyncpg.Connection[Any]", unit_of_work: UnitOfWork, ours: Rows, statement: str
) -> None:
    async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
        await tx.connection.execute(text(statement))

    rows = await outside.fetch("SELECT tenant_id, operation_id FROM invalidations")
    assert [(row["tenant_id"], row["operation_id"]) for row in rows] == [(ours.tenant_id, tx.commit_id)]


@pytest.mark.parametrize("statement", ["DELETE FROM claims", "DELETE FROM time_off", "DELETE FROM hours"])
async def test_row_names_no_operation_when_another_wrote(
    outside: "asyncpg.Connection[Any]", ours: Rows, statement: str
) -> None:
    await outside.execute(statement)

    assert await outside.fetchval("SELECT count(*) FROM invalidations WHERE operation_id IS NULL") == 1


async def _heard(database_url: str, outside: "asyncpg.Connection[Any]", writer: Awaitable[object]) -> int:
    """How many notifications there are of what the writer does.

    A last one of ours ends the waiting: they arrive in the order of the commits.
    """
    heard: asyncio.Queue[object] = asyncio.Queue()
    listener = await asyncpg.connect(database_url)
    await listener.add_listener(CHANNEL, lambda *arguments: heard.put_nowait(arguments[-1]))
    await writer
    await outside.execute("SELECT pg_notify($1, 'end')", CHANNEL)
    before = 0
    async with asyncio.timeout(10):
        while await heard.get() != "end":
            before += 1
    await listener.close()
    return before


@pytest.mark.parametrize("table", ["claims", "time_off", "hours"])
async def test_invalidator_is_notified_when_another_wrote(
    database_url: str, outside: "asyncpg.Connection[Any]", ours: Rows, table: str
) -> None:
    heard = await _heard(database_url, outside, outside.execute(f"DELETE FROM {table}"))  # noqa: S608

    assert heard == 1


async def test_invalidator_is_not_notified_when_nothing_changed(
    database_url: str, outside: "asyncpg.Connection[Any]", ours: Rows
) -> None:
    heard = await _heard(database_url, outside, outside.execute("DELETE FROM claims WHERE false"))

    assert heard == 0


@pytest.mark.parametrize("table", ["claims", "time_off", "hours"])
async def test_invalidator_is_not_notified_when_the_engine_wrote(
    database_url: str, outside: "asyncpg.Connection[Any]", unit_of_work: UnitOfWork, ours: Rows, table: str
) -> None:
    async def write() -> None:
        async with unit_of_work.begin(by_business(ours.tenant_id)) as tx:
            await tx.connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608

    heard = await _heard(database_url, outside, write())

    assert heard == 0


class TestRepository:
    @pytest.fixture
    def repository(self, engine: AsyncEngine) -> InvalidationQueue:
        return InvalidationQueue(engine)

    async def test_rows_of_all_businesses_are_found_oldest_first(
        self, repository: InvalidationQueue, outside: "asyncpg.Connection[Any]", ours: Rows, theirs: Rows
    ) -> None:
        await claim(outside, ours, lane=2, start=_MIDNIGHT - timedelta(minutes=10))
        await outside.execute("DELETE FROM hours WHERE tenant_id = $1", theirs.tenant_id)
        await claim(outside, theirs, lane=2, start=_MIDNIGHT)

        rows = await repository.find_oldest(10)
        fewer = await repository.find_oldest(2)

        first = day_number(_FIRST)
        assert [(row.tenant_id, row.resource_id, row.days) for row in rows] == [
            (ours.tenant_id, ours.resource_id, range(first, first + 2)),
            (theirs.tenant_id, None, range(0)),
            (theirs.tenant_id, theirs.resource_id, range(first + 1, first + 2)),
        ]
        assert fewer == rows[:2]

    @pytest.mark.usefixtures("ours")
    async def test_deleted_rows_are_found_no_more(
        self, repository: InvalidationQueue, outside: "asyncpg.Connection[Any]"
    ) -> None:
        await outside.execute("DELETE FROM claims")
        await outside.execute("DELETE FROM hours")
        first, second = await repository.find_oldest(10)

        await repository.delete([first.id])

        assert await repository.find_oldest(10) == [second]
