"""Repository of erasures: ids and times only."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bookings.customers import CustomerRepository
from kernel.ids import CustomerId, TenantId
from persistence.tables import consents, erasures

_FINISH: Final = text(
    """
    UPDATE erasures SET finished_at = now()
    WHERE tenant_id = :tenant_id AND customer_id = :customer_id AND finished_at IS NULL
    """
)


class ErasureRepository:
    """Erasures of customers of one business, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def note(self, customer_id: CustomerId) -> None:
        """Note that a customer is to be erased; once noted it stays."""
        values = {"tenant_id": self._tenant_id, "customer_id": customer_id}
        await self._connection.execute(insert(erasures).values(**values).on_conflict_do_nothing())

    async def erase(self, ids: Sequence[CustomerId]) -> None:
        """Erase everything personal under these ids; what is erased already stays so."""
        stored = CustomerRepository(self._connection, self._tenant_id)
        for customer_id in ids:
            await stored.erase(customer_id)
        column = consents.c
        await self._connection.execute(
            consents.delete().where(column.tenant_id == self._tenant_id, column.customer_id.in_(ids))
        )

    async def finish(self, customer_id: CustomerId) -> None:
        """Note that the erasure is complete."""
        await self._connection.execute(_FINISH, {"tenant_id": self._tenant_id, "customer_id": customer_id})

    async def find_all(self, *, after: str, limit: int) -> list[CustomerId]:
        """The next customers whose erasure was noted, finished or not."""
        column = erasures.c
        statement = (
            select(column.customer_id)
            .where(column.tenant_id == self._tenant_id, column.customer_id > after)
            .order_by(column.customer_id)
            .limit(limit)
        )
        return [CustomerId(one) for one in await self._connection.scalars(statement)]
