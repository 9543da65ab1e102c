"""Repository of events: what the relay moves, and what readers of the feed ask."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, and_, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from events.model import RelayedEvent, StoredEvent, data_of
from kernel.ids import EventId, TenantId
from persistence.tables import events

_NEWS: Final = text("SELECT tenant_id, seq FROM events_news(CAST(:place AS bigint), CAST(:most AS integer))")
_HEAD: Final = text("SELECT events_head()")
_RELAY: Final = text("SELECT seq, tenant_id, id, type, subject FROM relay_events(CAST(:most AS integer))")


class RelayRepository:
    """Events of all businesses, as the relay may see them: what they are about, and not what they say."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def relay(self, most: int) -> list[RelayedEvent]:
        """Move up to so many events from the outbox into the feed, and tell of them in their new order.

        None while another transaction does the same. Until this one commits, no other one may.
        """
        rows = await self._connection.execute(_RELAY, {"most": most})
        return [
            RelayedEvent(
                seq=row.seq,
                tenant_id=TenantId(row.tenant_id),
                id=EventId(row.id),
                type=row.type,
                subject=row.subject,
            )
            for row in rows
        ]

    async def news(self, place: int, most: int) -> dict[TenantId, int]:
        """The businesses that have events after a place, with the place of the newest of each: of so many events."""
        rows = await self._connection.execute(_NEWS, {"place": place, "most": most})
        return {TenantId(row.tenant_id): row.seq for row in rows}

    async def newest(self) -> int:
        """The place of the newest event of all; 0 where there is none."""
        return int(await self._connection.scalar(_HEAD) or 0)


class EventRepository:
    """Events of one business, inside a transaction of that business."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_after(
        self,
        place: int,
        *,
        patterns: Sequence[str] = (),
        subject: str | None = None,
        limit: int,
        scanned: int | None = None,
    ) -> list[StoredEvent]:
        """Find up to `limit` events after a place, the oldest first: those of some types, or about one subject.

        `scanned`: those of some types are looked for among so many.
        """
        conditions = [events.c.tenant_id == self._tenant_id, events.c.seq > place]
        if subject is not None:
            conditions.append(events.c.subject == subject)
        statement = select(events).where(and_(*conditions)).order_by(events.c.seq)
        if patterns:
            found = statement.limit(scanned).subquery()
            statement = select(found).where(or_(*[_is_of_type(found.c.type, one) for one in patterns]))
            statement = statement.order_by(found.c.seq)
        return [_event(row) for row in await self._connection.execute(statement.limit(limit))]

    async def find_nth(self, place: int, number: int, *, subject: str | None = None) -> EventId | None:
        """Find the event with that number after a place, of all or of one subject; None where there are fewer."""
        statement = select(events.c.id).where(events.c.tenant_id == self._tenant_id, events.c.seq > place)
        if subject is not None:
            statement = statement.where(events.c.subject == subject)
        statement = statement.order_by(events.c.seq).offset(number - 1).limit(1)
        return (await self._connection.execute(statement)).scalar_one_or_none()

    async def newest(self) -> int:
        """The place of the newest event of the business; 0 where there is none."""
        statement = select(func.max(events.c.seq)).where(events.c.tenant_id == self._tenant_id)
        return int(await self._connection.scalar(statement) or 0)

    async def find(self, ids: Sequence[EventId]) -> list[StoredEvent]:
        """Find events by their ids, in their order; those that are kept no longer are absent."""
        statement = select(events).where(events.c.tenant_id == self._tenant_id, events.c.id.in_(ids))
        return [_event(row) for row in await self._connection.execute(statement.order_by(events.c.seq))]

    async def find_place(self, event_id: EventId) -> int | None:
        """Find the place of an event; None where it is unknown, or kept no longer."""
        statement = select(events.c.seq).where(events.c.tenant_id == self._tenant_id, events.c.id == event_id)
        return (await self._connection.execute(statement)).scalar_one_or_none()


def _is_of_type(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    if pattern.endswith("*"):
        return column.startswith(pattern[:-1], autoescape=True)
    return column == pattern


def _event(row: Row[Any]) -> StoredEvent:
    return StoredEvent(
        seq=row.seq,
        tenant_id=TenantId(row.tenant_id),
        id=EventId(row.id),
        type=row.type,
        version=row.version,
        subject=row.subject,
        data=data_of(row.data),
        occurred_at=row.occurred_at,
    )
