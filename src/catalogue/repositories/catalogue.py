"""The catalogue as a whole."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Table, Text, any_, exists, false, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue import tables
from catalogue.desired import DesiredCatalogue
from catalogue.diff import CatalogueDiff, TimeOffChange
from catalogue.model.business import Business, BusinessRow, business_row, stored_business
from catalogue.model.business_days import count_business_days
from catalogue.model.catalogue import Catalogue
from catalogue.model.columns import columns_of, updated_values
from catalogue.model.locations import Location, LocationRow, location_row, stored_location
from catalogue.model.objects import ObjectKind
from catalogue.model.requirements import Requirement, RequirementResourceRow, RequirementRow, stored_requirement
from catalogue.model.resources import Lane, Resource, ResourceRow, resource_row, stored_resource
from catalogue.model.schedules import (
    OverrideRow,
    Schedule,
    WeeklySpanRow,
    stored_despite_closures,
    stored_overrides,
    stored_weekly_span,
)
from catalogue.model.services import Service, ServiceRow, service_row, stored_service
from catalogue.model.sites import placed, stored_located
from catalogue.repositories.objects import ObjectRepository
from catalogue.repositories.requirements import RequirementRepository
from catalogue.repositories.resource_parts import ResourcePartRepository
from catalogue.repositories.time_off import TimeOffRepository
from kernel.errors import NotFound
from kernel.ids import LocationId, ResourceId, TenantId, is_id, is_key
from kernel.operation import Own

_RowT = TypeVar("_RowT")
_ObjectRowT = TypeVar("_ObjectRowT", LocationRow, ResourceRow, ServiceRow)

_WHOLE_PLACE: Final = ("position", "id")
_WEEKLY_PLACE: Final = ("resource_id", "position")
# So many take some milliseconds to turn into values: with more, others are answered meanwhile.
_MANY_ROWS: Final = 500


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

    async def load(self, *, also: Collection[str] = ()) -> Catalogue:
        """Everything live, and the archived objects of those ids and keys, each with what it refers to.

        It is one state, if the transaction is a snapshot or holds the lock. The cost follows what is loaded, however
        much is archived. Raises NotFound.
        """
        return await self._load(_Extent(live=True, names=_possible_names(also)))

    async def load_named(self, names: Collection[str]) -> Catalogue:
        """The objects of those ids and keys, archived or not, with what they refer to. Raises NotFound."""
        return await self._load(_Extent(live=False, names=_possible_names(names)))

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

    async def find_resource_id(self, name: str, *, own: Own | None) -> ResourceId:
        """The live resource with that id or key, if it belongs to `own`. Raises NotFound."""
        resources = tables.resources
        query = select(resources.c.id).where(
            resources.c.tenant_id == self._tenant_id,
            or_(resources.c.id == name, resources.c.key == name),
            resources.c.archived_at.is_(None),
        )
        # What can be no name is not sent: Postgres would refuse some of it, a NUL for one.
        row = (await self._connection.execute(query)).first() if is_id(name) or is_key(name) else None
        if row is None or (own is not None and not own.has_resource([row.id])):
            detail = f'There is no resource "{name}".'
            raise NotFound(detail)
        return ResourceId(row.id)

    async def counts_business_days(self) -> bool:
        """True if a booking window of the business, a resource or a service counts business days."""
        counts = [
            exists().where(table.c.tenant_id == self._tenant_id, table.c.rules["window"]["business_days"].is_not(None))
            for table in (tables.businesses, tables.resources, tables.services)
        ]
        return bool((await self._connection.execute(select(or_(*counts)))).scalar_one())

    async def _load(self, extent: "_Extent") -> Catalogue:
        businesses = await self._rows(BusinessRow, tables.businesses, ())
        if not businesses:
            raise _no_business()
        services = await self._load_services(extent)
        pools = {
            resource_id
            for service in services
            for entry in service.requires
            for resource_id in (*entry.any_of, *entry.terms)
        }
        resource_rows = await self._objects(ResourceRow, tables.resources, extent, also=pools)
        at = {LocationId(row.location_id) for row in resource_rows}
        at |= {entry.location_id for row in resource_rows for entry in stored_located(row.located)}
        location_rows = await self._objects(LocationRow, tables.locations, extent, also=at)
        business = stored_business(businesses[0])
        locations = tuple(map(stored_location, location_rows))
        resources = await self._resources(resource_rows, {one.id: one for one in locations}, business)
        counts = count_business_days(business, resources, services)
        return Catalogue(
            business=business,
            locations=locations,
            resources=resources,
            services=services,
            time_off=await TimeOffRepository(self._connection, self._tenant_id).find_coming() if counts else {},
        )

    async def _resources(
        self, rows: Sequence[ResourceRow], locations: Mapping[LocationId, Location], business: Business
    ) -> tuple[Resource, ...]:
        ids = [row.id for row in rows]
        lanes = await self._load_lanes(ids)
        hours = _by_resource(await self._parts(WeeklySpanRow, tables.hours, _WEEKLY_PLACE, ids))
        breaks = _by_resource(await self._parts(WeeklySpanRow, tables.breaks, _WEEKLY_PLACE, ids))
        overrides = _by_resource(await self._parts(OverrideRow, tables.overrides, ("resource_id", "on_date"), ids))

        def stored(row: ResourceRow) -> Resource:
            home = locations[LocationId(row.location_id)]
            schedule = Schedule(
                timezone=home.timezone,
                hours=tuple(stored_weekly_span(span) for span in hours[row.id]),
                breaks=tuple(stored_weekly_span(span) for span in breaks[row.id]),
                overrides=stored_overrides(overrides[row.id]),
                despite_closures=stored_despite_closures(overrides[row.id]),
                located=stored_located(row.located),
            )
            return stored_resource(row, lanes[row.id], placed(schedule, home, locations, business))

        if len(rows) < _MANY_ROWS:
            return tuple(map(stored, rows))
        return await asyncio.to_thread(lambda: tuple(map(stored, rows)))

    async def _load_lanes(self, resource_ids: Sequence[str]) -> defaultdict[str, list[Lane]]:
        lanes = tables.lanes
        query = select(lanes.c.resource_id, lanes.c.id, lanes.c.number).where(
            lanes.c.tenant_id == self._tenant_id, _among(lanes.c.resource_id, resource_ids)
        )
        found = (await self._connection.execute(query.order_by(lanes.c.resource_id, lanes.c.number))).all()
        return _lanes_of(found) if len(found) < _MANY_ROWS else await asyncio.to_thread(_lanes_of, found)

    async def _load_services(self, extent: "_Extent") -> tuple[Service, ...]:
        rows = await self._objects(ServiceRow, tables.services, extent)
        ids = [row.id for row in rows]
        pools: defaultdict[tuple[str, int], list[RequirementResourceRow]] = defaultdict(list)
        for named in await self._parts(
            RequirementResourceRow,
            tables.requirement_resources,
            ("service_id", "requirement_position", "position", "resource_id"),
            ids,
        ):
            pools[named.service_id, named.requirement_position].append(named)
        requirements: defaultdict[str, list[Requirement]] = defaultdict(list)
        for requirement in await self._parts(RequirementRow, tables.requirements, ("service_id", "position"), ids):
            pool = pools[requirement.service_id, requirement.position]
            requirements[requirement.service_id].append(stored_requirement(requirement, pool))
        return tuple(stored_service(row, requirements[row.id]) for row in rows)

    async def _objects(
        self, row_type: type[_ObjectRowT], table: Table, extent: "_Extent", *, also: Collection[str] = ()
    ) -> list[_ObjectRowT]:
        """The objects of a table, in order; after them those of the ids `also`, which others refer to."""
        rows = await self._rows(row_type, table, _WHOLE_PLACE, extent.of(table))
        missing = set(also).difference(row.id for row in rows)
        if missing:
            rows += await self._rows(row_type, table, _WHOLE_PLACE, _among(table.c.id, sorted(missing)))
        return rows

    async def _parts(
        self, row_type: type[_RowT], table: Table, order: tuple[str, ...], owner_ids: Sequence[str]
    ) -> list[_RowT]:
        """The rows that belong to some objects, which the first column of the order names."""
        return await self._rows(row_type, table, order, _among(table.c[order[0]], owner_ids))

    async def _rows(
        self, row_type: type[_RowT], table: Table, order: tuple[str, ...], *conditions: ColumnElement[bool]
    ) -> list[_RowT]:
        declaration: type = row_type
        columns: list[ColumnElement[object]] = [table.c[column.name] for column in columns_of(declaration)]
        query = select(*columns).where(table.c.tenant_id == self._tenant_id, *conditions)
        query = query.order_by(*(table.c[name] for name in order))
        found = (await self._connection.execute(query)).mappings().all()
        if len(found) < _MANY_ROWS:
            return [row_type(**row) for row in found]
        return await asyncio.to_thread(lambda: [row_type(**row) for row in found])

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """The objects that are loaded."""

    live: bool
    """True: all live ones."""
    names: Sequence[str]
    """Ids and keys of others."""

    def of(self, table: Table) -> ColumnElement[bool]:
        """The condition on the rows of a table of objects."""
        conditions: list[ColumnElement[bool]] = [table.c.archived_at.is_(None)] if self.live else []
        if self.names:
            conditions += [_among(table.c.id, self.names), _among(table.c.key, self.names)]
        return or_(false(), *conditions)


def _possible_names(names: Collection[str]) -> list[str]:
    """The names without those that can be none: Postgres would refuse some of them, a NUL for one."""
    return sorted(name for name in set(names) if is_id(name) or is_key(name))


def _among(column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    # One array, however long: another number of parameters would be another statement, to be prepared anew.
    return column == any_(literal(list(values), ARRAY(Text)))


_PartT = TypeVar("_PartT", WeeklySpanRow, OverrideRow)


def _by_resource(rows: Iterable[_PartT]) -> defaultdict[str, list[_PartT]]:
    groups: defaultdict[str, list[_PartT]] = defaultdict(list)
    for row in rows:
        groups[row.resource_id].append(row)
    return groups


def _lanes_of(rows: Iterable[Any]) -> defaultdict[str, list[Lane]]:
    groups: defaultdict[str, list[Lane]] = defaultdict(list)
    for row in rows:
        groups[row.resource_id].append(Lane(id=row.id, number=row.number))
    return groups


def _no_business() -> NotFound:
    return NotFound("This business does not exist. Create it first.")
