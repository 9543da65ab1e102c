"""Statements that write many rows at once."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    Table,
    TableValuedAlias,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.model.columns import inserted_values
from kernel.ids import TenantId

# Encoding them as JSON takes some milliseconds, during which nobody else is answered.
_ROWS_AT_ONCE: Final = 2000

Values = dict[str, Any]
"""Values of a row by their columns."""


def recordset(table: Table, rows: Sequence[Values]) -> TableValuedAlias:
    """The rows as one parameter: thousands of them are one short statement, and one run of the triggers."""
    parameter = bindparam("rows", value=list(rows), type_=JSONB, unique=True)
    return func.jsonb_populate_recordset(literal_column(f"NULL::{table.name}"), parameter).table_valued(*rows[0])


async def insert_values(connection: AsyncConnection, tenant_id: TenantId, table: Table, rows: Iterable[Values]) -> None:
    """Insert rows that all have the same columns."""
    values = [{"tenant_id": str(tenant_id)} | row for row in rows]
    for first in range(0, len(values), _ROWS_AT_ONCE):
        source = recordset(table, values[first : first + _ROWS_AT_ONCE])
        await connection.execute(insert(table).from_select(list(values[0]), select(source)))


async def replace_rows(  # noqa: PLR0917 - in the order of the statement's parts
    connection: AsyncConnection,
    tenant_id: TenantId,
    table: Table,
    owner: str,
    owner_ids: Sequence[str],
    rows: Iterable[object],
) -> None:
    """Delete the rows of these owners, then insert the new ones; `owner` is the column that names the owner."""
    await delete_rows(connection, tenant_id, table, owner, owner_ids)
    values = await asyncio.to_thread(lambda: [inserted_values(row) for row in rows])
    await insert_values(connection, tenant_id, table, values)


async def delete_rows(
    connection: AsyncConnection, tenant_id: TenantId, table: Table, column: str, values: Sequence[str]
) -> None:
    """Delete the rows that have one of the values in that column."""
    if values:
        await connection.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c[column].in_(values)))
