"""The one MetaData, and the columns every tenant table repeats."""

from sqlalchemy import Column, DateTime, Integer, MetaData, Text, text
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def tenant_column() -> Column[object]:
    """The business a row belongs to: first in every key, compared by every policy."""
    return Column("tenant_id", UUID(as_uuid=True), primary_key=True)


def id_column() -> Column[str]:
    """An identifier made by the engine (kernel.ids)."""
    return Column("id", Text, primary_key=True)


def created_column() -> Column[object]:
    """The instant of the insert, by the database's clock."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()"))


def version_column() -> Column[int]:
    """Counts the changes of an object; its ETag."""
    return Column("version", Integer, nullable=False, server_default=text("1"))
