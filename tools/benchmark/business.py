"""The business that is measured: who works in it, what it sells, and the requests it is sent."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import count, cycle
from typing import Any, Final

import orjson

STAFF: Final = 1000
"""Whose days are listed: 09:00 to 17:00 with an hour's break, visits of half an hour."""
DESKS: Final = 200
"""Where holds are placed: open day and night, visits of a quarter of an hour, so that nothing runs out."""
POOL: Final = 8
"""Desks of which any will do."""
FULL: Final = 20
"""Booked up for the whole window of their service."""
WINDOW_DAYS: Final = 60
FLASH: Final = 20
FLASH_STARTS: Final = 50
"""A day, of each desk of the flash sale."""
PLACE_DAYS: Final = 62
_ALWAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Business:
    """Names, and requests. Resources can be given names that no run before has used."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._numbers = count()

    def name(self, kind: str, number: int) -> str:
        """The key of one resource."""
        return f"{self._prefix}{kind}-{number:03}"

    def names(self, kind: str, how_many: int) -> list[str]:
        """The keys of the first resources of a kind."""
        return [self.name(kind, number) for number in range(how_many)]

    def document(self) -> dict[str, Any]:
        """The whole set-up, for `PUT /v1/business`."""
        return {
            "business": {
                "name": "Benchmark",
                "timezone": "Europe/Berlin",
                "currency": "EUR",
                "rules": {"hold": {"ttl_seconds": 3600, "max_total_seconds": 86_400, "max_per_client": 3}},
            },
            "locations": [{"key": "main", "name": "Main"}],
            "resources": [
                *self._resources("staff", STAFF, hours=("09:00", "17:00"), pause=("12:00", "13:00")),
                *self._resources("desk", DESKS, hours=("00:00", "24:00")),
                *self._resources("pool", POOL, hours=("00:00", "24:00")),
                *self._resources("full", FULL, hours=("09:00", "17:00")),
                *self._resources("flash", FLASH, hours=("00:00", "12:30")),
                *self._resources("herd", 1, hours=("00:00", "24:00")),
            ],
            "services": [
                _service("thousand", 30, kind="staff"),
                _service("hundred", 30, any_of=self.names("staff", 100)),
                _service("twenty", 30, any_of=self.names("staff", 20)),
                _service("visit", 15, kind="desk"),
                _service("pool", 15, kind="pool"),
                _service("whole-day", 480, kind="full"),
                {**_service("sold-out", 30, kind="full"), "rules": {"window": {"days": WINDOW_DAYS}}},
                _service("flash", 15, kind="flash"),
                _service("herd", 15, kind="herd"),
            ],
        }

    def place(self, service: str, resource: str | None, start: str, *, ttl_seconds: int | None = None) -> bytes:
        """The body that holds a start for a visitor of its own."""
        return orjson.dumps(self._start(service, resource, start, ttl_seconds))

    def book(self, service: str, resource: str | None, start: str) -> bytes:
        """The body that books a start for a customer of its own."""
        return orjson.dumps(self._start(service, resource, start, None) | self._customer())

    def confirm(self) -> bytes:
        """The body that makes a hold an appointment of a customer of its own."""
        return orjson.dumps(self._customer())

    def _start(self, service: str, resource: str | None, start: str, ttl_seconds: int | None) -> dict[str, Any]:
        members = {
            "service": service,
            "resource": resource,
            "start": start,
            "client": f"visitor-{next(self._numbers):08}",
            "ttl_seconds": ttl_seconds,
        }
        return {name: value for name, value in members.items() if value is not None}

    def _customer(self) -> dict[str, Any]:
        number = next(self._numbers)
        return {"customer": {"name": f"Customer {number:08}", "email": f"customer-{number:08}@example.com"}}

    def _resources(
        self, kind: str, how_many: int, *, hours: tuple[str, str], pause: tuple[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        breaks = [] if pause is None else [{"days": _ALWAYS, "start": pause[0], "end": pause[1]}]
        for name in self.names(kind, how_many):
            spans = [{"days": _ALWAYS, "start": hours[0], "end": hours[1]}]
            yield {"key": name, "kind": kind, "name": name, "hours": spans, "breaks": breaks}


def listing(service: str, first: date, days: int, resources: Sequence[str] = (), *, route: str = "") -> str:
    """The path that asks for the starts of some days."""
    named = "".join(f"&resource={resource}" for resource in resources)
    last = first + timedelta(days=days - 1)
    return f"/v1/availability{route}?service={service}&from={first}&to={last}{named}"


def spread(starts: Sequence[str]) -> list[str]:
    """Starts (RFC 3339) in an order that visits every date before it comes to a date again."""
    ordinals: dict[str, int] = {}
    numbered = []
    for start in starts:
        day = start[: len("2026-12-01")]
        ordinals[day] = ordinals.get(day, -1) + 1
        numbered.append((ordinals[day], start))
    return [start for _, start in sorted(numbered)]


def places(resources: Sequence[str], starts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every place once: neighbours in the order are of different resources, and next of different dates."""
    return ((resource, start) for start in spread(starts) for resource in resources)


def endlessly(starts: Sequence[str]) -> Iterator[str]:
    """The starts in that order, again and again."""
    return cycle(spread(starts))


def _service(key: str, minutes: int, **pool: object) -> dict[str, Any]:
    return {"key": key, "name": key, "duration_minutes": minutes, "requires": [{"role": "staff", **pool}]}
