"""Use cases of erasure: to erase a customer, and to finish an erasure that was interrupted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from customers.erasures.journal import ErasureJournal, JournalEntry
from customers.erasures.repository import ErasureRepository
from customers.events import customer_erased
from customers.repository import CustomerIds, StoredCustomerRepository
from kernel.clock import Clock
from kernel.errors import StoreUnavailable
from kernel.ids import CustomerId
from kernel.operation import Operation
from persistence.audit import AuditNote
from persistence.unit_of_work import Transaction, UnitOfWork
from tasks.model import PlannedTask
from tasks.repository import TaskRepository

FINISH: Final = "customers.erase"
"""The kind of task that finishes an erasure; its subject and its key are the customer's id."""
_FINISH_AFTER: Final = timedelta(seconds=60)
"""Longer than a booking takes that found the customer just before: what it has added is erased as well."""
_BATCH: Final = 200
_NO_JOURNAL: Final = (
    "The journal of erasures takes no line, so nothing was erased yet. The erasure is noted, and is done as soon as "
    "the journal can be written."
)


class ErasureService:
    """Erases customers: what is personal goes, and the times stay. All raise StoreUnavailable."""

    def __init__(self, *, unit_of_work: UnitOfWork, journal: ErasureJournal, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._journal = journal
        self._clock = clock

    async def erase(
        self, operation: Operation, customer_id: CustomerId, *, unless_come_since: datetime | None = None
    ) -> bool:
        """Erase a customer and all who were merged into them; to erase again changes nothing.

        False for one who was erased before, or who has an appointment that ends at `unless_come_since` or later. First
        it is noted, so that a task finishes it, whatever happens to this process. Raises NotFound.
        """
        async with self._unit_of_work.begin(operation) as transaction:
            stored = StoredCustomerRepository(transaction.connection, operation.tenant_id)
            found = await stored.find_id(customer_id, own=operation.own)
            repository = ErasureRepository(transaction.connection, operation.tenant_id)
            person = await stored.lock_person(found)
            if person is None or person.is_erased:
                return False
            found = person.id
            if unless_come_since is not None and await stored.has_come(found, unless_come_since):
                return False
            await repository.note(found)
            due_at = self._clock.now() + _FINISH_AFTER
            task = PlannedTask(tenant_id=operation.tenant_id, kind=FINISH, subject=found, key=found, due_at=due_at)
            await TaskRepository(transaction.connection).plan([task])
            await transaction.audit.add(AuditNote(subject=found))
        return await self.finish(operation, found)

    async def finish(self, operation: Operation, customer_id: CustomerId) -> bool:
        """Erase what is left of a customer, also of one who was merged since into another: the two are one person.

        False where the business has no such customer, as after a restore.
        """
        async with self._unit_of_work.begin(operation) as transaction:
            repository = ErasureRepository(transaction.connection, operation.tenant_id)
            stored = StoredCustomerRepository(transaction.connection, operation.tenant_id)
            person = await stored.lock_person(customer_id)
            if person is not None:
                await self._erase_locked(transaction, person)
            await repository.finish(customer_id)
        return person is not None

    async def _erase_locked(self, transaction: Transaction, person: CustomerIds) -> None:
        ids, is_new = list(person.erased_at), not person.is_erased
        if is_new:
            # Before the commit: of what a backup brings back, this is all that tells.
            await self._write_down(transaction.operation, ids)
        await ErasureRepository(transaction.connection, transaction.tenant_id).erase(ids)
        stored = StoredCustomerRepository(transaction.connection, transaction.tenant_id)
        await stored.mark_erased(ids)
        if is_new:
            merged = [one for one in ids if one != person.id]
            await transaction.outbox.add(customer_erased(person.id, await stored.touch(person.id), merged))
            await transaction.audit.add(AuditNote(subject=person.id, more_subjects=merged, fields=("erased",)))

    async def replay(self, operation: Operation, customer_id: CustomerId) -> bool:
        """Erase a customer whom a restore has brought back; False where the restored business has no such customer."""
        async with self._unit_of_work.begin(operation) as transaction:
            stored = StoredCustomerRepository(transaction.connection, operation.tenant_id)
            if await stored.lock_person(customer_id) is None:
                return False
            await ErasureRepository(transaction.connection, operation.tenant_id).note(customer_id)
        return await self.finish(operation, customer_id)

    async def _write_down(self, operation: Operation, ids: Sequence[CustomerId]) -> None:
        try:
            await self._journal.add([JournalEntry(operation.tenant_id, one) for one in ids])
        except OSError as error:
            raise StoreUnavailable(_NO_JOURNAL) from error

    async def find_noted(self, operation: Operation) -> list[CustomerId]:
        """All customers of the business whose erasure the database has noted."""
        found: list[CustomerId] = []
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            repository = ErasureRepository(connection, operation.tenant_id)
            while True:
                page = await repository.find_all(after=found[-1] if found else "", limit=_BATCH)
                found += page
                if len(page) < _BATCH:
                    return found
