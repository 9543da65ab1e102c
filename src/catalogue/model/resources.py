"""Resources of a business."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_CAPACITY, MAX_OVERRIDES, MAX_TIME_OFF, MAX_WEEKLY_SPANS
from catalogue.model.business import Business
from catalogue.model.columns import ColumnDetails, RulesRecord
from catalogue.model.comparison import FIELD_BY_FIELD, NOT_IN_DOCUMENT, in_document_as
from catalogue.model.document_fields import Description, Key, Name, Title, Word
from catalogue.model.documents import Document, FaultsError, JsonObject, present
from catalogue.model.locations import Location
from catalogue.model.object_row import ObjectRow
from catalogue.model.rules.level import (
    ResourceRulesDocument,
    Rules,
    desired_rules,
    rules_document,
    rules_record,
    stored_rules,
)
from catalogue.model.schedules import (
    OverrideDocument,
    Schedule,
    WeeklySpanDocument,
    desired_override,
    desired_weekly_span,
    override_document,
    weekly_span_document,
)
from catalogue.model.sites import Located, LocatedRecord, desired_located, located_documents, located_records, placed
from catalogue.model.time_off import TimeOffDocument
from kernel.errors import FieldError
from kernel.ids import LocationId, ResourceId, new_resource_id


class LaneKind(StrEnum):
    """Likeness of the lanes of a resource: a visit may go over from one to another, or has one of them all along."""

    ALIKE = "alike"
    NAMED = "named"


class SessionKind(StrEnum):
    """The use of an exclusive resource at one time: a session of one service, which begins for all together."""

    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """Sizes of the parties that a table is given to, each with the whole of it."""

    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One of the places of a resource: no two claims of a lane overlap, ever."""

    id: int
    """The key of the lane's row: what the exclusion constraint compares."""
    number: int
    """1 to the resource's capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Somebody or something that is booked: a member of staff, a room, a device, a class."""

    id: ResourceId = field(metadata=NOT_IN_DOCUMENT)
    key: str
    kind: str
    name: str
    description: str | None = None
    location_id: LocationId = field(metadata=in_document_as("location"))
    capacity: int
    lane_kind: LaneKind = field(default=LaneKind.ALIKE, metadata=in_document_as("lanes"))
    seats: Seats | None = None
    """None: no table, each of a party takes a place."""
    exclusive: SessionKind | None = None
    """None: its places are booked apart from each other."""
    schedule: Schedule = field(metadata=FIELD_BY_FIELD)
    lanes: tuple[Lane, ...] = field(metadata=NOT_IN_DOCUMENT)
    """In order of their number. Those beyond the capacity are kept for claims made before it was lowered."""
    rules: Rules = field(default_factory=Rules)
    version: int = field(default=1, metadata=NOT_IN_DOCUMENT)
    archived: bool = field(default=False, metadata=NOT_IN_DOCUMENT)

    @property
    def allows_pieces(self) -> bool:
        """True if a visit may go over from one lane to another."""
        # All of a session begin together, so none of its places is in pieces.
        return self.capacity > 1 and self.lane_kind is LaneKind.ALIKE and self.exclusive is None

    @property
    def location_ids(self) -> frozenset[LocationId]:
        """Its own location, and the others at which it works."""
        return frozenset([self.location_id, *(entry.location_id for entry in self.schedule.located)])

    @property
    def work_location_ids(self) -> tuple[LocationId, ...]:
        """The locations at which it works."""
        return tuple([one.location_id for one in self.schedule.at]) or (self.location_id,)

    def schedules_at(self, location_id: LocationId | None) -> tuple[Schedule, ...]:
        """The schedules by which it works at a location; None: at all of them."""
        places = zip(self.work_location_ids, self.schedule.parts, strict=True)
        return tuple(schedule for place, schedule in places if location_id in {None, place})


class SeatsDocument(Document):
    """Sizes of the parties that a table is given to, each with the whole of it."""

    min: Annotated[int, Field(ge=1, le=MAX_CAPACITY)] = 1
    max: Annotated[int, Field(ge=1, le=MAX_CAPACITY)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise FaultsError([FieldError("max", "must not be less than min")])
        return self


class ResourceDocument(Document):
    """Somebody or something that is booked."""

    key: Key
    kind: Word = Field(description="staff, room, equipment, class, or any word")
    name: Title
    description: Description | None = None
    location: Name | None = Field(default=None, description="Default: the only location, where there is one.")
    capacity: Annotated[int, Field(ge=1, le=MAX_CAPACITY)] = 1
    lanes: Annotated[LaneKind, Field(strict=False)] = LaneKind.ALIKE
    seats: SeatsDocument | None = Field(default=None, description="Default: each of a party takes a place.")
    exclusive: Annotated[SessionKind, Field(strict=False)] | None = Field(
        default=None, description="Default: places are booked apart from each other."
    )
    hours: Annotated[list[WeeklySpanDocument], Field(max_length=MAX_WEEKLY_SPANS)] = Field(default=[])
    breaks: Annotated[list[WeeklySpanDocument], Field(max_length=MAX_WEEKLY_SPANS)] = Field(default=[])
    located: Located = Field(default=[], description="The hours at several locations, in place of `hours`.")
    overrides: Annotated[list[OverrideDocument], Field(max_length=MAX_OVERRIDES)] | None = Field(
        default=None, description="Absent: what is stored stays. Given: exactly these."
    )
    time_off: Annotated[list[TimeOffDocument], Field(max_length=MAX_TIME_OFF)] | None = Field(
        default=None, description="Absent: what is stored stays. Given: exactly these."
    )
    rules: ResourceRulesDocument = ResourceRulesDocument()

    @model_validator(mode="after")
    def _dates_once(self) -> Self:
        seen: set[date] = set()
        errors = []
        for index, override in enumerate(self.overrides or ()):
            if override.date in seen:
                errors.append(FieldError(f"overrides[{index}].date", f"{override.date} already has an override"))
            seen.add(override.date)
        if self.located and self.hours:
            errors.append(FieldError("hours", "must be absent with located, which has the hours of each location"))
        places: set[str] = set()
        for index, entry in enumerate(self.located):
            if entry.location in places:
                errors.append(FieldError(f"located[{index}].location", f'"{entry.location}" already has hours'))
            places.add(entry.location)
        if errors:
            raise FaultsError(errors)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow(ObjectRow):
    """Row of a resource; its lanes and working hours have rows of their own."""

    kind: str
    location_id: str
    capacity: int
    rules: RulesRecord
    located: LocatedRecord = ()
    description: Annotated[str | None, ColumnDetails(comment="for visitors; null: none is shown")]
    lane_kind: Annotated[str, ColumnDetails(default="'alike'")]
    seats_min: Annotated[int | None, ColumnDetails(comment="the smallest party of a table; null: no table")]
    seats_max: int | None
    exclusive: Annotated[str | None, ColumnDetails(comment="null: places are booked apart from each other")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """Row of a new lane; the database numbers its id."""

    resource_id: str
    number: Annotated[int, ColumnDetails(comment="1 to the largest capacity the resource ever had")]


def desired_resource(
    entry: ResourceDocument, stored: Resource | None, locations: Mapping[str, Location], business: Business
) -> Resource:
    """The resource in the document, with the id, version and lanes of the stored one; `locations` is by id and key."""
    named = entry.location or (entry.located[0].location if entry.located else None)
    location = locations[named] if named else next(iter(locations.values()))
    return Resource(
        id=stored.id if stored else new_resource_id(),
        key=entry.key,
        kind=entry.kind,
        name=entry.name,
        description=entry.description,
        location_id=location.id,
        capacity=entry.capacity,
        lane_kind=entry.lanes,
        seats=Seats(least=entry.seats.min, most=entry.seats.max) if entry.seats else None,
        exclusive=entry.exclusive,
        schedule=_desired_schedule(entry, stored, location, (locations, business)),
        lanes=stored.lanes if stored else (),
        rules=desired_rules(entry.rules),
        version=stored.version if stored else 1,
    )


def resource_document(resource: Resource, location_by_id: Mapping[LocationId, Location]) -> JsonObject:
    """The resource as a document without its time off, which the value does not have."""
    return {
        "key": resource.key,
        "kind": resource.kind,
        "name": resource.name,
        **present(description=resource.description),
        "location": location_by_id[resource.location_id].key,
        "capacity": resource.capacity,
        **present(
            lanes=None if resource.lane_kind is LaneKind.ALIKE else resource.lane_kind.value,
            seats={"min": resource.seats.least, "max": resource.seats.most} if resource.seats else None,
            exclusive=resource.exclusive.value if resource.exclusive else None,
        ),
        "hours": [weekly_span_document(span) for span in resource.schedule.hours],
        **present(located=located_documents(resource.schedule.located, location_by_id)),
        "breaks": [weekly_span_document(span) for span in resource.schedule.breaks],
        "overrides": [
            override_document(day, spans, despite_closures=day in resource.schedule.despite_closures)
            for day, spans in sorted(resource.schedule.overrides.items())
        ],
        "rules": rules_document(resource.rules),
    }


def resource_row(resource: Resource) -> ResourceRow:
    """The row of the resource."""
    return ResourceRow(
        id=resource.id,
        key=resource.key,
        kind=resource.kind,
        name=resource.name,
        description=resource.description,
        location_id=resource.location_id,
        capacity=resource.capacity,
        lane_kind=resource.lane_kind.value,
        seats_min=resource.seats.least if resource.seats else None,
        seats_max=resource.seats.most if resource.seats else None,
        exclusive=resource.exclusive.value if resource.exclusive else None,
        rules=rules_record(resource.rules),
        located=located_records(resource.schedule.located),
    )


def stored_resource(row: ResourceRow, lanes: Iterable[Lane], schedule: Schedule) -> Resource:
    """The resource in the row."""
    return Resource(
        id=ResourceId(row.id),
        key=row.key,
        kind=row.kind,
        name=row.name,
        description=row.description,
        location_id=LocationId(row.location_id),
        capacity=row.capacity,
        lane_kind=LaneKind(row.lane_kind),
        seats=Seats(least=row.seats_min or 1, most=row.seats_max) if row.seats_max is not None else None,
        exclusive=SessionKind(row.exclusive) if row.exclusive is not None else None,
        schedule=schedule,
        lanes=tuple(lanes),
        rules=stored_rules(row.rules),
        version=row.version,
        archived=row.archived_at is not None,
    )


def missing_lane_rows(resource: Resource) -> list[LaneRow]:
    """The rows of the lanes up to the capacity that are not there yet; those beyond it stay."""
    there = {lane.number for lane in resource.lanes}
    numbers = set(range(1, resource.capacity + 1)) - there
    return [LaneRow(resource_id=resource.id, number=number) for number in sorted(numbers)]


def _desired_schedule(
    entry: ResourceDocument,
    stored: Resource | None,
    home: Location,
    around: tuple[Mapping[str, Location], Business],
) -> Schedule:
    locations, business = around
    overrides = stored.schedule.overrides if stored else {}
    despite_closures = stored.schedule.despite_closures if stored else frozenset()
    if entry.overrides is not None:
        overrides = {override.date: desired_override(override) for override in entry.overrides}
        despite_closures = frozenset(override.date for override in entry.overrides if override.despite_closures)
    schedule = Schedule(
        timezone=home.timezone,
        hours=tuple(desired_weekly_span(span) for span in entry.hours),
        breaks=tuple(desired_weekly_span(span) for span in entry.breaks),
        overrides=overrides,
        despite_closures=despite_closures,
        located=desired_located(entry.located, locations),
    )
    return placed(schedule, home, {location.id: location for location in locations.values()}, business)
