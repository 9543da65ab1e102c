"""Holds that became appointments, for those who know of the hold only."""

from collections.abc import Collection

from bookings.repository import AppointmentRepository
from kernel.ids import HoldId
from persistence.unit_of_work import Transaction


class BookedHoldsReader:
    """Answers holds.expiry, which lies below bookings and cannot ask by itself."""

    async def find_booked(self, transaction: Transaction, hold_ids: Collection[HoldId]) -> Collection[HoldId]:
        """The holds that became appointments."""
        repository = AppointmentRepository(transaction.connection, transaction.tenant_id)
        return (await repository.find_booked(hold_ids)).keys()
