"""Rows of locations, resources or services."""

from collections.abc import Collection, Sequence

from sqlalchemy import (
    Table,
    func,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.diff import Action, Change
from catalogue.model.columns import inserted_values, updated_values
from catalogue.model.object_row import ObjectRow
from catalogue.repositories.rows import insert_values, recordset
from kernel.ids import TenantId


class ObjectRepository:
    """Rows of one kind of object, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId, table: Table) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._table = table

    async def write(self, changes: Sequence[Change], rows: Sequence[ObjectRow]) -> None:
        """Write the changed rows; `rows` are all desired rows of the kind, in order."""
        if changes:
            await self._insert({change.id for change in changes if change.action is Action.CREATE}, rows)
            await self._update({change.id for change in changes if change.updates_row}, rows)
            await self._archive([change.id for change in changes if change.action is Action.ARCHIVE])
            await self._write_order([row.id for row in rows])

    async def _insert(self, ids: Collection[str], rows: Sequence[ObjectRow]) -> None:
        values = [inserted_values(row) | {"position": place} for place, row in enumerate(rows) if row.id in ids]
        await insert_values(self._connection, self._tenant_id, self._table, values)

    async def _update(self, ids: Collection[str], rows: Sequence[ObjectRow]) -> None:
        """Set the columns of rows that are there; an archived one comes back."""
        updated = [{"id": row.id} | updated_values(row) for row in rows if row.id in ids]
        if not updated:
            return
        table, source = self._table, recordset(self._table, updated)
        values = {name: source.c[name] for name in updated[0] if name != "id"}
        await self._connection.execute(
            update(table)
            .where(table.c.tenant_id == self._tenant_id, table.c.id == source.c.id)
            .values(values | {"archived_at": None, "version": table.c.version + 1})
        )

    async def _archive(self, ids: Sequence[str]) -> None:
        table = self._table
        if ids:
            await self._connection.execute(
                update(table)
                .where(table.c.tenant_id == self._tenant_id, table.c.id.in_(ids))
                .values(archived_at=func.now(), version=table.c.version + 1)
            )

    async def _write_order(self, ids: Sequence[str]) -> None:
        """Give each object its place, without a new version of it."""
        table = self._table
        places = (
            text(
                "SELECT id, place - 1 AS place FROM unnest(CAST(:ids AS text[])) WITH ORDINALITY AS desired (id, place)"
            )
            .bindparams(ids=list(ids))
            .columns(table.c.id, table.c.position.label("place"))
            .subquery("desired")
        )
        await self._connection.execute(
            update(table)
            .where(
                table.c.tenant_id == self._tenant_id,
                table.c.id == places.c.id,
                table.c.position != places.c.place,
            )
            .values(position=places.c.place)
        )
