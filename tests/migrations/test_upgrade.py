import asyncio
from functools import partial
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from catalogue.tables import businesses
from persistence import schema
from tests.support.rows import claim, insert_business, insert_webhook
from tests.support.schema_dump import dump

pytestmark = pytest.mark.own_database

_METADATA: Final = businesses.metadata
_MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"


def _downgrade(database_url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["url"] = database_url
    command.downgrade(config, revision)


def test_upgrade_may_be_repeated(database_url: str) -> None:
    before = dump(database_url)

    schema.upgrade(database_url)

    assert dump(database_url) == before


def test_downgrade_leaves_nothing_behind(empty_database_url: str) -> None:
    empty = dump(empty_database_url)
    schema.upgrade(empty_database_url)

    _downgrade(empty_database_url, "base")

    # Alembic keeps its own table, and the role may use the schema: both are there for the next upgrade.
    left = [line for line in dump(empty_database_url).splitlines() if line and line not in empty.splitlines()]
    assert [
        line for line in left if not line.startswith("-- Name: SCHEMA public") and "USAGE ON SCHEMA" not in line
    ] == []


@pytest.mark.parametrize("revision", ["base", "0001", "0002", "0003", "0004", "0006"])
def test_upgrade_comes_to_the_same_after_a_downgrade(empty_database_url: str, revision: str) -> None:
    schema.upgrade(empty_database_url)
    first = dump(empty_database_url)

    _downgrade(empty_database_url, revision)
    schema.upgrade(empty_database_url)

    assert dump(empty_database_url) == first


async def test_rows_of_the_code_before_descriptions_stay_and_go_on_being_written(empty_database_url: str) -> None:
    await asyncio.to_thread(schema.upgrade, empty_database_url)
    await asyncio.to_thread(_downgrade, empty_database_url, "0006")
    connection = await asyncpg.connect(empty_database_url)
    before = await insert_business(connection, "before")

    await asyncio.to_thread(schema.upgrade, empty_database_url)
    # It names its columns, and knows no others.
    after = await insert_business(connection, "after")
    rows = await connection.fetch(
        "SELECT tenant_id, resources.description, services.description, address FROM services"
        " JOIN resources USING (tenant_id) JOIN locations USING (tenant_id)"
    )
    await connection.close()

    assert {row[0] for row in rows} == {before.tenant_id, after.tenant_id}
    assert {tuple(row)[1:] for row in rows} == {(None, None, None)}


async def test_rows_of_the_code_before_stays_stay_and_go_on_being_written(empty_database_url: str) -> None:
    await asyncio.to_thread(schema.upgrade, empty_database_url)
    await asyncio.to_thread(_downgrade, empty_database_url, "0024")
    connection = await asyncpg.connect(empty_database_url)
    before = await insert_business(connection, "before")
    with pytest.raises(asyncpg.CheckViolationError):
        await claim(connection, before, lane=2, minutes=7 * 1440 + 1)

    await asyncio.to_thread(schema.upgrade, empty_database_url)
    after = await insert_business(connection, "after")
    await claim(connection, before, lane=2, minutes=60 * 1440)
    stays = await connection.fetch("SELECT duration_nights, duration_check_in, duration_check_out FROM services")
    claims = await connection.fetch("SELECT tenant_id FROM claims ORDER BY lane_id")
    await connection.close()

    assert [tuple(row) for row in stays] == [(None, None, None)] * 2
    assert [row["tenant_id"] for row in claims] == [before.tenant_id, before.tenant_id, after.tenant_id]


async def test_events_of_the_code_before_the_feed_are_relayed_and_go_on_being_written(empty_database_url: str) -> None:
    await asyncio.to_thread(schema.upgrade, empty_database_url)
    await asyncio.to_thread(_downgrade, empty_database_url, "0032")
    connection = await asyncpg.connect(empty_database_url)
    await insert_business(connection, "before")

    await asyncio.to_thread(schema.upgrade, empty_database_url)
    await insert_business(connection, "after")
    # Its loops ask and delete by the functions that it knows.
    assert await connection.fetchval("SELECT outbox_oldest()") is not None
    assert await connection.fetchval("SELECT delete_old_events(interval '30 days', 1000)") == 0
    moved = await connection.fetch("SELECT subject FROM relay_events(10)")
    await asyncio.to_thread(_downgrade, empty_database_url, "0032")
    left = await connection.fetch("SELECT name, subject FROM outbox ORDER BY id")
    await connection.close()

    assert [row["subject"] for row in moved] == ["apt_before", "apt_after"]
    assert [tuple(row) for row in left] == [("tested.v1", "apt_before"), ("tested.v1", "apt_after")]


async def test_businesses_of_the_code_before_standings_have_one_and_so_do_those_that_it_goes_on_to_make(
    empty_database_url: str,
) -> None:
    await asyncio.to_thread(schema.upgrade, empty_database_url)
    await asyncio.to_thread(_downgrade, empty_database_url, "0042")
    connection = await asyncpg.connect(empty_database_url)
    before = await insert_business(connection, "before")

    await asyncio.to_thread(schema.upgrade, empty_database_url)
    after = await insert_business(connection, "after")
    rows = await connection.fetch("SELECT tenant_id, suspended_at, created_at FROM standings ORDER BY created_at")
    keys = await connection.fetch("SELECT min(created_at) FROM api_keys GROUP BY tenant_id ORDER BY 1")
    await connection.close()

    assert [tuple(row)[:2] for row in rows] == [(before.tenant_id, None), (after.tenant_id, None)]
    assert rows[0]["created_at"] == keys[0][0]


async def test_odd_row_of_the_outbox_neither_stops_the_upgrade_nor_the_relay(empty_database_url: str) -> None:
    await asyncio.to_thread(schema.upgrade, empty_database_url)
    await asyncio.to_thread(_downgrade, empty_database_url, "0034")
    connection = await asyncpg.connect(empty_database_url)
    before = await insert_business(connection, "before")
    await connection.execute(
        "INSERT INTO outbox (tenant_id, name, subject, data) VALUES ($1, 'tested.v1', 'apt_odd', 'null')",
        before.tenant_id,
    )
    await insert_webhook(connection, before, "before")

    await asyncio.to_thread(schema.upgrade, empty_database_url)
    after = await insert_business(connection, "after")
    await insert_webhook(connection, after, "after")
    moved = await connection.fetch("SELECT subject FROM relay_events(10)")
    revisions = await connection.fetch(
        "SELECT former, endpoint.revision, held_revision, revised, delivery.revision FROM webhook_endpoints AS endpoint"
        " JOIN webhook_deliveries AS delivery USING (tenant_id)"
    )
    await connection.close()

    assert [row["subject"] for row in moved] == ["apt_before", "apt_odd", "apt_after"]
    assert [tuple(row) for row in revisions] == [("[]", 0, 0, 0, 0)] * 2


async def test_tables_in_the_code_are_those_of_the_database(database_url: str) -> None:
    engine = create_async_engine(schema.DRIVER, async_creator=partial(asyncpg.connect, database_url))

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, _METADATA))

    async with engine.connect() as connection:
        differences = await connection.run_sync(compare)
        revision = await schema.current(connection)
    await engine.dispose()

    assert differences == []
    assert revision == schema.head()


async def test_upgrade_gives_up_when_a_table_is_in_use(empty_database_url: str) -> None:
    await asyncio.to_thread(schema.upgrade, empty_database_url)
    await asyncio.to_thread(_downgrade, empty_database_url, "0004")
    user = await asyncpg.connect(empty_database_url)

    async with user.transaction():
        await user.execute("LOCK TABLE businesses IN ACCESS SHARE MODE")
        with pytest.raises(DBAPIError, match="lock timeout"):
            await asyncio.to_thread(schema.upgrade, empty_database_url, lock_ms=50)
    await asyncio.to_thread(schema.upgrade, empty_database_url, lock_ms=50)
    await user.close()


@pytest.mark.parametrize(
    ("revision", "suits"), [(None, False), ("0001", False), (schema.head(), True), ("that of later code", True)]
)
def test_code_suits_its_own_schema_and_later_ones(revision: str | None, *, suits: bool) -> None:
    assert schema.suits(revision) == suits
