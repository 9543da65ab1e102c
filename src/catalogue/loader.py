"""Reading of whole catalogues for the processes that keep them in memory."""

from collections.abc import Collection

from catalogue.model.catalogue import Catalogue
from catalogue.repositories.catalogue import CatalogueRepository
from kernel.ids import TenantId
from persistence.unit_of_work import UnitOfWork


class CatalogueLoader:
    """Loads catalogues from Postgres."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def load(self, tenant_id: TenantId, *, also: Collection[str] = ()) -> Catalogue:
        """Everything live in one snapshot, and the archived objects of those ids and keys.

        Raises NotFound, or StoreUnavailable.
        """
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await CatalogueRepository(connection, tenant_id).load(also=also)

    async def load_named(self, tenant_id: TenantId, names: Collection[str]) -> Catalogue:
        """The objects of those ids and keys in one snapshot, archived or not, with what they refer to.

        Raises NotFound, or StoreUnavailable.
        """
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await CatalogueRepository(connection, tenant_id).load_named(names)
