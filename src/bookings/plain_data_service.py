"""Use case that seals personal data in plain text, which a program before wrote, or one without a master key."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from bookings.customers import CustomerRepository
from bookings.repository import AppointmentRepository
from kernel.operation import Operation
from persistence.business_keys import ensure_key
from persistence.due_work import DueWorkKind, take_due
from persistence.unit_of_work import UnitOfWork

_APPOINTMENT: Final = "apt_"


class PlainDataService:
    """Seals rows beside traffic: each batch is a transaction, so an interruption costs nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._unit_of_work = UnitOfWork(engine)

    async def seal(self, operation: Operation, most: int) -> int:
        """Seal up to so many rows of the business, and return their number; 0 where there is no master key.

        Raises SecretUnreadable, StoreUnavailable.
        """
        ring = await ensure_key(self._engine, operation.tenant_id)
        if ring is None:
            return 0
        async with self._unit_of_work.begin(operation) as transaction:
            connection, tenant_id = transaction.connection, transaction.tenant_id
            # Taken out in the transaction that seals them: whatever is written in plain text meanwhile is noted anew.
            ids = await take_due(connection, tenant_id, DueWorkKind.PLAIN_DATA, most)
            await CustomerRepository(connection, tenant_id).seal([one for one in ids if not _is_appointment(one)], ring)
            await AppointmentRepository(connection, tenant_id).seal([one for one in ids if _is_appointment(one)])
        return len(ids)


def _is_appointment(subject: str) -> bool:
    return subject.startswith(_APPOINTMENT)
