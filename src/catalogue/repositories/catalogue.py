"""The catalogue as a whole."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Table,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from catalogue.desired import DesiredCatalogue
from catalogue.diff import CatalogueDiff, TimeOffChange
from catalogue.model.business import Business, BusinessRow, business_row, stored_business
from catalogue.model.catalogue import Catalogue
from catalogue.model.columns import columns_of, updated_values
from catalogue.model.locations import Location, LocationRow, location_row, stored_location
from catalogue.model.objects import ObjectKind
from catalogue.model.requirements import Requirement, RequirementResourceRow, RequirementRow, stored_requirement
from catalogue.model.resources import Lane, Resource, ResourceRow, resource_row, stored_resource
from catalogue.model.schedules import OverrideRow, Schedule, WeeklySpanRow, stored_overrides, stored_weekly_span
from catalogue.model.services import Service, ServiceRow, service_row, stored_service
from catalogue.repositories.objects import ObjectRepository
from catalogue.repositories.requirements import RequirementRepository
from catalogue.repositories.resource_parts import ResourcePartRepository
from catalogue.repositories.time_off import TimeOffRepository
from kernel.errors import NotFound
from kernel.ids import LocationId, ResourceId, TenantId, is_id, is_key

_RowT = TypeVar("_RowT")

_WHOLE_PLACE: Final = ("position", "id")
_WEEKLY_PLACE: Final = ("resource_id", "position")


class CatalogueRepository:
    """Everything a business has set up, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def lock(self) -> None:
        """Let no other writer change this catalogue until the transaction ends. Raises NotFound."""
        businesses = tables.businesses
        statement = select(businesses.c.tenant_id).where(businesses.c.tenant_id == self._tenant_id).with_for_update()
        if (await self._connection.execute(statement)).first() is None:
            raise _no_business()

    async def load(self) -> Catalogue:
        """The whole catalogue; one state of it, if the transaction is a snapshot or holds the lock. Raises NotFound."""
        businesses = await self._rows(BusinessRow, tables.businesses, ())
        if not businesses:
            raise _no_business()
        locations = [stored_location(row) for row in await self._rows(LocationRow, tables.locations, _WHOLE_PLACE)]
        return Catalogue(
            business=stored_business(businesses[0]),
            locations=tuple(locations),
            resources=await self._load_resources({location.id: location for location in locations}),
            services=await self._load_services(),
        )

    async def write(self, difference: CatalogueDiff, desired: DesiredCatalogue) -> None:
        """Make the stored catalogue the desired one; the caller holds the lock."""
        if difference.touches_catalogue:
            await self._write_business(desired.business)
        of_locations = difference.of_kind(ObjectKind.LOCATION)
        of_resources = difference.of_kind(ObjectKind.RESOURCE)
        of_services = difference.of_kind(ObjectKind.SERVICE)
        connection, tenant_id = self._connection, self._tenant_id
        await ObjectRepository(connection, tenant_id, tables.locations).write(
            of_locations, [location_row(location) for location in desired.locations]
        )
        await ObjectRepository(connection, tenant_id, tables.resources).write(
            of_resources, [resource_row(resource) for resource in desired.resources]
        )
        await ResourcePartRepository(connection, tenant_id).write(of_resources, desired.resources)
        await ObjectRepository(connection, tenant_id, tables.services).write(
            of_services, [service_row(service) for service in desired.services]
        )
        await RequirementRepository(connection, tenant_id).write(of_services, desired.services)
        await self._write_time_off(difference.time_off)

    async def find_resource_id(self, name: str) -> ResourceId:
        """The live resource with that id or key. Raises NotFound."""
        resources = tables.resources
        query = select(resources.c.id).where(
            resources.c.tenant_id == self._tenant_id,
            or_(resources.c.id == name, resources.c.key == name),
            resources.c.archived_at.is_(None),
        )
        # What can be no name is not sent: Postgres would refuse some of it, a NUL for one.
        row = (await self._connection.execute(query)).first() if is_id(name) or is_key(name) else None
        if row is None:
            detail = f'There is no resource "{name}".'
            raise NotFound(detail)
        return ResourceId(row.id)

    async def _load_resources(self, locations: dict[LocationId, Location]) -> tuple[Resource, ...]:
        rows = await self._rows(ResourceRow, tables.resources, _WHOLE_PLACE)
        lanes = await self._load_lanes()
        hours = _by_resource(await self._rows(WeeklySpanRow, tables.hours, _WEEKLY_PLACE))
        breaks = _by_resource(await self._rows(WeeklySpanRow, tables.breaks, _WEEKLY_PLACE))
        overrides = _by_resource(await self._rows(OverrideRow, tables.overrides, ("resource_id", "on_date")))
        return tuple(
            stored_resource(
                row,
                lanes[row.id],
                Schedule(
                    timezone=locations[LocationId(row.location_id)].timezone,
                    hours=tuple(stored_weekly_span(span) for span in hours[row.id]),
                    breaks=tuple(stored_weekly_span(span) for span in breaks[row.id]),
                    overrides=stored_overrides(overrides[row.id]),
                ),
            )
            for row in rows
        )

    async def _load_lanes(self) -> defaultdict[str, list[Lane]]:
        lanes = tables.lanes
        query = select(lanes.c.resource_id, lanes.c.id, lanes.c.number).where(lanes.c.tenant_id == self._tenant_id)
        by_resource: defaultdict[str, list[Lane]] = defaultdict(list)
        for row in await self._connection.execute(query.order_by(lanes.c.resource_id, lanes.c.number)):
            by_resource[row.resource_id].append(Lane(id=row.id, number=row.number))
        return by_resource

    async def _load_services(self) -> tuple[Service, ...]:
        rows = await self._rows(ServiceRow, tables.services, _WHOLE_PLACE)
        pools: defaultdict[tuple[str, int], list[RequirementResourceRow]] = defaultdict(list)
        for named in await self._rows(
            RequirementResourceRow,
            tables.requirement_resources,
            ("service_id", "requirement_position", "position", "resource_id"),
        ):
            pools[named.service_id, named.requirement_position].append(named)
        requirements: defaultdict[str, list[Requirement]] = defaultdict(list)
        for requirement in await self._rows(RequirementRow, tables.requirements, ("service_id", "position")):
            pool = pools[requirement.service_id, requirement.position]
            requirements[requirement.service_id].append(stored_requirement(requirement, pool))
        return tuple(stored_service(row, requirements[row.id]) for row in rows)

    async def _rows(self, row_type: type[_RowT], table: Table, order: tuple[str, ...]) -> list[_RowT]:
        declaration: type = row_type
        columns: list[ColumnElement[object]] = [table.c[column.name] for column in columns_of(declaration)]
        query = (
            select(*columns).where(table.c.tenant_id == self._tenant_id).order_by(*(table.c[name] for name in order))
        )
        return [row_type(**row) for row in (await self._connection.execute(query)).mappings()]

    async def _write_business(self, business: Business) -> None:
        """Every change of the catalogue is a new version of the business."""
        businesses = tables.businesses
        await self._connection.execute(
            update(businesses)
            .where(businesses.c.tenant_id == self._tenant_id)
            .values(updated_values(business_row(business)) | {"version": businesses.c.version + 1})
        )

    async def _write_time_off(self, changes: Iterable[TimeOffChange]) -> None:
        time_off = TimeOffRepository(self._connection, self._tenant_id)
        for change in changes:
            await time_off.delete(entry.id for entry in change.removed)
            await time_off.add(change.resource_id, change.added)


_PartT = TypeVar("_PartT", WeeklySpanRow, OverrideRow)


def _by_resource(rows: Iterable[_PartT]) -> defaultdict[str, list[_PartT]]:
    groups: defaultdict[str, list[_PartT]] = defaultdict(list)
    for row in rows:
        groups[row.resource_id].append(row)
    return groups


def _no_business() -> NotFound:
    return NotFound("This business does not exist. Create it first.")
