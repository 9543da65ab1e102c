"""How many rows are written with one statement."""

from collections.abc import Iterable, Sequence

from sqlalchemy import (
    Table,
    TableValuedAlias,
    bindparam,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.values import Values
from kernel.ids import TenantId


def recordset(table: Table, rows: Sequence[Values]) -> TableValuedAlias:
    """The rows as one parameter: thousands of them are one short statement, and one run of the triggers."""
    parameter = bindparam("rows", value=list(rows), type_=JSONB, unique=True)
    return func.jsonb_populate_recordset(literal_column(f"NULL::{table.name}"), parameter).table_valued(*rows[0])


async def insert_rows(connection: AsyncConnection, tenant_id: TenantId, table: Table, rows: Iterable[Values]) -> None:
    """Insert rows that all have the same columns."""
    values = [{"tenant_id": str(tenant_id)} | row for row in rows]
    if values:
        source = recordset(table, values)
        await connection.execute(insert(table).from_select(list(values[0]), select(source)))
