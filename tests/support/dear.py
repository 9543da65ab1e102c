"""Services that are dear to search: many roles, many own durations, many starts."""

from dataclasses import replace
from typing import Any

from catalogue.model.grid import Grid
from catalogue.model.requirements import ResourceTerms
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from tests.support.situations import entry, service, staff


def dear_service(
    roles: int, *, number: int, pool: int, step: int, own_durations: int = 0
) -> tuple[Service, list[Resource]]:
    """A service with so many roles, each with a number of one pool; its first resources take their own time for it."""
    resources = [staff(f"staff-{n}", "09:00-12:00", "13:00-18:00") for n in range(pool)]
    keys = [resource.key for resource in resources]
    terms = {
        resource.id: ResourceTerms(duration_minutes=20 + n) for n, resource in enumerate(resources[:own_durations])
    }
    entries = [replace(entry(*keys, role=f"role-{n}", count=number), terms=terms) for n in range(roles)]
    return service(*entries, minutes=30, grid=Grid(step_minutes=step)), resources


def dear_document(roles: int, *, number: int, pool: int, step: int, own_durations: int = 0) -> dict[str, Any]:
    """The same as a document."""
    keys = [f"staff-{n}" for n in range(pool)]
    hours = [{"days": ["mon", "tue", "wed"], "start": "09:00", "end": "18:00"}]
    overrides = {key: {"duration_minutes": 20 + n} for n, key in enumerate(keys[:own_durations])}
    return {
        "business": {"name": "Dear to search", "timezone": "UTC", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main"}],
        "resources": [{"key": key, "kind": "staff", "name": key, "hours": hours} for key in keys],
        "services": [
            {
                "key": "dear",
                "name": "Dear",
                "duration_minutes": 30,
                "grid": {"step_minutes": step},
                "requires": [
                    {"role": f"role-{n}", "kind": "staff", "count": number, "overrides": overrides}
                    for n in range(roles)
                ],
            }
        ],
    }
