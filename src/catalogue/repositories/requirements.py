"""Rows of the requirements of services."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from catalogue.diff import Change
from catalogue.model.requirements import requirement_resource_rows, requirement_rows
from catalogue.model.services import Service
from catalogue.repositories.rows import delete_rows, replace_rows
from kernel.ids import TenantId


class RequirementRepository:
    """Requirements of services, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def write(self, changes: Sequence[Change], services: Sequence[Service]) -> None:
        """Write the requirements of these services that the changes name."""
        ids = {change.id for change in changes if change.sets("requires")}
        changed = [service for service in services if service.id in ids]
        requirements = [row for service in changed for row in requirement_rows(service.id, service.requires)]
        named = [row for service in changed for row in requirement_resource_rows(service.id, service.requires)]
        # The named resources refer to the requirements, so they go first.
        await delete_rows(self._connection, self._tenant_id, tables.requirement_resources, "service_id", list(ids))
        await replace_rows(
            self._connection, self._tenant_id, tables.requirements, "service_id", list(ids), requirements
        )
        await replace_rows(self._connection, self._tenant_id, tables.requirement_resources, "service_id", (), named)
