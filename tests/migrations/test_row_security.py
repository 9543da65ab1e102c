"""One business cannot reach another's rows, and the engine's role cannot get around that."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from catalogue.tables import businesses
from tests.support.rows import (
    Rows,
    insert_audit_entry,
    insert_business,
    insert_customer_data,
    insert_event,
    insert_keys,
    insert_notifications,
    insert_user,
    insert_webhook,
)

# Some are read before the business of a caller is known, the others by a worker or an operator for all businesses.
_SHARED: Final = {"api_keys", "due_work", "invalidations", "operator_requests", "standings", "tasks"}
# Events of all businesses are moved, numbered and deleted as the owner, by functions; the engine's role is another.
_OF_THE_OWNER: Final = {
    "outbox_oldest": "SELECT",
    "outbox_old_locked": "UPDATE",
    "outbox_old_deleted": "DELETE",
    "events_of_the_owner": "ALL",
    "webhook_endpoints_of_the_owner": "SELECT",
    "users_of_the_owner": "SELECT",
    "identity_providers_of_the_owner": "SELECT",
    "audit_entries_read_by_the_owner": "SELECT",
    "audit_links_read_by_the_owner": "SELECT",
    "audit_links_added_by_the_owner": "INSERT",
    "audit_queue_read_by_the_owner": "SELECT",
    "audit_queue_taken_by_the_owner": "DELETE",
}
_METADATA: Final = businesses.metadata
_GUARDED: Final = sorted(
    table.name for table in _METADATA.tables.values() if "tenant_id" in table.c and table.name not in _SHARED
)
_TENANT: Final = "( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid"


# Nothing that these tests write is committed, so one database with two businesses in it serves all of them.


@pytest_asyncio.fixture(scope="module")
async def outside(module_database_url: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
    connection = await asyncpg.connect(module_database_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(scope="module")
async def ours(outside: "asyncpg.Connection[Any]") -> Rows:
    rows = await insert_business(outside, "ours")
    await insert_event(outside, rows.tenant_id)
    await insert_webhook(outside, rows, "ours")
    await insert_user(outside, rows, "ours")
    await insert_audit_entry(outside, rows, "ours")
    await insert_keys(outside, rows, "ours")
    await insert_customer_data(outside, rows, "ours")
    await insert_notifications(outside, rows, "ours")
    return rows


@pytest_asyncio.fixture(scope="module")
async def theirs(outside: "asyncpg.Connection[Any]") -> Rows:
    rows = await insert_business(outside, "theirs")
    await insert_event(outside, rows.tenant_id)
    await insert_webhook(outside, rows, "theirs")
    await insert_user(outside, rows, "theirs")
    await insert_audit_entry(outside, rows, "theirs")
    await insert_keys(outside, rows, "theirs")
    await insert_customer_data(outside, rows, "theirs")
    await insert_notifications(outside, rows, "theirs")
    return rows


@pytest.fixture
async def engine_connection(database_url: str, ours: Rows, theirs: Rows) -> "AsyncIterator[asyncpg.Connection[Any]]":
    """A connection as the engine's, in a transaction of one of two businesses."""
    connection = await asyncpg.connect(database_url, server_settings={"role": "holdfast_app"})
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(ours.tenant_id))
    yield connection
    await transaction.rollback()
    await connection.close()


async def _outcome(connection: "asyncpg.Connection[Any]", statement: str) -> str:
    """How the statement went, with everything else as it was before."""
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        return await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError as error:
        return "row security" if "row-level security" in str(error) else "no right"
    finally:
        await savepoint.rollback()


async def test_every_table_of_a_business_has_row_security(outside: "asyncpg.Connection[Any]") -> None:
    forced = await outside.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND relrowsecurity AND relforcerowsecurity ORDER BY relname"
    )
    policies = await outside.fetch(
        "SELECT tablename, permissive, roles, cmd, qual, with_check FROM pg_policies WHERE policyname <> ALL ($1)",
        list(_OF_THE_OWNER),
    )

    assert [row["relname"] for row in forced] == _GUARDED
    assert sorted(row["tablename"] for row in policies) == _GUARDED
    for row in policies:
        assert (row["permissive"], row["roles"], row["cmd"]) == ("PERMISSIVE", ["public"], "ALL")
        assert _TENANT in row["qual"]
        assert row["with_check"] == row["qual"]


async def test_owner_works_on_all_events_and_the_engine_learns_their_age(
    outside: "asyncpg.Connection[Any]", engine_connection: "asyncpg.Connection[Any]", theirs: Rows
) -> None:
    policies = await outside.fetch(
        "SELECT policyname, tablename, roles, cmd FROM pg_policies WHERE policyname = ANY ($1)", list(_OF_THE_OWNER)
    )
    table_owner = await outside.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'outbox'")
    await engine_connection.execute("SELECT set_config('app.tenant_id', '', true)")

    assert {row["policyname"]: row["cmd"] for row in policies} == _OF_THE_OWNER
    tables = {"outbox", "events", "webhook_endpoints", "users", "identity_providers"}
    tables |= {"audit_entries", "audit_links", "audit_queue"}
    assert {(row["tablename"], *row["roles"]) for row in policies} == {(table, table_owner) for table in tables}
    oldest = await outside.fetchval("SELECT min(created_at) FROM outbox")
    assert await engine_connection.fetchval("SELECT outbox_oldest()") == oldest
    assert await engine_connection.fetchval("SELECT count(*) FROM outbox") == 0


async def test_engine_finds_businesses_by_users_and_identity_providers_and_reads_no_row_of_another(
    engine_connection: "asyncpg.Connection[Any]", theirs: Rows
) -> None:
    users = await engine_connection.fetch("SELECT * FROM users_of($1)", [b"theirs"])
    providers = await engine_connection.fetch(
        "SELECT * FROM identity_providers_of($1, $2)", "https://id.example", ["theirs", "nobody"]
    )

    assert [dict(row) for row in users] == [{"tenant_id": theirs.tenant_id, "id": "usr_theirs"}]
    assert [dict(row) for row in providers] == [{"tenant_id": theirs.tenant_id}]


async def test_engine_deletes_events_by_their_age_alone_and_none_of_today(
    engine_connection: "asyncpg.Connection[Any]",
) -> None:
    assert await engine_connection.fetchval("SELECT delete_old_events(interval '0', 1000)") == 0


async def test_engine_relays_events_of_all_businesses_and_is_told_what_they_are_about_alone(
    outside: "asyncpg.Connection[Any]", engine_connection: "asyncpg.Connection[Any]", theirs: Rows
) -> None:
    waiting = await outside.fetchval("SELECT count(*) FROM outbox WHERE tenant_id = $1", theirs.tenant_id)

    moved = await engine_connection.fetch("SELECT * FROM relay_events(1000)")

    assert sum(row["tenant_id"] == theirs.tenant_id for row in moved) == waiting > 0
    assert set(moved[0].keys()) == {"seq", "tenant_id", "id", "type", "subject"}
    assert await engine_connection.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1", theirs.tenant_id) == 0


async def test_engine_deletes_nothing_archived_of_another_business(
    outside: "asyncpg.Connection[Any]", engine_connection: "asyncpg.Connection[Any]", theirs: Rows
) -> None:
    await outside.execute(
        "INSERT INTO locations (tenant_id, id, key, position, name, timezone, archived_at)"
        " VALUES ($1, 'loc_gone', 'gone', 1, 'Gone', 'UTC', now() - interval '40 days')",
        theirs.tenant_id,
    )
    ours = await engine_connection.fetchval("SELECT delete_archived(10)")
    await engine_connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(theirs.tenant_id))

    assert ours == 0
    assert await engine_connection.fetchval("SELECT delete_archived(10)") == 1


async def test_every_table_with_a_tenant_is_known_to_the_code(outside: "asyncpg.Connection[Any]") -> None:
    rows = await outside.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id'"
    )

    assert {row["table_name"] for row in rows} == {*_GUARDED, *_SHARED}


async def test_role_of_the_engine_is_nobody_special(outside: "asyncpg.Connection[Any]") -> None:
    role = await outside.fetchrow("SELECT * FROM pg_roles WHERE rolname = 'holdfast_app'")
    assert role is not None
    owned = await outside.fetchval(
        "SELECT count(*) FROM pg_shdepend WHERE refobjid = $1 AND deptype = 'o'", role["oid"]
    )
    memberships = await outside.fetchval("SELECT count(*) FROM pg_auth_members WHERE member = $1", role["oid"])

    for right in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication"):
        assert role[right] is False
    assert (owned, memberships) == (0, 0)


@pytest.mark.parametrize("table", ["appointments", "customers", "lanes", "businesses", "resources", "services"])
async def test_engine_cannot_delete_what_history_needs(
    engine_connection: "asyncpg.Connection[Any]", table: str
) -> None:
    outcome = await _outcome(engine_connection, f"DELETE FROM {table}")  # noqa: S608 - ours

    assert outcome == "no right"


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE claims",
        "ALTER TABLE claims NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY claims_tenant ON claims",
        "ALTER TABLE claims DISABLE TRIGGER ALL",
        "CREATE TABLE mine (id int)",
        "UPDATE alembic_version SET version_num = '0000'",
    ],
)
async def test_engine_cannot_change_the_schema(engine_connection: "asyncpg.Connection[Any]", statement: str) -> None:
    assert await _outcome(engine_connection, statement) == "no right"


async def test_transaction_sees_its_own_business_only(engine_connection: "asyncpg.Connection[Any]", ours: Rows) -> None:
    seen = {
        table: {row["tenant_id"] for row in await engine_connection.fetch(f"SELECT tenant_id FROM {table}")}  # noqa: S608
        for table in _GUARDED
    }

    assert seen == {table: {ours.tenant_id} for table in _GUARDED}


@pytest.mark.parametrize(
    "setting", ["SET LOCAL app.tenant_id = ''", "RESET app.tenant_id", "SET LOCAL role = holdfast_app"]
)
async def test_nothing_is_visible_without_a_business(database_url: str, ours: Rows, setting: str) -> None:
    connection = await asyncpg.connect(database_url, server_settings={"role": "holdfast_app"})

    async with connection.transaction():
        await connection.execute(setting)
        seen = {
            table: await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
            for table in _GUARDED
        }
    await connection.close()

    assert seen == dict.fromkeys(_GUARDED, 0)


async def test_business_of_a_transaction_is_forgotten_at_its_end(database_url: str, ours: Rows) -> None:
    connection = await asyncpg.connect(database_url, server_settings={"role": "holdfast_app"})

    async with connection.transaction():
        await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(ours.tenant_id))
        inside = await connection.fetchval("SELECT count(*) FROM appointments")
    after = await connection.fetchval("SELECT count(*) FROM appointments")
    await connection.close()

    assert (inside, after) == (1, 0)


async def test_transaction_inserts_no_row_of_another_business(
    engine_connection: "asyncpg.Connection[Any]", theirs: Rows
) -> None:
    outcomes = {
        table: await _outcome(
            engine_connection,
            # A copy of a row of ours in which nothing but the business is another.
            f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record({table}, "  # noqa: S608
            f"jsonb_build_object('tenant_id', '{theirs.tenant_id}'))).* FROM {table} LIMIT 1",
        )
        for table in _GUARDED
    }

    # Only the relay adds events, and only its loop adds links to a chain: by functions.
    assert outcomes == {**dict.fromkeys(_GUARDED, "row security"), "events": "no right", "audit_links": "no right"}


async def test_transaction_gives_no_row_away(engine_connection: "asyncpg.Connection[Any]", theirs: Rows) -> None:
    outcomes = {
        table: await _outcome(engine_connection, f"UPDATE {table} SET tenant_id = '{theirs.tenant_id}'")  # noqa: S608
        for table in _GUARDED
    }

    # Lanes, events and the audit log are never changed at all.
    unchanged = dict.fromkeys(("lanes", "events", "audit_entries", "audit_links", "audit_queue"), "no right")
    assert outcomes == dict.fromkeys(_GUARDED, "row security") | unchanged


async def test_transaction_changes_and_deletes_no_row_of_another_business(
    engine_connection: "asyncpg.Connection[Any]", theirs: Rows
) -> None:
    where = f"WHERE tenant_id = '{theirs.tenant_id}'"
    outcomes = {
        table: {
            await _outcome(engine_connection, f"UPDATE {table} SET tenant_id = tenant_id {where}"),  # noqa: S608
            await _outcome(engine_connection, f"DELETE FROM {table} {where}"),  # noqa: S608
        }
        for table in _GUARDED
    }

    assert [table for table, found in outcomes.items() if found - {"UPDATE 0", "DELETE 0", "no right"}] == []


async def test_lane_of_another_business_cannot_be_claimed(
    engine_connection: "asyncpg.Connection[Any]", ours: Rows, theirs: Rows
) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await engine_connection.execute(
            "INSERT INTO claims (tenant_id, appointment_id, lane_id, during)"
            " VALUES ($1, $2, $3, '[2026-12-02T12:00Z,2026-12-02T12:30Z)')",
            ours.tenant_id,
            ours.appointment_id,
            theirs.lanes[0],
        )
