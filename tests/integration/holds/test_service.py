"""Holds as visitors use them."""

from datetime import timedelta
from typing import Any

import pytest

from availability.model import NotOffered
from availability.state.bitmap_cache import BitmapCache, Versions
from holds.model import (
    HoldBusy,
    HoldExpired,
    HoldLifeExhausted,
    HoldLimitReached,
    HoldNotFound,
    HoldStatus,
    HoldsUnavailable,
    SlotHeld,
    SlotTaken,
)
from kernel.errors import NotFound, ValidationFailed
from kernel.ids import HoldId, TenantId
from persistence.errors import RedisUnavailable
from tests.support.documents import small_document
from tests.support.engine import NO_REDIS, Engine, running_engine
from tests.support.operations import by_business
from tests.support.redis_time import let_pass
from tests.support.visits import book, confirm, hold, request, slots

pytestmark = pytest.mark.redis("single", "cluster")

UNKNOWN = HoldId("hld_" + "0" * 26)
EVERY_DAY = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "18:00"}


async def noas(engine: Engine) -> list[int]:
    return [slot.start for slot in await slots(engine, resource="noa")]


async def test_every_listed_slot_can_be_held_and_confirmed(engine: Engine) -> None:
    """Listed, then refused (cal.com #29532): never, while nothing else happens."""
    number = 0
    while listed := await slots(engine, resource="noa"):
        placed = await hold(engine, listed[0].start, resource="noa")
        assert (placed.span.start, placed.span.end) == (listed[0].start, listed[0].end)
        assert (await confirm(engine, placed, number)).created
        number += 1

    assert number > 10


async def test_hold_lasts_as_the_rules_say(engine: Engine) -> None:
    placed = await hold(engine, (await noas(engine))[0])

    assert placed.status is HoldStatus.HELD
    assert placed.extendable_until - placed.expires_at == timedelta(seconds=900)


async def test_hold_lasts_as_long_as_asked_for_up_to_the_limit(engine: Engine) -> None:
    start = (await noas(engine))[0]

    placed = await hold(engine, start, ttl_seconds=60)

    assert placed.extendable_until - placed.expires_at == timedelta(seconds=1140)
    with pytest.raises(ValidationFailed):
        await hold(engine, start, ttl_seconds=1201)


async def test_same_client_asking_again_gets_its_own_hold(engine: Engine) -> None:
    wish = request((await noas(engine))[0], client="browser-7")

    first, placed = await engine.services.holds.place(by_business(engine.tenant_id), wish)
    second, again = await engine.services.holds.place(by_business(engine.tenant_id), wish)

    assert (placed, again) == (True, False)
    assert first == second


async def test_same_client_gets_its_own_hold_of_the_last_one_who_can_serve(engine: Engine) -> None:
    wish = request((await noas(engine))[0], client="browser-7", resource="noa")

    first, _ = await engine.services.holds.place(by_business(engine.tenant_id), wish)
    second, again = await engine.services.holds.place(by_business(engine.tenant_id), wish)

    assert (first.id, again) == (second.id, False)


async def test_client_holds_no_more_than_the_rules_allow(engine: Engine) -> None:
    starts = (await noas(engine))[::4]
    held = [await hold(engine, start, client="browser-7", resource="noa") for start in starts[:3]]

    with pytest.raises(HoldLimitReached):
        await hold(engine, starts[3], client="browser-7", resource="noa")
    await hold(engine, starts[3], client="browser-8", resource="noa")
    await engine.services.holds.release(by_business(engine.tenant_id), held[0].id)
    await hold(engine, starts[0], client="browser-7", resource="noa")


async def test_replacing_swaps_in_one_step(engine: Engine) -> None:
    starts = await noas(engine)
    old = await hold(engine, starts[0], client="browser-7", resource="noa")

    new = await hold(engine, starts[0] + 15, client="browser-7", resource="noa", replaces=old.id)

    assert new.span.start == starts[0] + 15
    with pytest.raises(HoldNotFound):
        await engine.services.holds.get(by_business(engine.tenant_id), old.id)


async def test_replacing_asks_whoever_was_held_in_their_usual_order(database_url: str, redis_url: str) -> None:
    service = {"key": "haircut", "name": "Haircut", "duration_minutes": 30, "assign": "priority"}
    document = small_document(
        resources=[{"key": key, "kind": "staff", "name": key, "hours": [EVERY_DAY]} for key in ("noa", "dan")],
        services=[service | {"requires": [{"role": "barber", "any_of": ["noa", "dan"]}]}],
    )
    async with running_engine(database_url, redis_url, document=document) as engine:
        start = (await slots(engine))[0].start
        old = await hold(engine, start)

        new = await hold(engine, start, replaces=old.id)

        assert new.id != old.id
        assert new.parts == old.parts


async def test_replacing_keeps_the_old_hold_when_the_new_one_is_refused(engine: Engine) -> None:
    starts = await noas(engine)
    old = await hold(engine, starts[0], resource="noa")
    await hold(engine, starts[8], resource="noa")

    with pytest.raises(SlotHeld):
        await hold(engine, starts[8], resource="noa", replaces=old.id)

    assert (await engine.services.holds.get(by_business(engine.tenant_id), old.id)).status is HoldStatus.HELD


async def test_extending_gives_more_time_up_to_the_limit(engine: Engine) -> None:
    placed = await hold(engine, (await noas(engine))[0])

    longer = await engine.services.holds.extend(by_business(engine.tenant_id), placed.id, 600)
    shorter = await engine.services.holds.extend(by_business(engine.tenant_id), placed.id, 10)

    assert longer.expires_at > placed.expires_at
    assert shorter.expires_at == longer.expires_at
    with pytest.raises(HoldLifeExhausted) as refusal:
        await engine.services.holds.extend(by_business(engine.tenant_id), placed.id, 1201)
    assert 1190 <= int(str(refusal.value.facts["most_seconds"])) <= 1200


async def test_expired_hold_is_free_for_others_at_once(engine: Engine) -> None:
    start = (await noas(engine))[0]
    placed = await hold(engine, start, resource="noa")

    await let_pass(engine.context.redis, engine.tenant_id, placed.id, 300_000)

    assert (await engine.services.holds.get(by_business(engine.tenant_id), placed.id)).status is HoldStatus.EXPIRED
    with pytest.raises(HoldExpired):
        await engine.services.holds.extend(by_business(engine.tenant_id), placed.id, 60)
    assert start in await noas(engine)
    await hold(engine, start, resource="noa")


async def test_releasing_frees_the_time_and_may_be_repeated(engine: Engine) -> None:
    start = (await noas(engine))[0]
    placed = await hold(engine, start, resource="noa")

    await engine.services.holds.release(by_business(engine.tenant_id), placed.id)
    await engine.services.holds.release(by_business(engine.tenant_id), placed.id)

    assert start in await noas(engine)


async def test_confirmed_hold_can_no_longer_be_released_or_extended(engine: Engine) -> None:
    placed = await hold(engine, (await noas(engine))[0])
    booked = await confirm(engine, placed)

    with pytest.raises(HoldBusy):
        await engine.services.holds.release(by_business(engine.tenant_id), placed.id)
    with pytest.raises(HoldBusy):
        await engine.services.holds.extend(by_business(engine.tenant_id), placed.id, 60)
    found = await engine.services.holds.get(by_business(engine.tenant_id), placed.id)
    assert (found.status, found.appointment_id) == (HoldStatus.CONFIRMED, booked.appointment.id)


async def test_direct_booking_over_a_hold_is_told_when_to_come_back(engine: Engine) -> None:
    """A booking without a hold ignored others' holds (cal.com #23974)."""
    placed = await hold(engine, (await noas(engine))[0], resource="noa")

    with pytest.raises(SlotHeld) as refusal:
        await book(engine, placed.span.start, resource="noa")

    assert 290 <= int(str(refusal.value.facts["retry_after_seconds"])) <= 300


@pytest.mark.parametrize(
    ("offset", "reason"),
    [(1, "off_grid"), (-600, "closed"), (-1440 * 7, "lead_time"), (1440 * 90, "outside_window")],
)
async def test_start_that_is_not_offered_is_refused_with_the_rule(engine: Engine, offset: int, reason: str) -> None:
    start = (await noas(engine))[0]

    with pytest.raises(NotOffered) as refusal:
        await hold(engine, start + offset, resource="noa")

    assert refusal.value.facts["reason"] == reason


async def test_booked_start_is_refused_as_taken(engine: Engine) -> None:
    start = (await noas(engine))[0]
    await book(engine, start, resource="noa")

    with pytest.raises(SlotTaken):
        await hold(engine, start, resource="noa")
    with pytest.raises(SlotTaken):
        await hold(engine, start + 15, resource="noa")


async def test_whoever_is_booked_least_that_day_is_asked_first(engine: Engine) -> None:
    both = [slot for slot in await slots(engine) if {"noa", "yael"} <= set(slot.resources)]
    await book(engine, (await noas(engine))[0], resource="noa")

    placed = await hold(engine, both[-1].start)

    catalogue = await engine.services.snapshots.catalogue(engine.tenant_id)
    assert catalogue.resource_by_id[placed.parts[0].resource_id].key != "noa"


async def test_whoever_served_longest_ago_is_asked_first_in_turns(engine: Engine) -> None:
    listed = [slot for slot in await slots(engine, "beard-trim") if set(slot.resources) == {"noa", "dan"}]

    served = [
        (await book(engine, slot.start, number, "beard-trim")).appointment.parts[0].resource_id
        for number, slot in enumerate(listed[:2])
    ]

    assert len(set(served)) == 2


async def test_resource_with_its_own_terms_takes_its_time(engine: Engine) -> None:
    listed = (await slots(engine, resource="dan"))[0]

    placed = await hold(engine, listed.start, resource="dan")

    assert placed.span.minutes == 45
    assert listed.end - listed.start == 45


async def test_unknown_names_are_not_found(engine: Engine) -> None:
    start = (await noas(engine))[0]

    with pytest.raises(NotFound):
        await hold(engine, start, "perm")
    with pytest.raises(NotFound):
        await hold(engine, start, resource="nobody")
    for attempt in (
        engine.services.holds.get(by_business(engine.tenant_id), UNKNOWN),
        engine.services.holds.extend(by_business(engine.tenant_id), UNKNOWN, 60),
    ):
        with pytest.raises(HoldNotFound):
            await attempt


async def test_holds_are_unavailable_when_redis_is_away(database_url: str) -> None:
    async with running_engine(database_url, NO_REDIS) as engine:
        start = (await noas(engine))[0]

        for attempt in (
            hold(engine, start),
            engine.services.holds.get(by_business(engine.tenant_id), UNKNOWN),
            engine.services.holds.extend(by_business(engine.tenant_id), UNKNOWN, 60),
            engine.services.holds.release(by_business(engine.tenant_id), UNKNOWN),
        ):
            with pytest.raises(HoldsUnavailable) as refusal:
                await attempt
            assert refusal.value.facts["retry_after_seconds"]


async def test_hold_is_placed_when_the_setup_was_read_without_redis_and_redis_comes_back_empty(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = (await slots(engine))[0].start
    await engine.context.redis.flushdb()
    versions, missed = BitmapCache.versions, list[TenantId]()

    async def away_at_first(self: BitmapCache, tenant_id: TenantId, *more: Any, **named: Any) -> Versions:
        if not missed:
            missed.append(tenant_id)
            raise RedisUnavailable
        return await versions(self, tenant_id, *more, **named)

    monkeypatch.setattr(BitmapCache, "versions", away_at_first)

    held = await hold(engine, start)

    assert missed
    assert (await confirm(engine, held)).created


async def test_hold_of_one_business_is_nothing_to_another(database_url: str, redis_url: str) -> None:
    async with running_engine(database_url, redis_url) as one, running_engine(database_url, redis_url) as two:
        placed = await hold(one, (await noas(one))[0])

        with pytest.raises(HoldNotFound):
            await two.services.holds.get(by_business(two.tenant_id), placed.id)
        await two.services.holds.release(by_business(two.tenant_id), placed.id)

        assert (await one.services.holds.get(by_business(one.tenant_id), placed.id)).status is HoldStatus.HELD


async def test_every_listed_slot_of_a_large_pool_can_be_held(database_url: str, redis_url: str) -> None:
    """More are held than one placement tries: the rest are listed, and can be had."""
    document = small_document(
        resources=[
            {"key": f"staff-{number}", "kind": "staff", "name": "Staff", "hours": [EVERY_DAY]} for number in range(80)
        ],
        services=[
            {
                "key": "haircut",
                "name": "Haircut",
                "duration_minutes": 30,
                "assign": "priority",
                "requires": [{"role": "barber", "kind": "staff"}],
            }
        ],
    )
    async with running_engine(database_url, redis_url, document=document) as engine:
        start = (await slots(engine))[0].start

        held = [(await hold(engine, start)).parts[0].resource_id for _ in range(80)]

        assert len(set(held)) == 80
        with pytest.raises(SlotHeld):
            await hold(engine, start)


async def test_taken_time_is_called_taken_also_when_the_client_has_its_fill_of_holds(engine: Engine) -> None:
    """With one resource that could serve, the script is asked before the rules (rules.catalogue_candidates)."""
    wanted, *others = [slot.start for slot in await slots(engine, resource="dan")]
    await book(engine, wanted, resource="dan")
    for start in others[4:16:4]:
        await hold(engine, start, resource="dan", client="tab")

    with pytest.raises(SlotTaken):
        await hold(engine, wanted, resource="dan", client="tab")
    with pytest.raises(HoldLimitReached):
        await hold(engine, others[-1], resource="dan", client="tab")


@pytest.mark.parametrize("assign", ["least_booked", "round_robin"])
async def test_price_of_two_who_both_must_serve_is_the_same_whether_their_day_is_cached_or_not(
    database_url: str, redis_url: str, assign: str
) -> None:
    """That of the first of them with a price of its own: without the cache the rules are asked, not the script."""
    team = {"noa": {"price": {"amount_minor": 1000, "currency": "ILS"}}}
    team |= {"dan": {"price": {"amount_minor": 2000, "currency": "ILS"}}}
    both = {"role": "barber", "kind": "staff", "count": 2, "overrides": team, "turns": "shared"}
    single = {"role": "barber", "any_of": ["noa"]}
    document = small_document(
        resources=[{"key": key, "kind": "staff", "name": key, "hours": [EVERY_DAY]} for key in ("noa", "dan")],
        services=[
            {"key": "single", "name": "Single", "duration_minutes": 30, "requires": [single]},
            {"key": "duo", "name": "Duo", "duration_minutes": 30, "assign": assign, "requires": [both]},
        ],
    )
    async with running_engine(database_url, redis_url, document=document) as engine:
        first, *_, last = [slot.start for slot in await slots(engine, service="duo")]
        await book(engine, last, service="single")
        redis = engine.context.redis
        await redis.delete(*[key async for key in redis.scan_iter("*clear:*")])

        cold = await hold(engine, first, service="duo")
        await engine.services.holds.release(by_business(engine.tenant_id), cold.id)
        warm = await hold(engine, first, service="duo")

    assert (cold.price, cold.parts) == (warm.price, warm.parts)
    assert cold.price.amount_minor == 2000
