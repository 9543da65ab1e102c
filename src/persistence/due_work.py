"""Repository of due work: the businesses that have something to do by now."""

from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kernel.ids import TenantId
from persistence.errors import postgres_errors
from persistence.tables import due_work

# Rows read at once: some hundred kilobytes.
_PAGE: Final = 1000

_DueRow = Row[Any, Any, Any]
"""The due instant, the business, the subject."""


class DueWorkKind(StrEnum):
    """Kind of due work; triggers write the rows (migrations 0008, 0010, 0038)."""

    APPROVAL = "approval"
    """A pending appointment that nobody has approved in time."""
    IDEMPOTENCY = "idempotency"
    """Idempotency keys of an hour, of which the last is free."""
    ARCHIVED = "archived"
    """Objects archived on a day, of which the last has been so for as long as it is kept."""
    PLAIN_DATA = "plain_data"
    """A row with personal data in plain text, which a program before wrote, or one without a master key."""


class DueWorkRepository:
    """Due work of all businesses."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def businesses(self, kind: DueWorkKind, now: datetime) -> AsyncIterator[TenantId]:
        """Each business that has work of the kind due before now, the longest due first. Raises StoreUnavailable.

        No transaction is open while the caller works. The cost follows the rows that are due.
        """
        seen: set[TenantId] = set()
        after: _DueRow | None = None
        while True:
            page = await self._page(kind, now, after)
            for row in page:
                if row.tenant_id not in seen:
                    seen.add(row.tenant_id)
                    yield TenantId(row.tenant_id)
            if len(page) < _PAGE:
                return
            after = page[-1]

    async def _page(self, kind: DueWorkKind, now: datetime, after: _DueRow | None) -> list[_DueRow]:
        order = (due_work.c.due_at, due_work.c.tenant_id, due_work.c.subject)
        query = select(*order).where(due_work.c.kind == kind.value, due_work.c.due_at < now)
        if after is not None:
            query = query.where(tuple_(*order) > tuple(after))
        with postgres_errors():
            async with self._engine.connect() as connection:
                return list((await connection.execute(query.order_by(*order).limit(_PAGE))).all())


async def take_due(connection: AsyncConnection, tenant_id: TenantId, kind: DueWorkKind, most: int) -> list[str]:
    """Take up to so many subjects that are due in the business out of the table, in the connection's transaction.

    Those that another transaction has taken are left to it.
    """
    column = due_work.c
    some = (
        select(column.subject)
        .where(column.kind == kind.value, column.tenant_id == tenant_id, column.due_at <= func.now())
        .limit(most)
        .with_for_update(skip_locked=True)
        # Not a subquery, which may be run again for each row, and then finds others.
        .cte("some")
    )
    taken = await connection.execute(
        delete(due_work)
        .where(column.kind == kind.value, column.tenant_id == tenant_id, column.subject.in_(select(some.c.subject)))
        .returning(column.subject)
    )
    return [subject for (subject,) in taken]


async def delete_due(connection: AsyncConnection, tenant_id: TenantId, kind: DueWorkKind) -> None:
    """Note, in the transaction of the connection, that the business has done what was due by now."""
    await connection.execute(
        delete(due_work).where(
            due_work.c.kind == kind.value, due_work.c.tenant_id == tenant_id, due_work.c.due_at <= func.now()
        )
    )
