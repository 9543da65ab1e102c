"""The queue of cached bitmaps and catalogues that committed changes made untrue (migration 0002 writes its rows)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, any_, bindparam, delete, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine

from kernel.ids import CommitId, ResourceId, TenantId
from kernel.spans import day_number
from persistence.errors import postgres_errors
from persistence.tables import invalidations

# One array, however long: another number of parameters would be another statement, to be prepared anew.
_DELETE: Final = delete(invalidations).where(invalidations.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalidation:
    """A row of the queue."""

    id: int
    tenant_id: TenantId
    resource_id: ResourceId | None
    """None: the catalogue of the business changed."""
    days: range
    """UTC days since 1970-01-01; empty with no resource."""
    commit_id: CommitId | None
    """The engine's write that made it; None: another writer."""
    created_at: datetime


class InvalidationQueue:
    """Rows of all businesses. Each method is one transaction of its own, and raises StoreUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find_oldest(
        self, limit: int, *, after: int = 0, tenant_id: TenantId | None = None, without: Collection[TenantId] = ()
    ) -> list[Invalidation]:
        """Committed rows, the oldest first: those after the id, of the one business if it is named, and not of some."""
        query = select(invalidations).where(invalidations.c.id > after).order_by(invalidations.c.id).limit(limit)
        if tenant_id is not None:
            query = query.where(invalidations.c.tenant_id == tenant_id)
        if without:
            query = query.where(invalidations.c.tenant_id.not_in(without))
        with postgres_errors():
            async with self._engine.connect() as connection:
                rows = await connection.execute(query)
                return [
                    Invalidation(
                        id=row.id,
                        tenant_id=TenantId(row.tenant_id),
                        resource_id=ResourceId(row.resource_id) if row.resource_id else None,
                        days=range(day_number(row.first_day), day_number(row.last_day) + 1)
                        if row.resource_id
                        else range(0),
                        commit_id=CommitId(row.operation_id) if row.operation_id else None,
                        created_at=row.created_at,
                    )
                    for row in rows
                ]

    async def delete(self, ids: Sequence[int]) -> None:
        """Forget rows that Redis has been told of."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                await connection.execute(_DELETE, {"ids": list(ids)})
