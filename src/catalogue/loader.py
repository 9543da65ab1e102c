"""Reading of whole catalogues for the processes that keep them in memory."""

from catalogue.model.catalogue import Catalogue
from catalogue.repositories.catalogue import CatalogueRepository
from kernel.ids import TenantId
from persistence.unit_of_work import UnitOfWork


class CatalogueLoader:
    """Loads catalogues from Postgres."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def load(self, tenant_id: TenantId) -> Catalogue:
        """The catalogue in one snapshot. Raises NotFound, or StoreUnavailable."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await CatalogueRepository(connection, tenant_id).load()
