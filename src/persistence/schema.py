"""The database's schema as a whole: bringing it to head, and telling whether it is there."""

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection

from persistence.files import folder

# Any number will do that no other program on the database uses; this one spells "holdfast" on a telephone.
MIGRATION_LOCK: Final = 46533278
# For SQLAlchemy, which is told no more: asyncpg is given the URL as it stands, with all that it knows of TLS
# (`sslmode=verify-full`) and of several hosts.
DRIVER: Final = "postgresql+asyncpg://"
_MIGRATIONS: Final = folder("migrations")


def _config(url: str | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    return config


def upgrade(database_url: str) -> None:
    """Bring the schema to head. Safe to call from several nodes at once, and again.

    Blocks, and runs an event loop of its own: not to be called from a running one.
    """
    command.upgrade(_config(database_url), "head")


def head() -> str:
    """The newest revision this code knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "the migrations directory is empty"
    return revision


async def current(connection: AsyncConnection) -> str | None:
    """The revision the database is at; None where nothing was ever migrated."""
    return await connection.run_sync(lambda synchronous: MigrationContext.configure(synchronous).get_current_revision())
