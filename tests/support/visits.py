"""What visitors do, in a line each."""

from collections import Counter
from datetime import date, datetime

from availability.model import ListingQuery, Slot
from bookings.model import Booked, CustomerDetails, Details
from holds.model import Hold, PlaceRequest
from kernel.spans import to_datetime
from tests.support.engine import Engine
from tests.support.operations import by_business

TUESDAY = date(2026, 12, 1)


def details(number: int = 0) -> Details:
    """A visitor; two of different numbers are different customers."""
    return Details(customer=CustomerDetails(name=f"Visitor {number}", email=f"visitor{number}@example.com"))


async def slots(
    engine: Engine, service: str = "haircut", day: date = TUESDAY, resource: str | None = None
) -> list[Slot]:
    """The free times of a day."""
    query = ListingQuery(service=service, first=day, last=day, resources=(resource,) if resource else ())
    return list((await engine.services.listing.list_slots(engine.tenant_id, query)).days[0].slots)


async def starts_with(engine: Engine, places: int) -> list[int]:
    """The starts of haircuts on Tuesday at which that many could be had at once, however long each takes."""
    left: Counter[int] = Counter()
    for slot in await slots(engine):
        left[slot.start] += slot.remaining
    return [start for start, count in left.items() if count == places]


def request(start: int | datetime, service: str = "haircut", **more: object) -> PlaceRequest:
    """A wish for a start, given as a minute or an instant."""
    instant = to_datetime(start) if isinstance(start, int) else start
    return PlaceRequest(service=service, start=instant, **more)  # type: ignore[arg-type]


async def hold(engine: Engine, start: int, service: str = "haircut", **more: object) -> Hold:
    """A hold on a start."""
    placed, _ = await engine.services.holds.place(by_business(engine.tenant_id), request(start, service, **more))
    return placed


async def confirm(engine: Engine, held: Hold, number: int = 0, *, if_free: bool = False) -> Booked:
    """The hold, confirmed by a visitor."""
    return await engine.services.bookings.confirm(
        by_business(engine.tenant_id), held.id, details(number), if_free=if_free
    )


async def book(engine: Engine, start: int, number: int = 0, service: str = "haircut", **more: object) -> Booked:
    """A start, booked directly by a visitor."""
    return await engine.services.bookings.book(
        by_business(engine.tenant_id), request(start, service, **more), details(number), idempotency_key=None
    )
