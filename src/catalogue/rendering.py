"""The model written down as the document that would set it up."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from catalogue.model import (
    Approval,
    Business,
    BusinessDaysWindow,
    Catalogue,
    FixedWindow,
    Location,
    Requirement,
    Resource,
    RollingWindow,
    Rules,
    Service,
    TimeOff,
    Unset,
    WallSpan,
    WeeklySpan,
    Window,
)
from kernel.ids import ResourceId
from kernel.money import Money
from kernel.spans import MINUTES_PER_DAY

JsonObject = dict[str, object]


def business_document(catalogue: Catalogue, time_off: Mapping[ResourceId, tuple[TimeOff, ...]]) -> JsonObject:
    """The whole document; applied, it changes nothing."""
    return {
        "business": business_section(catalogue.business),
        "locations": [location_document(location) for location in catalogue.locations if not location.archived],
        "resources": [
            resource_document(resource, catalogue)
            | {"time_off": [time_off_document(entry) for entry in time_off.get(resource.id, ())]}
            for resource in catalogue.resources
            if not resource.archived
        ],
        "services": [service_document(service, catalogue) for service in catalogue.services if not service.archived],
    }


def business_section(business: Business) -> JsonObject:
    """The part about the business itself."""
    return {
        "name": business.name,
        "timezone": business.timezone,
        "currency": business.currency,
        "rules": rules_document(business.rules),
    }


def location_document(location: Location) -> JsonObject:
    """A location."""
    return {"key": location.key, "name": location.name, "timezone": location.timezone}


def resource_document(resource: Resource, catalogue: Catalogue) -> JsonObject:
    """A resource without its time off, which the model does not hold."""
    return {
        "key": resource.key,
        "kind": resource.kind,
        "name": resource.name,
        "location": catalogue.location_by_id[resource.location_id].key,
        "capacity": resource.capacity,
        "hours": [_weekly_span(span) for span in resource.schedule.hours],
        "breaks": [_weekly_span(span) for span in resource.schedule.breaks],
        "overrides": [
            {"date": day.isoformat(), "spans": spans_document(spans)}
            for day, spans in sorted(resource.schedule.overrides.items())
        ],
        "rules": rules_document(resource.rules),
    }


def service_document(service: Service, catalogue: Catalogue) -> JsonObject:
    """A service."""
    return {
        "key": service.key,
        "name": service.name,
        "duration_minutes": service.duration_minutes,
        "buffer_before_minutes": service.buffer_before_minutes,
        "buffer_after_minutes": service.buffer_after_minutes,
        "buffers_inside_hours": service.buffers_inside_hours,
        "price": _money(service.price),
        "grid": _present(
            align=service.grid.align.value,
            step_minutes=service.grid.step_minutes,
            offset_minutes=service.grid.offset_minutes,
        ),
        "requires": [_requirement(requirement, catalogue) for requirement in service.requires],
        "assign": service.assign.value,
        "rules": rules_document(service.rules),
    }


def time_off_document(entry: TimeOff) -> JsonObject:
    """A time off."""
    return _present(start=_instant(entry.start), end=_instant(entry.end), reason=entry.reason)


def spans_document(spans: Iterable[WallSpan]) -> list[JsonObject]:
    """The spans of one date."""
    return [_wall_span(span) for span in spans]


def rules_document(rules: Rules) -> JsonObject:
    """The rules that are set."""
    document: JsonObject = {}
    for name in ("lead_time_minutes", "daily_limit", "buffers_inside_hours"):
        value = getattr(rules, name)
        if not isinstance(value, Unset):
            document[name] = value
    if not isinstance(rules.window, Unset):
        document["window"] = _window(rules.window)
    if not isinstance(rules.customer_limit, Unset):
        limit = rules.customer_limit
        document["customer_limit"] = None if limit is None else _present(active=limit.active, daily=limit.daily)
    if not isinstance(rules.hold, Unset):
        document["hold"] = {
            "ttl_seconds": rules.hold.ttl_seconds,
            "max_total_seconds": rules.hold.max_total_seconds,
            "max_per_client": rules.hold.max_per_client,
        }
    if not isinstance(rules.cancellation, Unset):
        document["cancellation"] = {
            "free_until_minutes": rules.cancellation.free_until_minutes,
            "fee_percent": rules.cancellation.fee_percent,
            "no_show_fee_percent": rules.cancellation.no_show_fee_percent,
        }
    if not isinstance(rules.reschedule, Unset):
        document["reschedule"] = {
            "until_minutes": rules.reschedule.until_minutes,
            "max_times": rules.reschedule.max_times,
        }
    if not isinstance(rules.approval, Unset):
        document["approval"] = _approval(rules.approval)
    return document


def _approval(approval: Approval | None) -> bool | JsonObject:
    if approval is None or approval.within_minutes is None:
        return approval is not None
    return {"within_minutes": approval.within_minutes}


def _window(window: Window | None) -> JsonObject | None:
    match window:
        case None:
            return None
        case RollingWindow():
            return {"days": window.days}
        case BusinessDaysWindow():
            return {"business_days": window.business_days}
        case FixedWindow():
            limits = {"from": window.from_date, "until": window.until_date}
            return {name: day.isoformat() for name, day in limits.items() if day is not None}


def _requirement(requirement: Requirement, catalogue: Catalogue) -> JsonObject:
    keys = {resource_id: catalogue.resource_by_id[resource_id].key for resource_id in requirement.any_of}
    return _present(
        role=requirement.role,
        any_of=list(keys.values()) if requirement.kind is None else None,
        kind=requirement.kind,
        count=requirement.count,
        offset_minutes=requirement.offset_minutes,
        duration_minutes=requirement.duration_minutes,
        overrides={
            catalogue.resource_by_id[resource_id].key: _present(
                duration_minutes=terms.duration_minutes, price=_money(terms.price) if terms.price else None
            )
            for resource_id, terms in requirement.terms.items()
        },
    )


def _weekly_span(span: WeeklySpan) -> JsonObject:
    return _present(
        days=[day.value for day in span.days],
        **_wall_span(span.span),
        valid_from=span.valid_from.isoformat() if span.valid_from else None,
        valid_until=span.valid_until.isoformat() if span.valid_until else None,
    )


def _wall_span(span: WallSpan) -> JsonObject:
    end = span.end if span.end <= MINUTES_PER_DAY else span.end - MINUTES_PER_DAY
    return {"start": _wall_time(span.start), "end": _wall_time(end)}


def _wall_time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _money(money: Money) -> JsonObject:
    return {"amount_minor": money.amount_minor, "currency": money.currency}


def _present(**members: object) -> JsonObject:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}
