"""The database's schema as a whole: bringing it to head, and telling whether it is there."""

from functools import cache
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection

from persistence.files import folder

# Any number will do that no other program on the database uses; this one spells "holdfast" on a telephone.
MIGRATION_LOCK: Final = 46533278
# A migration that waits for a lock on a table keeps everybody waiting who comes after it, so it rather gives up.
LOCK_MS: Final = 3000
# For SQLAlchemy, which is told no more: asyncpg is given the URL as it stands, with all that it knows of TLS
# (`sslmode=verify-full`) and of several hosts.
DRIVER: Final = "postgresql+asyncpg://"
_MIGRATIONS: Final = folder("migrations")


def _config(url: str | None = None, *, lock_ms: int = LOCK_MS) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    config.attributes["lock_ms"] = lock_ms
    return config


def upgrade(database_url: str, *, lock_ms: int = LOCK_MS) -> None:
    """Bring the schema to head. Safe to call from several nodes at once, and again.

    Blocks, and runs an event loop of its own: not to be called from a running one.
    """
    command.upgrade(_config(database_url, lock_ms=lock_ms), "head")


def head() -> str:
    """The newest revision this code knows."""
    return _revisions()[0]


def suits(revision: str | None) -> bool:
    """True if this code works on that revision: its newest, or one that only later code knows.

    Each migration works with the code before it, so servers stay ready while the next version is rolled out.
    """
    return revision is not None and revision not in _revisions()[1:]


@cache
def _revisions() -> tuple[str, ...]:
    """All that this code knows, the newest first."""
    revisions = tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())
    assert revisions, "the migrations directory is empty"
    return revisions


async def current(connection: AsyncConnection) -> str | None:
    """The revision the database is at; None where nothing was ever migrated."""
    return await connection.run_sync(lambda synchronous: MigrationContext.configure(synchronous).get_current_revision())
