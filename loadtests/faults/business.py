"""The business that everybody fights for."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

OPENS: Final = 8
CLOSES: Final = 18
STEP_MINUTES: Final = 15
DAYS: Final = 2
"""Tomorrow and the day after: few enough places for a hundred clients to be in each other's way."""
SERVICES: Final = ("cut", "cut", "cut", "colour", "class")
"""What clients want, as often as it is listed."""
CLASS: Final = "class"
LARGEST_PARTY: Final = 2
PROBE: Final = "probe"
"""A service of its own, by which the harness finds out whether bookings succeed."""

_HOURS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "08:00", "end": "18:00"}]


def document() -> dict[str, Any]:
    """One resource at a time, two roles at once, and a room for several parties."""
    return {
        "business": {
            "name": "Under load",
            "timezone": "UTC",
            "currency": "EUR",
            "rules": {"hold": {"ttl_seconds": 30, "max_total_seconds": 60, "max_per_client": 10}},
        },
        "locations": [{"key": "main", "name": "Main", "timezone": "UTC"}],
        "resources": [
            _resource("ann"),
            _resource("ben"),
            _resource("cal"),
            _resource("chair", kind="chair", capacity=2),
            _resource("hall", kind="room", capacity=3),
            _resource("tester", kind="probe"),
        ],
        "services": [
            _service("cut", 30, [{"role": "staff", "any_of": ["ann", "ben"]}], buffer_after_minutes=5),
            _service(
                "colour",
                60,
                [{"role": "staff", "any_of": ["ann", "cal"]}, {"role": "chair", "any_of": ["chair"]}],
                buffer_before_minutes=5,
                buffer_after_minutes=10,
            ),
            _service(CLASS, 45, [{"role": "room", "any_of": ["hall"]}]),
            _service(PROBE, STEP_MINUTES, [{"role": "probe", "any_of": ["tester"]}]),
        ],
    }


def capacities() -> dict[str, int]:
    """How many customers each resource can have at once."""
    return {one["key"]: one["capacity"] for one in document()["resources"]}


def days() -> list[date]:
    """The dates that are fought for."""
    today = datetime.now(UTC).date()
    return [today + timedelta(days=1 + number) for number in range(DAYS)]


def starts() -> list[datetime]:
    """Every start on the grid on which an hour is left, but the last."""
    return _on_the_grid(until_minute=(CLOSES - 1) * 60)


def grid(service: Mapping[str, Any]) -> list[datetime]:
    """Every start from which the service, without buffers, ends before closing."""
    return _on_the_grid(until_minute=CLOSES * 60 - service["duration_minutes"] + 1)


def _on_the_grid(*, until_minute: int) -> list[datetime]:
    return [
        datetime.combine(day, time(tzinfo=UTC)) + timedelta(minutes=minute)
        for day in days()
        for minute in range(OPENS * 60, until_minute, STEP_MINUTES)
    ]


def _resource(key: str, *, kind: str = "staff", capacity: int = 1) -> dict[str, Any]:
    return {"key": key, "kind": kind, "name": key, "location": "main", "capacity": capacity, "hours": _HOURS}


def _service(key: str, minutes: int, requires: list[dict[str, Any]], **more: int) -> dict[str, Any]:
    return {
        "key": key,
        "name": key,
        "duration_minutes": minutes,
        "grid": {"align": "opening", "step_minutes": STEP_MINUTES},
        "requires": requires,
        **more,
    }
