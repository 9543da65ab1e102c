"""Deletion of archived objects that nothing names any more."""

from catalogue.repositories.archived_objects import ArchivedObjectRepository
from catalogue.repositories.catalogue import CatalogueRepository
from kernel.operation import Operation
from persistence.audit import AuditNote
from persistence.unit_of_work import UnitOfWork


class ArchivedObjectService:
    """Use cases on archived objects.

    For 30 days an object that was archived by mistake returns under its key, with its id, hours and time off.
    """

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def purge(self, operation: Operation, limit: int) -> int:
        """Delete up to that many of the business that nothing names by now, and say how many.

        It is one transaction, in turn with the writers of the catalogue. Raises NotFound, StoreUnavailable.
        """
        async with self._unit_of_work.begin(operation) as tx:
            await CatalogueRepository(tx.connection, tx.tenant_id).lock()
            deleted = await ArchivedObjectRepository(tx.connection, tx.tenant_id).delete_unnamed(limit)
            if deleted:
                await tx.audit.add(AuditNote(subject=str(tx.tenant_id), fields=["archived_objects"]))
        return deleted
