"""A database that does not answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kernel.errors import StoreUnavailable
from kernel.ids import TenantId


class UnitOfWorkAway:
    """Stands in for persistence.unit_of_work.UnitOfWork."""

    @asynccontextmanager
    async def begin(self, tenant_id: TenantId) -> AsyncIterator[None]:
        """Always refuses."""
        _refuse(tenant_id)
        yield


def _refuse(tenant_id: TenantId) -> None:
    detail = f"The database of {tenant_id} does not answer."
    raise StoreUnavailable(detail)
