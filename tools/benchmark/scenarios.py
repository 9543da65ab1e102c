"""What is measured: each scenario's requests, the answer that counts, and its targets."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, repeat
from typing import Final

from benchmark.business import WINDOW_DAYS, listing
from benchmark.measures import Target
from benchmark.site import CONNECTIONS, DAYS_AHEAD, Site

# A hold of the scenarios that place many: gone soon, so that Redis does not fill up.
_TTL_SECONDS: Final = 60
_REFUSED_STARTS: Final = 200
_APPOINTMENTS_PER_STAFF: Final = 31

Requests = Callable[[Site, int], Awaitable[Iterator[bytes]]]
"""At least so many requests, as far as they can be had; called before each round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of request, measured in rounds."""

    name: str
    title: str
    requests: Requests
    once: Callable[[Site], Awaitable[None]] | None = None
    """Prepares the site, before the first round."""
    expected: int = 200
    """The status that every answer must have."""
    connections: int = CONNECTIONS
    """With 1, latencies are those of a server that has nothing else to do."""
    targets: tuple[Target, ...] = ()
    half: tuple[Target, ...] = ()
    """At half of the highest rate; none: not measured."""


def _listing(service: str, days: int, resources: int = 0, *, route: str = "") -> Requests:
    """The same listing again and again."""

    async def requests(site: Site, _count: int) -> Iterator[bytes]:
        path = listing(service, site.first_day, days, site.business.names("staff", resources), route=route)
        return repeat(site.server.request("GET", path))

    return requests


async def _cold_weeks(site: Site, _count: int) -> Iterator[bytes]:
    return (
        site.server.request("GET", listing("thousand", first, 7, [resource])) for resource, first in site.cold_weeks
    )


async def _cold_months(site: Site, _count: int) -> Iterator[bytes]:
    return (
        site.server.request("GET", listing("thousand", first, 31, resources)) for resources, first in site.cold_months
    )


async def _book_some(site: Site) -> None:
    """One appointment per day of each of the twenty, at another time every day."""
    found = await site.get(listing("twenty", site.first_day, _APPOINTMENTS_PER_STAFF))
    await site.send(
        _booking(site, "twenty", resource, day["slots"][(number + order) % len(day["slots"])]["start"])
        for order, day in enumerate(found["days"])
        for number, resource in enumerate(site.business.names("staff", 20))
    )


async def _book_all(site: Site) -> None:
    """Every day of the window, of everybody who could serve."""
    found = await site.get(listing("whole-day", site.first_day - timedelta(days=DAYS_AHEAD), WINDOW_DAYS + DAYS_AHEAD))
    await site.send(
        _booking(site, "whole-day", resource, slot["start"])
        for day in found["days"]
        for slot in day["slots"]
        for resource in slot["resources"]
    )
    # Today may have begun, so that a whole day no longer fits, but half an hour does.
    while (left := await site.get("/v1/availability/next?service=sold-out&limit=100"))["slots"]:
        await site.send(
            _booking(site, "sold-out", resource, slot["start"])
            for slot in left["slots"]
            for resource in slot["resources"]
        )


async def _next(site: Site, _count: int) -> Iterator[bytes]:
    return repeat(site.server.request("GET", "/v1/availability/next?service=sold-out&limit=5"))


async def _place(site: Site, _count: int) -> Iterator[bytes]:
    return (_holding(site, resource, start) for resource, start in site.places)


async def _place_any(site: Site, _count: int) -> Iterator[bytes]:
    return (
        site.server.request("POST", "/v1/holds", site.business.place("pool", None, start, ttl_seconds=_TTL_SECONDS))
        for start in site.pool_starts
    )


async def _book(site: Site, _count: int) -> Iterator[bytes]:
    return (_booking(site, "visit", resource, start) for resource, start in site.places)


async def _confirm(site: Site, count: int) -> Iterator[bytes]:
    """Of holds that are placed now: as many as a round can confirm."""
    holds = await site.send(_holding(site, *place, ttl_seconds=3600) for place in islice(site.places, count))
    return (site.server.request("POST", f"/v1/holds/{hold['id']}/confirm", site.business.confirm()) for hold in holds)


async def _take(site: Site) -> None:
    chosen = list(islice(site.places, _REFUSED_STARTS))
    await site.send(_booking(site, "visit", resource, start) for resource, start in chosen)
    site.kept["refused-taken"] = [_holding(site, resource, start) for resource, start in chosen]


async def _hold(site: Site) -> None:
    chosen = list(islice(site.places, _REFUSED_STARTS))
    await site.send(_holding(site, resource, start, ttl_seconds=7200) for resource, start in chosen)
    site.kept["refused-held"] = [_holding(site, resource, start) for resource, start in chosen]


def _kept(name: str) -> Requests:
    async def requests(site: Site, _count: int) -> Iterator[bytes]:
        return (request for round_ in repeat(site.kept[name]) for request in round_)

    return requests


def _holding(site: Site, resource: str, start: str, *, ttl_seconds: int = _TTL_SECONDS) -> bytes:
    body = site.business.place("visit", resource, start, ttl_seconds=ttl_seconds)
    return site.server.request("POST", "/v1/holds", body)


def _booking(site: Site, service: str, resource: str, start: str) -> bytes:
    return site.server.request("POST", "/v1/appointments", site.business.book(service, resource, start))


def _ratio(bound: float) -> Target:
    return Target(measure="ratio", bound=bound)


def _p50(bound: float) -> Target:
    return Target(measure="p50_ms", bound=bound)


def _p99(bound: float) -> Target:
    return Target(measure="p99_ms", bound=bound)


SCENARIOS: Final = (
    Scenario(
        name="place", title="Place a hold", requests=_place, expected=201, targets=(_ratio(0.6),), half=(_p99(25),)
    ),
    Scenario(
        name="place-any", title="Place a hold on any of 8", requests=_place_any, expected=201
    ),
    Scenario(
        name="refused-taken", title="Hold refused, as booked", requests=_kept("refused-taken"), once=_take,
        expected=409, targets=(_ratio(0.65),),
    ),
    Scenario(
        name="refused-held", title="Hold refused, as held", requests=_kept("refused-held"), once=_hold,
        expected=409, targets=(_ratio(0.65),),
    ),
    Scenario(
        name="confirm", title="Confirm a hold", requests=_confirm, expected=201,
        targets=(_ratio(0.3),), half=(_p99(40),),
    ),
    Scenario(name="book", title="Book in one step", requests=_book, expected=201),
    Scenario(
        name="staff-week", title="List 1 staff × 7 days", requests=_listing("twenty", 7, 1), once=_book_some,
        targets=(_ratio(0.5),), half=(_p99(25),),
    ),
    Scenario(name="staff-week-cold", title="The same, not cached", requests=_cold_weeks),
    Scenario(
        name="listing-20x31", title="List 20 staff × 31 days", requests=_listing("twenty", 31),
        connections=1, targets=(_p50(10),),
    ),
    Scenario(
        name="listing-20x31-cold", title="The same, not cached", requests=_cold_months, connections=1
    ),
    Scenario(
        name="listing-20x62", title="List 20 staff × 62 days", requests=_listing("twenty", 62), connections=1
    ),
    Scenario(
        name="listing-1000x7", title="List 1,000 staff × 7 days", requests=_listing("thousand", 7),
        connections=1, targets=(_p99(200),),
    ),
    Scenario(
        name="days-100x31", title="Month summary, 100 staff × 31 days",
        requests=_listing("hundred", 31, route="/days"), connections=1, targets=(_p99(50),),
    ),
    Scenario(
        name="next-sold-out", title="Next free start, 60 days booked up", requests=_next, once=_book_all,
        connections=1, targets=(_p99(20),),
    ),
)  # fmt: skip
