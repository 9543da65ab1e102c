"""Repository of businesses for their operator: standings of all of them, and requests that may be repeated."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Row, delete, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from businesses.model import OperatorRequest
from kernel.ids import TenantId
from persistence.tables import operator_requests, standings

LIFE: Final = timedelta(hours=24)
"""Time for which an answer is repeated; then the key is free."""
_LATELY: Final = timedelta(minutes=1)
# What other processes remember of a business that was deleted is older by then.
_REMEMBERED: Final = timedelta(days=1)
# Old rows that a new one takes with it.
_SWEPT: Final = 100
# Row-level security shows a business from inside alone, so each is entered for a moment.
_ENTER: Final = text("SELECT set_config('app.tenant_id', :tenant, true)")
_RESTRICTION: Final = (
    standings.c.tenant_id,
    standings.c.suspended_at.is_not(None).label("is_suspended"),
    standings.c.quotas,
)
_NO_QUOTAS: Final = text("'{}'::jsonb")
_READ: Final = text("SELECT name, timezone, currency, mode FROM businesses WHERE tenant_id = :tenant")


class Standing(NamedTuple):
    """Standing of a business."""

    tenant_id: TenantId
    created_at: datetime
    suspended_at: datetime | None
    deleted_at: datetime | None
    quotas: Mapping[str, int]


class Restriction(NamedTuple):
    """Limits that the operator has set to a business."""

    is_suspended: bool
    quotas: Mapping[str, int]


class StoredOperatorAnswer(NamedTuple):
    """Sealed answer to an earlier request."""

    request_digest: bytes
    tenant_id: TenantId
    answer: bytes


class StandingRepository:
    """Standings of all businesses, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find_marked(self, tenant_id: TenantId) -> Standing | None:
        """The standing of a business, deleted or not, which is locked; None where there never was one."""
        query = select(standings).where(standings.c.tenant_id == tenant_id).with_for_update()
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _standing(row)

    async def find(self, tenant_id: TenantId, *, for_update: bool = False) -> Standing | None:
        """The standing of a business; None where there is none. `for_update` locks it."""
        query = select(standings).where(standings.c.tenant_id == tenant_id, standings.c.deleted_at.is_(None))
        row = (await self._connection.execute(query.with_for_update() if for_update else query)).one_or_none()
        return None if row is None else _standing(row)

    async def find_page(self, limit: int, *, after: tuple[datetime, TenantId] | None) -> Sequence[Standing]:
        """Some standings, the oldest business first."""
        order = (standings.c.created_at, standings.c.tenant_id)
        query = select(standings).where(standings.c.deleted_at.is_(None)).order_by(*order).limit(limit)
        if after is not None:
            query = query.where(tuple_(*order) > after)
        return [_standing(row) for row in await self._connection.execute(query)]

    async def set_suspended(self, tenant_id: TenantId, *, suspended: bool) -> None:
        """Suspend a business that is not, or resume one that is."""
        suspended_at = func.coalesce(standings.c.suspended_at, func.now()) if suspended else None
        values = {"suspended_at": suspended_at, "changed_at": func.now()}
        await self._connection.execute(update(standings).where(standings.c.tenant_id == tenant_id).values(**values))

    async def set_quotas(self, tenant_id: TenantId, quotas: Mapping[str, int]) -> None:
        """Grant a business so many of each kind."""
        statement = update(standings).where(standings.c.tenant_id == tenant_id)
        await self._connection.execute(statement.values(quotas=dict(quotas), changed_at=func.now()))

    async def find_limited(self) -> Mapping[TenantId, Restriction]:
        """All businesses that are suspended or have quotas, and those that are being deleted, or were within a day."""
        query = select(*_RESTRICTION).where(
            or_(standings.c.suspended_at.is_not(None), standings.c.quotas != _NO_QUOTAS),
            or_(standings.c.removed_at.is_(None), standings.c.removed_at > func.now() - _REMEMBERED),
        )
        return _restrictions(await self._connection.execute(query))

    async def find_changed_lately(self) -> Mapping[TenantId, Restriction]:
        """The businesses whose standing changed within the last minute."""
        query = select(*_RESTRICTION).where(standings.c.changed_at > func.now() - _LATELY)
        return _restrictions(await self._connection.execute(query))

    async def count_suspended(self) -> int:
        """The number of businesses that are suspended, without those that were deleted."""
        query = select(func.count()).where(standings.c.suspended_at.is_not(None), standings.c.deleted_at.is_(None))
        return int(await self._connection.scalar(query) or 0)

    async def section(self, tenant_id: TenantId) -> Row[Any] | None:
        """Name, zone, currency and mode of a business, which the transaction enters; None where there is none."""
        await self._connection.execute(_ENTER, {"tenant": str(tenant_id)})
        return (await self._connection.execute(_READ, {"tenant": tenant_id})).one_or_none()


class OperatorRequestRepository:
    """Requests of the operator, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, request: OperatorRequest, tenant_id: TenantId, answer: bytes) -> bool:
        """Remember the answer. False: an earlier request has the key, which is waited for while it runs."""
        table = operator_requests
        fresh = insert(table).values(key=request.key, request_digest=request.digest, tenant_id=tenant_id, answer=answer)
        statement = fresh.on_conflict_do_update(
            index_elements=[table.c.key],
            set_={
                "request_digest": fresh.excluded.request_digest,
                "tenant_id": fresh.excluded.tenant_id,
                "answer": fresh.excluded.answer,
                "created_at": func.now(),
            },
            where=table.c.created_at <= func.now() - LIFE,
        ).returning(table.c.key)
        return (await self._connection.execute(statement)).one_or_none() is not None

    async def find_live(self, key: bytes) -> StoredOperatorAnswer | None:
        """The answer to an earlier request with the key, if it is still repeated."""
        table = operator_requests
        query = select(table).where(table.c.key == key, table.c.created_at > func.now() - LIFE)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else StoredOperatorAnswer(row.request_digest, TenantId(row.tenant_id), row.answer)

    async def sweep(self) -> None:
        """Delete some answers that are repeated no more."""
        table = operator_requests
        some = select(table.c.key).where(table.c.created_at <= func.now() - LIFE).limit(_SWEPT)
        await self._connection.execute(delete(table).where(table.c.key.in_(some.with_for_update(skip_locked=True))))


def _restrictions(rows: Iterable[Row[Any]]) -> Mapping[TenantId, Restriction]:
    return {TenantId(UUID(str(row.tenant_id))): Restriction(row.is_suspended, dict(row.quotas)) for row in rows}


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        TenantId(UUID(str(row.tenant_id))), row.created_at, row.suspended_at, row.deleted_at, dict(row.quotas)
    )
