"""Events, written in the transaction that makes them true."""

from typing import Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.events import Event
from kernel.operation import Operation
from persistence.tables import outbox

_ADD: Final = insert(outbox)


class Outbox:
    """Adds events to the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, operation: Operation) -> None:
        self._connection = connection
        self._operation = operation

    async def add(self, *events: Event) -> None:
        """Keep the events for whoever reacts to them; they are there if and only if the transaction commits."""
        await self._connection.execute(
            _ADD,
            [
                {
                    "tenant_id": self._operation.tenant_id,
                    "name": event.name,
                    "subject": event.subject,
                    "data": dict(event.data),
                    "actor": str(self._operation.actor),
                    "request_id": self._operation.request_id,
                }
                for event in events
            ],
        )
