"""What a document asks for, in the model's terms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Self, TypeVar

from catalogue.document import (
    ApprovalDocument,
    BusinessDocument,
    BusinessSection,
    CustomerLimitDocument,
    HoldDocument,
    LocationDocument,
    MoneyDocument,
    RequirementDocument,
    ResourceDocument,
    ResourceRulesDocument,
    RulesDocument,
    ServiceDocument,
    TimeOffDocument,
    WallSpanDocument,
    WeeklySpanDocument,
    WindowDocument,
)
from catalogue.model import (
    UNSET,
    Approval,
    Business,
    BusinessDaysWindow,
    CancellationPolicy,
    Catalogue,
    CustomerLimit,
    FixedWindow,
    Grid,
    HoldLife,
    Location,
    Requirement,
    ReschedulePolicy,
    Resource,
    ResourceTerms,
    RollingWindow,
    Rules,
    Schedule,
    Service,
    TimeOff,
    WallSpan,
    WeeklySpan,
    Window,
)
from kernel.ids import ResourceId, new_location_id, new_resource_id, new_service_id, new_time_off_id
from kernel.money import Money
from kernel.spans import MINUTES_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The live objects a business is to have, in order. An object with the key of a stored one has its id."""

    business: Business
    locations: tuple[Location, ...]
    resources: tuple[Resource, ...]
    services: tuple[Service, ...]
    time_off: Mapping[ResourceId, tuple[TimeOff, ...]]
    """Exactly these, for the resources whose document says so; a resource that is not here keeps what it has."""

    @classmethod
    def unchanged(cls, stored: Catalogue) -> Self:
        """What there is already."""
        return cls(
            business=stored.business,
            locations=tuple(location for location in stored.locations if not location.archived),
            resources=tuple(resource for resource in stored.resources if not resource.archived),
            services=tuple(service for service in stored.services if not service.archived),
            time_off={},
        )

    @classmethod
    def by_document(cls, document: BusinessDocument, stored: Catalogue) -> Self:
        """What a document asks for that was read against the stored catalogue (catalogue.reading)."""
        business = wanted_business(document.business, stored.business)
        known_locations = {location.key: location for location in stored.locations}
        locations = tuple(
            wanted_location(entry, known_locations.get(entry.key), business) for entry in document.locations
        )
        places = by_name(locations)
        known_resources = {resource.key: resource for resource in stored.resources}
        resources = tuple(
            wanted_resource(entry, known_resources.get(entry.key), places) for entry in document.resources
        )
        people = by_name(resources)
        known_services = {service.key: service for service in stored.services}
        return cls(
            business=business,
            locations=locations,
            resources=resources,
            services=tuple(
                wanted_service(entry, known_services.get(entry.key), people, business) for entry in document.services
            ),
            time_off={
                resource.id: wanted_time_off(entry.time_off)
                for entry, resource in zip(document.resources, resources, strict=True)
                if entry.time_off is not None
            },
        )

    def with_location(self, location: Location) -> Self:
        """With that location in its place, or at the end. Its resources follow its zone."""
        resources = tuple(
            replace(resource, schedule=replace(resource.schedule, timezone=location.timezone))
            if resource.location_id == location.id
            else resource
            for resource in self.resources
        )
        return replace(self, locations=_with(self.locations, location), resources=resources)

    def with_resource(self, resource: Resource) -> Self:
        """With that resource in its place, or at the end."""
        return replace(self, resources=_with(self.resources, resource))

    def with_service(self, service: Service) -> Self:
        """With that service in its place, or at the end."""
        return replace(self, services=_with(self.services, service))

    def without(self, thing_id: str) -> Self:
        """Without the location, resource or service of that id."""
        return replace(
            self,
            locations=_without(self.locations, thing_id),
            resources=_without(self.resources, thing_id),
            services=_without(self.services, thing_id),
        )


def wanted_business(section: BusinessSection, stored: Business) -> Business:
    """The stored business with what the document says of it."""
    return replace(
        stored,
        name=section.name,
        timezone=section.timezone,
        currency=section.currency,
        rules=wanted_rules(section.rules),
    )


def wanted_location(entry: LocationDocument, stored: Location | None, business: Business) -> Location:
    """The location, with the id and version of the stored one, archived or not."""
    return Location(
        id=stored.id if stored else new_location_id(),
        key=entry.key,
        name=entry.name,
        timezone=entry.timezone or business.timezone,
        version=stored.version if stored else 1,
    )


def wanted_resource(entry: ResourceDocument, stored: Resource | None, locations: Mapping[str, Location]) -> Resource:
    """The resource, with the id, version and lanes of the stored one, archived or not; `locations` is by id and key."""
    location = locations[entry.location] if entry.location else next(iter(locations.values()))
    overrides = stored.schedule.overrides if stored else {}
    if entry.overrides is not None:
        overrides = {override.date: wanted_spans(override.spans) for override in entry.overrides}
    return Resource(
        id=stored.id if stored else new_resource_id(),
        key=entry.key,
        kind=entry.kind,
        name=entry.name,
        location_id=location.id,
        capacity=entry.capacity,
        schedule=Schedule(
            timezone=location.timezone,
            hours=tuple(_weekly_span(span) for span in entry.hours),
            breaks=tuple(_weekly_span(span) for span in entry.breaks),
            overrides=overrides,
        ),
        lanes=stored.lanes if stored else (),
        rules=wanted_rules(entry.rules),
        version=stored.version if stored else 1,
    )


def wanted_service(
    entry: ServiceDocument, stored: Service | None, resources: Mapping[str, Resource], business: Business
) -> Service:
    """The service, with the id and version of the stored one, archived or not; `resources` is by id and key."""
    return Service(
        id=stored.id if stored else new_service_id(),
        key=entry.key,
        name=entry.name,
        duration_minutes=entry.duration_minutes,
        buffer_before_minutes=entry.buffer_before_minutes,
        buffer_after_minutes=entry.buffer_after_minutes,
        buffers_inside_hours=entry.buffers_inside_hours,
        price=_money(entry.price) or Money(amount_minor=0, currency=business.currency),
        grid=Grid(
            align=entry.grid.align,
            step_minutes=entry.grid.step_minutes,
            offset_minutes=entry.grid.offset_minutes,
        ),
        requires=tuple(_requirement(requirement, resources) for requirement in entry.requires),
        assign=entry.assign,
        rules=wanted_rules(entry.rules),
        version=stored.version if stored else 1,
    )


def wanted_time_off(entries: Iterable[TimeOffDocument]) -> tuple[TimeOff, ...]:
    """The entries, each with a fresh id."""
    return tuple(
        TimeOff(
            id=new_time_off_id(),
            start=entry.start.astimezone(UTC),
            end=entry.end.astimezone(UTC),
            reason=entry.reason,
        )
        for entry in entries
    )


def wanted_spans(entries: Iterable[WallSpanDocument]) -> tuple[WallSpan, ...]:
    """The spans of one date."""
    return tuple(_wall_span(entry) for entry in entries)


def wanted_rules(entry: RulesDocument | ResourceRulesDocument) -> Rules:
    """The rules, of which those that the document does not name are not set."""
    named = entry.model_fields_set
    cancellation, reschedule = entry.cancellation, entry.reschedule
    shared = Rules(
        lead_time_minutes=entry.lead_time_minutes if "lead_time_minutes" in named else UNSET,
        window=_window(entry.window) if "window" in named else UNSET,
        daily_limit=entry.daily_limit if "daily_limit" in named else UNSET,
        buffers_inside_hours=entry.buffers_inside_hours if "buffers_inside_hours" in named else UNSET,
        cancellation=CancellationPolicy(
            free_until_minutes=cancellation.free_until_minutes,
            fee_percent=cancellation.fee_percent,
            no_show_fee_percent=cancellation.no_show_fee_percent,
        )
        if "cancellation" in named
        else UNSET,
        reschedule=ReschedulePolicy(until_minutes=reschedule.until_minutes, max_times=reschedule.max_times)
        if "reschedule" in named
        else UNSET,
        approval=_approval(entry.approval) if "approval" in named else UNSET,
    )
    if isinstance(entry, ResourceRulesDocument):
        return shared
    return replace(
        shared,
        hold=_hold_life(entry.hold) if "hold" in named else UNSET,
        customer_limit=_customer_limit(entry.customer_limit) if "customer_limit" in named else UNSET,
    )


def _hold_life(hold: HoldDocument) -> HoldLife:
    total_seconds = hold.max_total_seconds or max(hold.ttl_seconds, HoldLife().max_total_seconds)
    return HoldLife(ttl_seconds=hold.ttl_seconds, max_total_seconds=total_seconds, max_per_client=hold.max_per_client)


def _customer_limit(limit: CustomerLimitDocument | None) -> CustomerLimit | None:
    return None if limit is None else CustomerLimit(active=limit.active, daily=limit.daily)


_Thing = TypeVar("_Thing", Location, Resource, Service)


def by_name(things: Iterable[_Thing]) -> dict[str, _Thing]:
    """The things by their keys and by their ids."""
    return {name: thing for thing in things for name in (thing.key, thing.id)}


def _with(things: tuple[_Thing, ...], thing: _Thing) -> tuple[_Thing, ...]:
    if any(other.id == thing.id for other in things):
        return tuple(thing if other.id == thing.id else other for other in things)
    return things + (thing,)  # noqa: RUF005 - mypy infers the unpacked form wrongly


def _without(things: tuple[_Thing, ...], thing_id: str) -> tuple[_Thing, ...]:
    return tuple(other for other in things if other.id != thing_id)


def _requirement(entry: RequirementDocument, resources: Mapping[str, Resource]) -> Requirement:
    return Requirement(
        role=entry.role,
        any_of=tuple(resources[name].id for name in entry.any_of or ()),
        kind=entry.kind,
        count=entry.count,
        offset_minutes=entry.offset_minutes,
        duration_minutes=entry.duration_minutes,
        terms={
            resources[name].id: ResourceTerms(duration_minutes=terms.duration_minutes, price=_money(terms.price))
            for name, terms in entry.overrides.items()
            if terms.duration_minutes is not None or terms.price is not None
        },
    )


def _weekly_span(entry: WeeklySpanDocument) -> WeeklySpan:
    return WeeklySpan(
        days=tuple(entry.days), span=_wall_span(entry), valid_from=entry.valid_from, valid_until=entry.valid_until
    )


def _wall_span(entry: WallSpanDocument) -> WallSpan:
    """A span whose end is at or before its start runs past midnight."""
    return WallSpan(entry.start, entry.end if entry.end > entry.start else entry.end + MINUTES_PER_DAY)


def _approval(entry: bool | ApprovalDocument) -> Approval | None:  # noqa: FBT001 - the document's own form
    if isinstance(entry, ApprovalDocument):
        return Approval(within_minutes=entry.within_minutes)
    return Approval() if entry else None


def _window(entry: WindowDocument | None) -> Window | None:
    if entry is None:
        return None
    if entry.days is not None:
        return RollingWindow(days=entry.days)
    if entry.business_days is not None:
        return BusinessDaysWindow(business_days=entry.business_days)
    return FixedWindow(from_date=entry.from_date, until_date=entry.until_date)


def _money(entry: MoneyDocument | None) -> Money | None:
    return Money(amount_minor=entry.amount_minor, currency=entry.currency) if entry else None
