"""Outbox of events, written in the transaction that makes them true."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kernel.events import Event
from kernel.operation import Operation
from persistence.errors import postgres_errors
from persistence.tables import outbox

COLUMNS: Final = "tenant_id, name, subject, data, actor, request_id"
"""Columns that a row fills, for statements that insert rows of `row_of` beside what the events report."""
RECORD: Final = "tenant_id uuid, name text, subject text, data jsonb, actor text, request_id text"
"""Definition of a row that such a statement is given as JSON."""
_ADD: Final = insert(outbox)
# Row-level security hides the events of other businesses: a function tells the one time, and nothing else of them.
_OLDEST_SECONDS: Final = text("SELECT CAST(extract(epoch FROM now() - outbox_oldest()) AS double precision)")

# So does this one, which deletes by age and tells a number.
_DELETE_OLD: Final = text("SELECT delete_old_events(CAST(:age AS interval), CAST(:most AS integer))")


class Outbox:
    """Adds events to the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, operation: Operation) -> None:
        self._connection = connection
        self._operation = operation

    async def add(self, *events: Event) -> None:
        """Keep the events for their subscribers; they are there if and only if the transaction commits."""
        await self._connection.execute(_ADD, [row_of(event, self._operation) for event in events])


def row_of(event: Event, operation: Operation) -> Mapping[str, object]:
    """Build the row of an event that the operation causes."""
    return {
        "tenant_id": operation.tenant_id,
        "name": event.name,
        "subject": event.subject,
        "data": dict(event.data),
        "actor": str(operation.actor),
        "request_id": operation.request_id,
    }


async def delete_old_events(engine: AsyncEngine, *, days: int, most: int) -> int:
    """Delete up to that many events of the feed, of all businesses, that are older than so many days, and say how many.

    Raises StoreUnavailable.
    """
    with postgres_errors():
        async with engine.begin() as connection:
            return int(await connection.scalar(_DELETE_OLD, {"age": timedelta(days=days), "most": most}) or 0)


async def oldest_event_seconds(engine: AsyncEngine) -> float | None:
    """Age of the oldest event that waits for the relay; None where none does. Raises StoreUnavailable."""
    with postgres_errors():
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            age: float | None = await connection.scalar(_OLDEST_SECONDS)
    return age
