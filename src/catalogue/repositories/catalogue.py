"""Reading and writing what a business has set up."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Select,
    Table,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.diff import Action, Change, Difference, Kind, TimeOffChange
from catalogue.model import Business, Catalogue, Resource, Service
from catalogue.rendering import rules_document
from catalogue.repositories.time_off import TimeOffRepository
from catalogue.repositories.writing import insert_rows, recordset
from catalogue.rows import to_catalogue
from catalogue.values import (
    Values,
    location_values,
    new_lanes,
    override_values,
    pool_values,
    requirement_values,
    resource_values,
    service_values,
    weekly_values,
)
from catalogue.wanted import Wanted
from kernel.errors import NotFound
from kernel.ids import ResourceId, TenantId, is_id, is_key
from persistence import tables

_KIND_TABLES: Final = {Kind.LOCATION: tables.locations, Kind.RESOURCE: tables.resources, Kind.SERVICE: tables.services}
_ORDERED: Final = {
    "locations": select(tables.locations).order_by(tables.locations.c.position, tables.locations.c.id),
    "resources": select(tables.resources).order_by(tables.resources.c.position, tables.resources.c.id),
    "lanes": select(tables.lanes).order_by(tables.lanes.c.resource_id, tables.lanes.c.number),
    "hours": select(tables.hours).order_by(tables.hours.c.resource_id, tables.hours.c.position),
    "breaks": select(tables.breaks).order_by(tables.breaks.c.resource_id, tables.breaks.c.position),
    "overrides": select(tables.overrides).order_by(tables.overrides.c.resource_id, tables.overrides.c.on_date),
    "services": select(tables.services).order_by(tables.services.c.position, tables.services.c.id),
    "requirements": select(tables.requirements).order_by(
        tables.requirements.c.service_id, tables.requirements.c.position
    ),
    "requirement_resources": select(tables.requirement_resources).order_by(
        tables.requirement_resources.c.service_id,
        tables.requirement_resources.c.requirement_position,
        tables.requirement_resources.c.position,
        tables.requirement_resources.c.resource_id,
    ),
}


class CatalogueRepository:
    """What a business has set up, in the transaction of the connection."""

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
        businesses = tables.businesses
        statement = select(businesses).where(businesses.c.tenant_id == self._tenant_id)
        business = (await self._connection.execute(statement)).first()
        if business is None:
            raise _no_business()
        return to_catalogue(business, {name: await self._rows(query) for name, query in _ORDERED.items()})

    async def write(self, difference: Difference, wanted: Wanted) -> None:
        """Make the stored catalogue the wanted one; the caller holds the lock."""
        changes = difference.changes
        if difference.touches_catalogue:
            await self._write_business(wanted.business)
        await self._write_objects(Kind.LOCATION, changes, {one.id: location_values(one) for one in wanted.locations})
        await self._write_objects(Kind.RESOURCE, changes, {one.id: resource_values(one) for one in wanted.resources})
        await self._write_parts_of_resources(changes, {one.id: one for one in wanted.resources})
        await self._write_objects(Kind.SERVICE, changes, {one.id: service_values(one) for one in wanted.services})
        await self._write_requirements(changes, {one.id: one for one in wanted.services})
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

    async def _rows(self, query: Select[Any]) -> Sequence[Any]:
        table = query.get_final_froms()[0]
        rows: Sequence[Any] = (await self._connection.execute(query.where(table.c.tenant_id == self._tenant_id))).all()
        return rows

    async def _write_business(self, business: Business) -> None:
        """Every change of the catalogue is a new version of the business."""
        businesses = tables.businesses
        await self._connection.execute(
            update(businesses)
            .where(businesses.c.tenant_id == self._tenant_id)
            .values(
                name=business.name,
                timezone=business.timezone,
                currency=business.currency,
                rules=rules_document(business.rules),
                version=businesses.c.version + 1,
            )
        )

    async def _write_objects(self, kind: Kind, changes: Iterable[Change], values: Mapping[str, Values]) -> None:
        """Write the rows of one kind, `values` being all that are wanted, in order."""
        changes = [change for change in changes if change.kind is kind]
        table = _KIND_TABLES[kind]
        positions = {thing_id: position for position, thing_id in enumerate(values)}
        created = [change.id for change in changes if change.action is Action.CREATE]
        await self._insert(table, [values[one] | {"position": positions[one]} for one in created])
        changed = [
            change.id for change in changes if change.action in {Action.CHANGE, Action.REVIVE} and change.touches_row
        ]
        await self._update(table, [values[one] for one in changed])
        await self._archive(table, [change.id for change in changes if change.action is Action.ARCHIVE])
        if changes:
            await self._write_order(table, list(values))

    async def _update(self, table: Table, rows: Sequence[Values]) -> None:
        if not rows:
            return
        source = recordset(table, rows)
        values = {name: source.c[name] for name in rows[0] if name != "id"}
        await self._connection.execute(
            update(table)
            .where(table.c.tenant_id == self._tenant_id, table.c.id == source.c.id)
            .values(values | {"archived_at": None, "version": table.c.version + 1})
        )

    async def _archive(self, table: Table, ids: Sequence[str]) -> None:
        if ids:
            await self._connection.execute(
                update(table)
                .where(table.c.tenant_id == self._tenant_id, table.c.id.in_(ids))
                .values(archived_at=func.now(), version=table.c.version + 1)
            )

    async def _write_order(self, table: Table, ids: Sequence[str]) -> None:
        """Give each object its place, without a new version of it."""
        places = (
            text(
                "SELECT id, place - 1 AS place FROM unnest(CAST(:ids AS text[])) WITH ORDINALITY AS wanted (id, place)"
            )
            .bindparams(ids=list(ids))
            .columns(table.c.id, table.c.position.label("place"))
            .subquery("wanted")
        )
        await self._connection.execute(
            update(table)
            .where(
                table.c.tenant_id == self._tenant_id,
                table.c.id == places.c.id,
                table.c.position != places.c.place,
            )
            .values(position=places.c.place)
        )

    async def _write_parts_of_resources(self, changes: Iterable[Change], wanted: Mapping[str, Resource]) -> None:
        """Lanes, hours, breaks and overrides of the resources in which they differ."""
        changed: dict[str, list[Resource]] = {"capacity": [], "hours": [], "breaks": [], "overrides": []}
        for change in changes:
            if change.kind is not Kind.RESOURCE or change.action is Action.ARCHIVE:
                continue
            for field, resources in changed.items():
                if change.action is Action.CREATE or field in change.fields:
                    resources.append(wanted[change.id])
        await self._insert(tables.lanes, [lane for resource in changed["capacity"] for lane in new_lanes(resource)])
        spans = {
            tables.hours: [
                row for resource in changed["hours"] for row in weekly_values(resource, resource.schedule.hours)
            ],
            tables.breaks: [
                row for resource in changed["breaks"] for row in weekly_values(resource, resource.schedule.breaks)
            ],
            tables.overrides: [
                override_values(resource.id, day, day_spans)
                for resource in changed["overrides"]
                for day, day_spans in resource.schedule.overrides.items()
            ],
        }
        for table, rows in spans.items():
            ids = [resource.id for resource in changed[table.name]]
            if ids:
                await self._connection.execute(
                    delete(table).where(table.c.tenant_id == self._tenant_id, table.c.resource_id.in_(ids))
                )
            await self._insert(table, rows)

    async def _write_requirements(self, changes: Iterable[Change], wanted: Mapping[str, Service]) -> None:
        services = [
            wanted[change.id]
            for change in changes
            if change.kind is Kind.SERVICE and (change.action is Action.CREATE or "requires" in change.fields)
        ]
        for table in (tables.requirement_resources, tables.requirements):
            if services:
                ids = [service.id for service in services]
                await self._connection.execute(
                    delete(table).where(table.c.tenant_id == self._tenant_id, table.c.service_id.in_(ids))
                )
        await self._insert(tables.requirements, [row for service in services for row in requirement_values(service)])
        await self._insert(tables.requirement_resources, [row for service in services for row in pool_values(service)])

    async def _write_time_off(self, changes: Iterable[TimeOffChange]) -> None:
        time_off = TimeOffRepository(self._connection, self._tenant_id)
        for change in changes:
            await time_off.delete(entry.id for entry in change.removed)
            await time_off.add(change.resource_id, change.added)

    async def _insert(self, table: Table, rows: Sequence[Values]) -> None:
        await insert_rows(self._connection, self._tenant_id, table, rows)


def _no_business() -> NotFound:
    return NotFound("There is no such business. Create it first.")
