"""Only what can be booked is read and cached: no other date costs the stores anything."""

from datetime import date, timedelta
from typing import Any, Final

import pytest

from availability.model import ListingQuery, NotOffered, Reason
from catalogue.limits import HORIZON_DAYS
from kernel.spans import MINUTES_PER_DAY
from persistence import keys
from tests.support.documents import small_document
from tests.support.engine import MONDAY, Engine, running_engine
from tests.support.visits import TUESDAY, hold, slots

pytestmark = pytest.mark.redis("single", "cluster")

_TODAY: Final = MONDAY.date()
_HORIZON: Final = _TODAY + timedelta(days=HORIZON_DAYS)


def _always_open(*, gap: bool = False) -> dict[str, Any]:
    """The small business with one barber who works every day, and no window at all."""
    document = small_document()
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    document["resources"][0]["hours"] = [{"days": every_day, "start": "09:00", "end": "17:00"}]
    document["services"][0] |= {"requires": [{"role": "barber", "any_of": ["noa"]}]}
    if gap:
        document["services"][0]["grid"] = {"align": "gap", "step_minutes": 15}
    return document


async def _cached(engine: Engine) -> list[str]:
    """All that Redis keeps of staff-days."""
    prefix = keys.prefix(engine.tenant_id)
    found = [key.decode().removeprefix(prefix) async for key in engine.context.redis.scan_iter(f"{prefix}*")]
    return sorted(key for key in found if key.startswith(("clear:", "version:")))


async def _days(engine: Engine, first: date, last: date) -> list[tuple[int, Reason | None]]:
    query = ListingQuery(service="haircut", first=first, last=last, explain=True)
    listing = await engine.services.listing.list_slots(engine.tenant_id, query)
    return [(len(day.slots), day.reason) for day in listing.days]


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (_TODAY + timedelta(days=200), Reason.OUTSIDE_WINDOW),
        (date(2199, 11, 1), Reason.OUTSIDE_WINDOW),
        (date(2025, 1, 1), Reason.LEAD_TIME),
    ],
)
async def test_listing_of_dates_that_cannot_be_booked_caches_nothing(
    engine: Engine, first: date, reason: Reason
) -> None:
    days = await _days(engine, first, first + timedelta(days=30))

    assert days == [(0, reason)] * 31
    assert await _cached(engine) == []


async def test_listing_caches_the_dates_that_can_be_booked_and_no_other(engine: Engine) -> None:
    around = await _days(engine, TUESDAY - timedelta(days=20), TUESDAY + timedelta(days=100))
    wide = await _cached(engine)
    await engine.context.redis.flushdb()
    inside = [await _days(engine, day, day) for number in range(-20, 101) for day in [TUESDAY + timedelta(days=number)]]

    assert [(count, reason) for ((count, reason),) in inside] == around
    assert await _cached(engine) == wide
    numbers = {int(key.rpartition(":")[2]) for key in wide}
    first = (_TODAY - date(1970, 1, 1)).days
    assert min(numbers) >= first - 1
    assert max(numbers) <= first + 60 + 4


@pytest.mark.parametrize("gap", [False, True])
async def test_hold_of_a_time_that_cannot_be_booked_caches_nothing(
    database_url: str, redis_url: str, *, gap: bool
) -> None:
    async with running_engine(database_url, redis_url, document=_always_open(gap=gap)) as engine:
        start = (await slots(engine))[0].start
        await engine.context.redis.flushdb()

        for days, reason in ((-400, Reason.LEAD_TIME), (800, Reason.OUTSIDE_WINDOW), (40_000, Reason.OUTSIDE_WINDOW)):
            with pytest.raises(NotOffered) as refused:
                await hold(engine, start + days * MINUTES_PER_DAY)
            assert refused.value.facts["reason"] == reason

        assert await _cached(engine) == []


async def test_listing_hold_and_next_agree_on_the_horizon(database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url, document=_always_open()) as engine:
        days = await _days(engine, _HORIZON - timedelta(days=2), _HORIZON + timedelta(days=3))

        assert [bool(count) for count, _ in days] == [True, True, True, False, False, False]
        assert [reason for _, reason in days] == [None] * 3 + [Reason.OUTSIDE_WINDOW] * 3
        last = (await slots(engine, day=_HORIZON))[-1].start
        assert (await hold(engine, last)).span.start == last
        with pytest.raises(NotOffered):
            await hold(engine, last + MINUTES_PER_DAY)


async def test_past_dates_are_not_filled(engine: Engine) -> None:
    await _days(engine, TUESDAY - timedelta(days=365), TUESDAY - timedelta(days=3))

    assert await _cached(engine) == []
