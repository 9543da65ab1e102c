"""The business that `make load` sets up: a house of a size at which calendars are busy and not empty."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SALE: Final = "drop"
"""The service of the flash sale: few starts a day, some places each."""
SALE_PLACES: Final = 4
"""At each of its starts; with those of a day fewer than the visitors who come for them."""
WINDOW_DAYS: Final = 60
_STAFF: Final = 20
_COLOURISTS: Final = 8
_CHAIRS: Final = 6
_CLASS_PLACES: Final = 12
_WORKDAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat"]
_EVERY_DAY: Final = [*_WORKDAYS, "sun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A service as visitors see it."""

    key: str
    largest_party: int
    """Most people that one visitor books for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a run needs to know of the business it visits."""

    offers: Sequence[Offer]
    sale: str
    """The service that everybody wants at once."""
    capacities: Mapping[str, int]
    staff: Sequence[str]
    """Resources whose hours the back office changes."""
    own_hours: frozenset[tuple[str, str]]
    """Resources and dates whose hours somebody has set: they are not ours to change."""


def document() -> dict[str, Any]:
    """Twenty people, six chairs, a class and a stage; names of nobody."""
    staff = [f"stylist-{number:02}" for number in range(1, _STAFF + 1)]
    return {
        "business": {
            "name": "House under load",
            "timezone": "Europe/Berlin",
            "currency": "EUR",
            "rules": {
                "window": {"days": WINDOW_DAYS},
                "hold": {"ttl_seconds": 300, "max_total_seconds": 1200, "max_per_client": 3},
                "cancellation": {"free_until_minutes": 1440, "fee_percent": 50},
                "reschedule": {"until_minutes": 120},
            },
        },
        "locations": [{"key": "main", "name": "Main", "timezone": "Europe/Berlin"}],
        "resources": [
            *(_resource(key, "staff", _WORKDAYS, ("09:00", "18:00"), pause=("13:00", "13:30")) for key in staff),
            *(
                _resource(f"chair-{number}", "chair", _EVERY_DAY, ("08:00", "20:00"))
                for number in range(1, _CHAIRS + 1)
            ),
            _resource("class-room", "room", _EVERY_DAY, ("08:00", "20:00"), capacity=_CLASS_PLACES),
            _resource("stage", "stage", _EVERY_DAY, ("18:00", "23:00"), capacity=SALE_PLACES),
        ],
        "services": [
            _service("haircut", 30, staff, step=15, buffer_after_minutes=5),
            _service("beard", 15, staff, step=15),
            _service("colour", 90, staff[:_COLOURISTS], step=30, chair=True, buffer_after_minutes=10),
            _service("consultation", 20, staff, step=20),
            _service("class", 60, ["class-room"], step=60),
            _service(SALE, 60, ["stage"], step=60),
        ],
    }


def site(found: Mapping[str, Any], *, sale: str | None = None) -> Site:
    """What the business of `GET /v1/business` offers to visitors.

    Left out are services that need approval, and those of several steps: their answers do not say who serves when.
    Raises ValueError when nothing is left.
    """
    capacities = {one["key"]: int(one.get("capacity", 1)) for one in found["resources"]}
    offers = [Offer(key=one["key"], largest_party=_largest_party(one, found)) for one in _simple(found["services"])]
    keys = [offer.key for offer in offers]
    if not keys:
        message = "the business offers nothing that can be booked at once: set it up first"
        raise ValueError(message)
    if sale is not None and sale not in keys:
        message = f"the business has no service {sale!r} for a flash sale; it has {', '.join(keys)}"
        raise ValueError(message)
    sold = sale or (SALE if SALE in keys else keys[0])
    return Site(
        # Whoever just wants a haircut is not after what everybody wants.
        offers=[offer for offer in offers if offer.key != sold] or offers,
        sale=sold,
        capacities=capacities,
        staff=[one["key"] for one in found["resources"] if one["kind"] == "staff"] or list(capacities),
        own_hours=frozenset(
            (one["key"], str(override["date"])) for one in found["resources"] for override in one.get("overrides", ())
        ),
    )


def _simple(services: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for service in services:
        stepped = any(one.get("offset_minutes") or one.get("duration_minutes") for one in service["requires"])
        if not stepped and not service.get("rules", {}).get("approval", False):
            yield service


def _largest_party(service: Mapping[str, Any], found: Mapping[str, Any]) -> int:
    """Two, where everybody who can serve has room for two."""
    resources = {one["key"]: one for one in found["resources"]}
    pools = [one.get("any_of") or [] for one in service["requires"]]
    roomy = all(pools) and all(resources[key].get("capacity", 1) > 1 for pool in pools for key in pool)
    return 2 if roomy else 1


def _resource(
    key: str,
    kind: str,
    days: Sequence[str],
    hours: tuple[str, str],
    *,
    capacity: int = 1,
    pause: tuple[str, str] | None = None,
) -> dict[str, Any]:
    breaks = [] if pause is None else [{"days": list(days), "start": pause[0], "end": pause[1]}]
    return {
        "key": key,
        "kind": kind,
        "name": key,
        "location": "main",
        "capacity": capacity,
        "hours": [{"days": list(days), "start": hours[0], "end": hours[1]}],
        "breaks": breaks,
    }


def _service(
    key: str, minutes: int, pool: Sequence[str], *, step: int, chair: bool = False, **more: int
) -> dict[str, Any]:
    chairs = [{"role": "chair", "any_of": [f"chair-{number}" for number in range(1, _CHAIRS + 1)]}] if chair else []
    return {
        "key": key,
        "name": key,
        "duration_minutes": minutes,
        "price": {"amount_minor": minutes * 100, "currency": "EUR"},
        "grid": {"align": "opening", "step_minutes": step},
        "requires": [{"role": "who", "any_of": list(pool)}, *chairs],
        **more,
    }
