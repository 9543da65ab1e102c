"""The listing: the same with a warm cache, a cold one and none, and true right after every change."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from availability.listing.service import ListingService
from availability.model import Listing, ListingQuery, Reason
from availability.rules.search_budget import SearchBudget
from availability.state.bitmap_cache import BitmapCache, StaffDay
from catalogue.model.objects import ObjectKind
from kernel.errors import NotFound, ValidationFailed
from kernel.ids import AppointmentId, TenantId
from kernel.spans import to_datetime
from tests.support.documents import small_document
from tests.support.engine import NO_REDIS, Engine, running_engine
from tests.support.operations import by_business
from tests.support.visits import TUESDAY, book, confirm, hold, slots

pytestmark = pytest.mark.redis("single", "cluster")

WEEK = ListingQuery(service="haircut", first=TUESDAY, last=TUESDAY + timedelta(days=6), explain=True)


async def listing(engine: Engine, query: ListingQuery = WEEK) -> Listing:
    return await engine.services.listing.list_slots(engine.tenant_id, query)


async def starts(engine: Engine, query: ListingQuery = WEEK) -> list[int]:
    return [slot.start for day in (await listing(engine, query)).days for slot in day.slots]


async def test_listing_is_the_same_cold_and_warm(engine: Engine) -> None:
    await book(engine, (await starts(engine))[3])
    await engine.context.redis.flushdb()

    cold = await listing(engine)
    warm = await listing(engine)

    assert cold == warm
    assert await engine.context.redis.exists(*[key async for key in engine.context.redis.scan_iter("*:clear:*")])


async def test_listing_is_the_same_without_redis(database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url) as engine:
        await book(engine, (await starts(engine))[3])
        with_redis = await listing(engine)

        async with running_engine(database_url, NO_REDIS) as other:
            without = await listing(replace(other, tenant_id=engine.tenant_id))

    assert with_redis == without


async def test_hold_takes_the_time_from_others_and_not_from_its_owner(engine: Engine) -> None:
    start = (await slots(engine, resource="noa"))[0].start
    noa = replace(WEEK, resources=("noa",), explain=False)

    held = await hold(engine, start, resource="noa")

    assert start not in await starts(engine, noa)
    own = await listing(engine, replace(noa, hold_id=held.id))
    assert [slot.held_by_you for slot in own.days[0].slots[:2]] == [True, False]
    assert own.days[0].slots[0].start == start
    await engine.services.holds.release(by_business(engine.tenant_id), held.id)
    assert start in await starts(engine, noa)


async def test_pool_lists_the_time_while_somebody_is_left(engine: Engine) -> None:
    async def left() -> Counter[int]:
        return sum((Counter({slot.start: slot.remaining}) for slot in await slots(engine)), Counter())

    start = next(start for start, remaining in (await left()).items() if remaining == 3)

    for remaining in (2, 1, 0):
        await hold(engine, start)
        assert (await left())[start] == remaining


async def test_start_is_listed_once_for_each_end(engine: Engine) -> None:
    """Dan takes a quarter of an hour longer for a haircut."""
    listed = [slot for slot in await slots(engine) if slot.start == (await slots(engine, resource="dan"))[0].start]
    assert [(slot.end - slot.start, slot.resources, slot.remaining) for slot in listed] == [
        (30, ("noa",), 1),
        (45, ("dan",), 1),
    ]

    held = await hold(engine, listed[0].start, resource="dan")

    assert held.span.end == listed[1].end
    others = [slot for slot in await slots(engine) if slot.start == held.span.start]
    assert others == listed[:1]
    own = (await listing(engine, replace(WEEK, last=WEEK.first, hold_id=held.id))).days[0].slots
    assert [slot.held_by_you for slot in own if slot.start == held.span.start] == [False, True]


async def test_next_counts_each_end_of_a_start(engine: Engine) -> None:
    day = await slots(engine)
    place = next(place for place, slot in enumerate(day) if slot.start == day[place + 1].start)
    first = replace(WEEK, first=date(2026, 11, 30), last=date(2026, 11, 30), explain=False)
    before = len((await listing(engine, first)).days[0].slots)

    found = await engine.services.listing.next_slots(engine.tenant_id, WEEK, before + place + 1)

    assert found.days[-1].slots == tuple(day[: place + 1])


async def test_own_booking_is_seen_at_once_and_keeps_the_rest_cached(engine: Engine) -> None:
    first = await starts(engine, replace(WEEK, resources=("noa",)))

    await confirm(engine, await hold(engine, first[0], resource="noa"))

    assert first[0] not in await starts(engine, replace(WEEK, resources=("noa",)))
    cached = await BitmapCache(engine.context.redis).read(engine.tenant_id, [await noa_on_tuesday(engine)])
    assert all(cached.bitmaps.values())


async def noa_on_tuesday(engine: Engine) -> StaffDay:
    catalogue = await engine.services.snapshots.catalogue(engine.tenant_id)
    noa = catalogue.find_resource("noa")
    assert noa is not None
    return noa.id, (TUESDAY - date(1970, 1, 1)).days


async def test_change_of_the_catalogue_is_seen_by_the_next_question_of_another_process(
    database_url: str, redis_url: str
) -> None:
    async with running_engine(database_url, redis_url) as one, running_engine(database_url, redis_url) as two:
        other = replace(two, tenant_id=one.tenant_id)
        before = await listing(one)
        assert before == await listing(other)

        patch = {"grid": {"align": "opening", "step_minutes": 60}}
        await one.services.objects.patch(by_business(one.tenant_id), ObjectKind.SERVICE, "haircut", patch)

        after = await listing(other)
        assert after != before
        assert after == await listing(one)


async def test_own_appointment_is_not_in_the_way_of_its_rescheduling(engine: Engine) -> None:
    noa = replace(WEEK, resources=("noa",))
    before = await starts(engine, noa)
    booked = await book(engine, before[2], resource="noa")

    moving = replace(noa, rescheduling=booked.appointment.id)

    assert before[2] not in await starts(engine, noa)
    assert await starts(engine, moving) == before


async def test_viewers_zone_groups_by_its_own_dates_and_offers_the_same_starts(engine: Engine) -> None:
    at_home = await starts(engine)
    kiritimati = await listing(engine, replace(WEEK, timezone="Pacific/Kiritimati", last=WEEK.last + timedelta(days=1)))

    abroad = [slot.start for day in kiritimati.days for slot in day.slots]

    assert set(at_home) <= set(abroad)
    for day in kiritimati.days:
        for slot in day.slots:
            assert (to_datetime(slot.start) + timedelta(hours=14)).date() == day.date


async def test_empty_days_say_why(engine: Engine) -> None:
    saturday = next(day for day in (await listing(engine)).days if day.date.weekday() == 5)
    past = replace(WEEK, first=date(2026, 11, 24), last=date(2026, 11, 24))
    far = replace(WEEK, first=date(2027, 5, 4), last=date(2027, 5, 4))
    away = replace(WEEK, first=date(2027, 1, 5), last=date(2027, 1, 5), resources=("noa",))

    assert saturday.reason is Reason.CLOSED
    assert (await listing(engine, past)).days[0].reason is Reason.LEAD_TIME
    assert (await listing(engine, far)).days[0].reason is Reason.OUTSIDE_WINDOW
    assert (await listing(engine, away)).days[0].reason is Reason.TIME_OFF


async def test_next_gives_the_first_starts_from_now(engine: Engine) -> None:
    everything = await starts(engine, replace(WEEK, first=date(2026, 11, 30), explain=False))

    found = await engine.services.listing.next_slots(engine.tenant_id, WEEK, 5)

    assert [slot.start for day in found.days for slot in day.slots] == everything[:5]
    assert all(day.slots for day in found.days)


async def test_next_looks_no_further_than_the_window(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ListingQuery] = []
    list_slots = ListingService.list_slots

    async def noted(service: ListingService, tenant_id: TenantId, query: ListingQuery, budget: SearchBudget) -> Listing:
        asked.append(query)
        return await list_slots(service, tenant_id, query, budget)

    monkeypatch.setattr(ListingService, "list_slots", noted)

    found = await engine.services.listing.next_slots(engine.tenant_id, WEEK, 5000)

    assert sum(len(day.slots) for day in found.days) < 5000
    end_of_window = date(2026, 11, 30) + timedelta(days=60)
    assert max(day.date for day in found.days) <= end_of_window
    # A day more: the viewer's date may be ahead of the barber's.
    assert asked[-1].last == end_of_window + timedelta(days=1)


@pytest.mark.parametrize(
    "wrong", [{"service": "perm"}, {"resources": ("nobody",)}, {"rescheduling": AppointmentId("apt_" + "0" * 26)}]
)
async def test_unknown_names_are_not_found(engine: Engine, wrong: dict[str, object]) -> None:
    with pytest.raises(NotFound):
        await listing(engine, replace(WEEK, **wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["+02:00", "Mars/Olympus", "../etc/passwd", ""])
async def test_zone_must_be_an_iana_name(engine: Engine, zone: str) -> None:
    with pytest.raises(ValidationFailed):
        await listing(engine, replace(WEEK, timezone=zone))


@pytest.mark.parametrize("offset", [0, 60])
async def test_own_hold_is_at_its_start_whenever_the_first_role_is_busy(
    database_url: str, redis_url: str, offset: int
) -> None:
    """A colourist who comes and goes: the start of her second part is another start."""
    document = small_document()
    document["resources"][0]["hours"][0] |= {"start": "09:00", "end": "18:00"}
    entry = {"role": "barber", "any_of": ["noa"], "duration_minutes": 30}
    entries = [entry | {"offset_minutes": at} for at in (0, 120) if at >= offset]
    document["services"][0] |= {"duration_minutes": 150, "grid": {"step_minutes": 60}}
    document["services"][0] |= {"requires": entries}
    async with running_engine(database_url, redis_url, document=document) as engine:
        held = await hold(engine, (await slots(engine))[2].start)

        query = replace(WEEK, last=TUESDAY, hold_id=held.id)
        mine = [slot.start for slot in (await listing(engine, query)).days[0].slots if slot.held_by_you]

        assert mine == [held.span.start]


async def test_next_looks_into_a_window_that_begins_years_ahead(database_url: str, redis_url: str) -> None:
    document = small_document()
    document["services"][0] |= {"requires": [{"role": "barber", "any_of": ["noa"]}]}
    document["services"][0] |= {"rules": {"window": {"from": date(2029, 1, 9)}}}
    async with running_engine(database_url, redis_url, document=document) as engine:
        found = await engine.services.listing.next_slots(engine.tenant_id, WEEK, 3)

        assert [(day.date, len(day.slots)) for day in found.days] == [(date(2029, 1, 9), 3)]
