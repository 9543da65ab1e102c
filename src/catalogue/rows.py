"""Rows of the database as values of the model."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from catalogue.document import RulesDocument
from catalogue.model import (
    Align,
    Assign,
    Business,
    Catalogue,
    Grid,
    Lane,
    Location,
    Mode,
    Requirement,
    Resource,
    ResourceTerms,
    Rules,
    Schedule,
    Service,
    TimeOff,
    WallSpan,
    Weekday,
    WeeklySpan,
)
from catalogue.wanted import wanted_rules
from kernel.ids import LocationId, ResourceId, ServiceId, TenantId, TimeOffId
from kernel.money import Money

Row = Any
"""What SQLAlchemy gives for a row: its columns are its attributes, of whatever types they have."""


def to_catalogue(business: Row, rows: Mapping[str, Iterable[Row]]) -> Catalogue:
    """The catalogue from the rows of each table, each table in the order of its positions."""
    locations = {row.id: _location(row) for row in rows["locations"]}
    lanes = _grouped(rows["lanes"])
    hours, breaks, overrides = _grouped(rows["hours"]), _grouped(rows["breaks"]), _grouped(rows["overrides"])
    schedules = {
        row.id: Schedule(
            timezone=locations[row.location_id].timezone,
            hours=tuple(_weekly_span(span) for span in hours[row.id]),
            breaks=tuple(_weekly_span(span) for span in breaks[row.id]),
            overrides={override.on_date: _wall_spans(override.spans) for override in overrides[row.id]},
        )
        for row in rows["resources"]
    }
    pools: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows["requirement_resources"]:
        pools[row.service_id, row.requirement_position].append(row)
    requirements: defaultdict[str, list[Requirement]] = defaultdict(list)
    for row in rows["requirements"]:
        requirements[row.service_id].append(_requirement(row, pools[row.service_id, row.position]))
    return Catalogue(
        business=_business(business),
        locations=tuple(locations.values()),
        resources=tuple(_resource(row, lanes[row.id], schedules[row.id]) for row in rows["resources"]),
        services=tuple(_service(row, requirements[row.id]) for row in rows["services"]),
    )


def to_time_off(row: Row) -> TimeOff:
    """A time off."""
    return TimeOff(
        id=TimeOffId(row.id),
        start=row.during.lower.astimezone(UTC),
        end=row.during.upper.astimezone(UTC),
        reason=row.reason,
    )


def _grouped(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.resource_id].append(row)
    return groups


def _business(row: Row) -> Business:
    return Business(
        id=TenantId(row.tenant_id),
        name=row.name,
        timezone=row.timezone,
        currency=row.currency,
        mode=Mode(row.mode),
        rules=_rules(row.rules),
        token_secret=row.token_secret,
        sandbox_now=row.sandbox_now,
        version=row.version,
    )


def _location(row: Row) -> Location:
    return Location(
        id=LocationId(row.id),
        key=row.key,
        name=row.name,
        timezone=row.timezone,
        version=row.version,
        archived=row.archived_at is not None,
    )


def _resource(row: Row, lanes: Iterable[Row], schedule: Schedule) -> Resource:
    return Resource(
        id=ResourceId(row.id),
        key=row.key,
        kind=row.kind,
        name=row.name,
        location_id=LocationId(row.location_id),
        capacity=row.capacity,
        schedule=schedule,
        lanes=tuple(Lane(id=lane.id, number=lane.number) for lane in lanes),
        rules=_rules(row.rules),
        version=row.version,
        archived=row.archived_at is not None,
    )


def _service(row: Row, requirements: Iterable[Requirement]) -> Service:
    return Service(
        id=ServiceId(row.id),
        key=row.key,
        name=row.name,
        duration_minutes=row.duration_minutes,
        buffer_before_minutes=row.buffer_before_minutes,
        buffer_after_minutes=row.buffer_after_minutes,
        buffers_inside_hours=row.buffers_inside_hours,
        price=Money(amount_minor=row.price_minor, currency=row.price_currency),
        grid=Grid(
            align=Align(row.grid_align),
            step_minutes=row.grid_step_minutes,
            offset_minutes=row.grid_offset_minutes,
        ),
        requires=tuple(requirements),
        assign=Assign(row.assign),
        rules=_rules(row.rules),
        version=row.version,
        archived=row.archived_at is not None,
    )


def _requirement(row: Row, pool: Iterable[Row]) -> Requirement:
    pool = list(pool)
    return Requirement(
        role=row.role,
        any_of=tuple(ResourceId(member.resource_id) for member in pool if member.position is not None),
        kind=row.kind,
        count=row.count,
        offset_minutes=row.offset_minutes,
        duration_minutes=row.duration_minutes,
        terms={ResourceId(member.resource_id): terms for member in pool if (terms := _terms(member))},
    )


def _terms(row: Row) -> ResourceTerms | None:
    """The terms of a member of a pool, unless it serves on the service's own."""
    if row.duration_minutes is None and row.price_minor is None:
        return None
    price = None
    if row.price_minor is not None:
        price = Money(amount_minor=row.price_minor, currency=row.price_currency)
    return ResourceTerms(duration_minutes=row.duration_minutes, price=price)


def _weekly_span(row: Row) -> WeeklySpan:
    return WeeklySpan(
        days=tuple(Weekday(day) for day in row.days.split(",")),
        span=WallSpan(row.start_minute, row.end_minute),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


def _wall_spans(spans: Iterable[tuple[int, int]]) -> tuple[WallSpan, ...]:
    return tuple(WallSpan(start, end) for start, end in spans)


def _rules(document: Mapping[str, object]) -> Rules:
    """The rules from the part of a document that they are stored as."""
    return wanted_rules(RulesDocument.model_validate(document)) if document else Rules()
