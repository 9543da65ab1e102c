"""The engine logs in to the embedded Postgres as no superuser, also where version 0.1 has made the files."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from anyio.to_thread import run_sync

from bootstrap.embedded import kept_stores
from bootstrap.store_supervisor import Specification
from persistence.schema import upgrade
from tests.support.rows import insert_business

_RIGHTS = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = $1"
_OWNED_BY_ANOTHER = """
    SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner <> $1::regrole
    UNION ALL
    SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proowner <> $1::regrole
    UNION ALL
    SELECT datname::text FROM pg_database WHERE datname = current_database() AND datdba <> $1::regrole
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not pytest's own place for temporary files, which only its owner can reach.
    directory = Path(tempfile.mkdtemp(prefix="holdfast-roles-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree((directory / "stores").resolve())
    shutil.rmtree(directory)


def _specification(data_dir: Path, *, superuser: bool = False) -> Specification:
    return Specification(data_dir=str(data_dir), redis=False, durable=False, superuser=superuser)


def _say_nothing(_sentence: str) -> None:
    pass


async def test_login_of_new_files_is_the_owner_and_has_no_rights_beyond(data_dir: Path) -> None:
    with kept_stores(_specification(data_dir), announce=_say_nothing) as urls:
        assert urls.database_url is not None
        await run_sync(upgrade, urls.database_url)
        connection = await asyncpg.connect(urls.database_url)
        login = await connection.fetchval("SELECT session_user")
        rights = await connection.fetchrow(_RIGHTS, login)
        others = await connection.fetch(_OWNED_BY_ANOTHER, login)
        passwords_of_superusers = await connection.fetchval(
            "SELECT bool_or(has_table_privilege(current_user, 'pg_authid', 'SELECT'))"
        )
        await connection.close()

    assert rights is not None
    assert set(rights.values()) == {False}
    assert others == []
    assert passwords_of_superusers is False


async def test_files_of_version_0_1_are_handed_over_with_their_rows(data_dir: Path) -> None:
    # As version 0.1 made them: the one login is the superuser, and owns everything.
    with kept_stores(_specification(data_dir, superuser=True), announce=_say_nothing) as urls:
        assert urls.database_url is not None
        connection = await asyncpg.connect(urls.database_url)
        await connection.execute("ALTER DATABASE holdfast OWNER TO holdfast")
        await connection.execute("DROP OWNED BY holdfast_owner")
        await connection.execute("DROP ROLE holdfast_owner")
        await connection.execute("DROP ROLE holdfast_app")
        await run_sync(upgrade, urls.database_url)
        business = await insert_business(connection, "old")
        old_password = (data_dir / "postgres.password").read_text()
        assert await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = session_user")
        await connection.close()

    with kept_stores(_specification(data_dir), announce=_say_nothing) as urls:
        assert urls.database_url is not None
        connection = await asyncpg.connect(urls.database_url)
        login = await connection.fetchval("SELECT session_user")
        rights = await connection.fetchrow(_RIGHTS, login)
        others = await connection.fetch(_OWNED_BY_ANOTHER, login)
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(business.tenant_id))
            await connection.execute("SET LOCAL ROLE holdfast_app")
            found = await connection.fetchval("SELECT tenant_id FROM businesses")
        hidden = await connection.fetchval("SELECT count(*) FROM businesses")
        await connection.fetchval("SELECT outbox_oldest()")
        # The next migration is the owner's to make.
        await connection.execute("ALTER TABLE businesses ADD COLUMN later integer")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(urls.database_url, user="holdfast", password=old_password)
        await connection.close()

    assert rights is not None
    assert set(rights.values()) == {False}
    assert others == []
    assert (found, hidden) == (business.tenant_id, 0)
    assert not (data_dir / "postgres.password").exists()
