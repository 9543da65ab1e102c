"""Reading and writing what a business has set up."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Select,
    Table,
    TableValuedAlias,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.diff import Action, Change, Difference, Kind, TimeOffChange
from catalogue.model import Business, Catalogue, Location, Mode, Resource, Service, TimeOff, WallSpan, WeeklySpan
from catalogue.rendering import rules_document
from catalogue.rows import to_catalogue, to_time_off
from catalogue.wanted import Wanted
from kernel.errors import NotFound
from kernel.ids import ApiKeyId, ResourceId, TenantId, TimeOffId, is_id, is_key
from persistence import tables

# The columns of a row with their values as JSON spells them.
_Values = dict[str, Any]

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
        await self._write_objects(Kind.LOCATION, changes, {one.id: _location_values(one) for one in wanted.locations})
        await self._write_objects(Kind.RESOURCE, changes, {one.id: _resource_values(one) for one in wanted.resources})
        await self._write_parts_of_resources(changes, {one.id: one for one in wanted.resources})
        await self._write_objects(Kind.SERVICE, changes, {one.id: _service_values(one) for one in wanted.services})
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

    async def _write_objects(self, kind: Kind, changes: Iterable[Change], values: Mapping[str, _Values]) -> None:
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

    async def _update(self, table: Table, rows: Sequence[_Values]) -> None:
        if not rows:
            return
        source = _recordset(table, rows)
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
        await self._insert(tables.lanes, [lane for resource in changed["capacity"] for lane in _new_lanes(resource)])
        spans = {
            tables.hours: [
                row for resource in changed["hours"] for row in _weekly_values(resource, resource.schedule.hours)
            ],
            tables.breaks: [
                row for resource in changed["breaks"] for row in _weekly_values(resource, resource.schedule.breaks)
            ],
            tables.overrides: [
                _override_values(resource.id, day, day_spans)
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
        await self._insert(tables.requirements, [row for service in services for row in _requirement_values(service)])
        await self._insert(tables.requirement_resources, [row for service in services for row in _pool_values(service)])

    async def _write_time_off(self, changes: Iterable[TimeOffChange]) -> None:
        time_off = TimeOffRepository(self._connection, self._tenant_id)
        for change in changes:
            await time_off.delete(entry.id for entry in change.removed)
            await time_off.add(change.resource_id, change.added)

    async def _insert(self, table: Table, rows: Sequence[_Values]) -> None:
        await _insert_rows(self._connection, self._tenant_id, table, rows)


class TimeOffRepository:
    """The time off of a business's resources, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_of(self, resource_ids: Iterable[ResourceId] | None = None) -> dict[ResourceId, tuple[TimeOff, ...]]:
        """All time off of those resources, or of all of them, in order of time."""
        time_off = tables.time_off
        query = select(time_off).where(time_off.c.tenant_id == self._tenant_id)
        if resource_ids is not None:
            query = query.where(time_off.c.resource_id.in_(list(resource_ids)))
        found: dict[ResourceId, list[TimeOff]] = {}
        for row in await self._connection.execute(query.order_by(func.lower(time_off.c.during), time_off.c.id)):
            found.setdefault(ResourceId(row.resource_id), []).append(to_time_off(row))
        return {resource_id: tuple(entries) for resource_id, entries in found.items()}

    async def find_ending_after(
        self, resource_id: ResourceId, instant: datetime | None, *, after: tuple[datetime, str] | None, limit: int
    ) -> tuple[TimeOff, ...]:
        """Up to `limit` of a resource's entries in order of start, those that follow the given (start, id)."""
        time_off = tables.time_off
        start = func.lower(time_off.c.during)
        query = select(time_off).where(time_off.c.tenant_id == self._tenant_id, time_off.c.resource_id == resource_id)
        if instant is not None:
            query = query.where(func.upper(time_off.c.during) > instant)
        if after is not None:
            query = query.where(tuple_(start, time_off.c.id) > tuple_(*after))
        rows = await self._connection.execute(query.order_by(start, time_off.c.id).limit(limit))
        return tuple(to_time_off(row) for row in rows)

    async def find(self, resource_id: ResourceId, time_off_id: str) -> TimeOff | None:
        """One entry of a resource."""
        time_off = tables.time_off
        query = select(time_off).where(
            time_off.c.tenant_id == self._tenant_id,
            time_off.c.resource_id == resource_id,
            time_off.c.id == time_off_id,
        )
        row = (await self._connection.execute(query)).first() if is_id(time_off_id) else None
        return None if row is None else to_time_off(row)

    async def count(self, resource_id: ResourceId) -> int:
        """How many entries a resource has."""
        time_off = tables.time_off
        query = select(func.count()).where(
            time_off.c.tenant_id == self._tenant_id, time_off.c.resource_id == resource_id
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def add(self, resource_id: ResourceId, entries: Iterable[TimeOff]) -> None:
        """Keep these entries."""
        rows = [
            {
                "id": entry.id,
                "resource_id": resource_id,
                "during": f"[{entry.start.isoformat()},{entry.end.isoformat()})",
                "reason": entry.reason,
            }
            for entry in entries
        ]
        await _insert_rows(self._connection, self._tenant_id, tables.time_off, rows)

    async def delete(self, ids: Iterable[TimeOffId]) -> None:
        """Forget these entries."""
        time_off = tables.time_off
        wanted = list(ids)
        if wanted:
            await self._connection.execute(
                delete(time_off).where(time_off.c.tenant_id == self._tenant_id, time_off.c.id.in_(wanted))
            )


class SandboxRepository:
    """The clock that a sandbox sets for itself, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find_clock(self) -> tuple[Mode, datetime | None]:
        """The mode of the business, and where its own clock stands. Raises NotFound."""
        businesses = tables.businesses
        query = select(businesses.c.mode, businesses.c.sandbox_now).where(businesses.c.tenant_id == self._tenant_id)
        row = (await self._connection.execute(query)).first()
        if row is None:
            raise _no_business()
        return Mode(row.mode), row.sandbox_now

    async def set_clock(self, now: datetime | None) -> None:
        """Let the clock stand there; None: let it go. The version stays: nothing was set up differently."""
        businesses = tables.businesses
        await self._connection.execute(
            update(businesses).where(businesses.c.tenant_id == self._tenant_id).values(sandbox_now=now)
        )


class TenantRepository:
    """Businesses and the keys that open them, in the transaction of the connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, business: Business) -> None:
        """Keep a new business."""
        await self._connection.execute(
            insert(tables.businesses).values(
                tenant_id=business.id,
                name=business.name,
                timezone=business.timezone,
                currency=business.currency,
                mode=business.mode.value,
                rules=rules_document(business.rules),
                token_secret=business.token_secret,
            )
        )

    async def exists(self, tenant_id: TenantId) -> bool:
        """Whether there is such a business, seen from inside it."""
        query = select(tables.businesses.c.tenant_id).where(tables.businesses.c.tenant_id == tenant_id)
        return (await self._connection.execute(query)).first() is not None

    async def name(self, tenant_id: TenantId) -> str | None:
        """What the business is called, seen from inside it."""
        query = select(tables.businesses.c.name).where(tables.businesses.c.tenant_id == tenant_id)
        found: str | None = await self._connection.scalar(query)
        return found

    async def ids(self, limit: int) -> list[TenantId]:
        """The first businesses by their ids. Each was made with two keys, and keys are never deleted."""
        keys = tables.api_keys
        query = select(keys.c.tenant_id).distinct().order_by(keys.c.tenant_id).limit(limit)
        return [TenantId(UUID(str(found))) for found in await self._connection.scalars(query)]

    async def add_key(self, tenant_id: TenantId, key_id: ApiKeyId, kind: str, digest: bytes) -> None:
        """Keep the digest of a new key."""
        await self._connection.execute(
            insert(tables.api_keys).values(id=key_id, tenant_id=tenant_id, kind=kind, digest=digest)
        )

    async def revoke_key(self, key_id: str) -> bool:
        """Let the key open nothing from now on; whether there is such a key. Once revoked, it stays as it was."""
        keys = tables.api_keys
        revoked = func.coalesce(keys.c.revoked_at, func.now())
        statement = update(keys).where(keys.c.id == key_id).values(revoked_at=revoked).returning(keys.c.id)
        return (await self._connection.execute(statement)).first() is not None

    async def find_key(self, digest: bytes) -> tuple[ApiKeyId, TenantId, str] | None:
        """The key with that digest, the business it opens, and its kind; not one that was revoked."""
        keys = tables.api_keys
        query = select(keys.c.id, keys.c.tenant_id, keys.c.kind).where(
            keys.c.digest == digest, keys.c.revoked_at.is_(None)
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else (ApiKeyId(row.id), TenantId(UUID(str(row.tenant_id))), row.kind)


def _no_business() -> NotFound:
    return NotFound("There is no such business. Create it first.")


def _recordset(table: Table, rows: Sequence[_Values]) -> TableValuedAlias:
    """The rows as one parameter: thousands of them are one short statement, and one run of the triggers."""
    parameter = bindparam("rows", value=list(rows), type_=JSONB, unique=True)
    return func.jsonb_populate_recordset(literal_column(f"NULL::{table.name}"), parameter).table_valued(*rows[0])


async def _insert_rows(connection: AsyncConnection, tenant_id: TenantId, table: Table, rows: Iterable[_Values]) -> None:
    """Insert rows that all have the same columns."""
    values = [{"tenant_id": str(tenant_id)} | row for row in rows]
    if values:
        source = _recordset(table, values)
        await connection.execute(insert(table).from_select(list(values[0]), select(source)))


def _location_values(location: Location) -> _Values:
    return {"id": location.id, "key": location.key, "name": location.name, "timezone": location.timezone}


def _resource_values(resource: Resource) -> _Values:
    return {
        "id": resource.id,
        "key": resource.key,
        "kind": resource.kind,
        "name": resource.name,
        "location_id": resource.location_id,
        "capacity": resource.capacity,
        "rules": rules_document(resource.rules),
    }


def _service_values(service: Service) -> _Values:
    return {
        "id": service.id,
        "key": service.key,
        "name": service.name,
        "duration_minutes": service.duration_minutes,
        "buffer_before_minutes": service.buffer_before_minutes,
        "buffer_after_minutes": service.buffer_after_minutes,
        "buffers_inside_hours": service.buffers_inside_hours,
        "price_minor": service.price.amount_minor,
        "price_currency": service.price.currency,
        "grid_align": service.grid.align.value,
        "grid_step_minutes": service.grid.step_minutes,
        "grid_offset_minutes": service.grid.offset_minutes,
        "assign": service.assign.value,
        "rules": rules_document(service.rules),
    }


def _new_lanes(resource: Resource) -> Iterable[_Values]:
    """The lanes up to the capacity that are not there; those beyond it stay."""
    there = {lane.number for lane in resource.lanes}
    return (
        {"resource_id": resource.id, "number": number}
        for number in range(1, resource.capacity + 1)
        if number not in there
    )


def _weekly_values(resource: Resource, spans: Iterable[WeeklySpan]) -> Iterable[_Values]:
    return (
        {
            "resource_id": resource.id,
            "position": position,
            "days": ",".join(day.value for day in span.days),
            "start_minute": span.span.start,
            "end_minute": span.span.end,
            "valid_from": span.valid_from.isoformat() if span.valid_from else None,
            "valid_until": span.valid_until.isoformat() if span.valid_until else None,
        }
        for position, span in enumerate(spans)
    )


def _override_values(resource_id: ResourceId, day: date, spans: Iterable[WallSpan]) -> _Values:
    return {"resource_id": resource_id, "on_date": day.isoformat(), "spans": [[span.start, span.end] for span in spans]}


def _requirement_values(service: Service) -> Iterable[_Values]:
    return (
        {
            "service_id": service.id,
            "position": position,
            "role": requirement.role,
            "kind": requirement.kind,
            "count": requirement.count,
            "offset_minutes": requirement.offset_minutes,
            "duration_minutes": requirement.duration_minutes,
        }
        for position, requirement in enumerate(service.requires)
    )


def _pool_values(service: Service) -> Iterable[_Values]:
    """A row for each resource that is named, be it as a member of the pool or for its terms."""
    for requirement_position, requirement in enumerate(service.requires):
        members = {resource_id: position for position, resource_id in enumerate(requirement.any_of)}
        for resource_id in dict.fromkeys((*requirement.any_of, *requirement.terms)):
            terms = requirement.terms.get(resource_id)
            price = terms.price if terms else None
            yield {
                "service_id": service.id,
                "requirement_position": requirement_position,
                "resource_id": resource_id,
                "position": members.get(resource_id),
                "duration_minutes": terms.duration_minutes if terms else None,
                "price_minor": price.amount_minor if price else None,
                "price_currency": price.currency if price else None,
            }
