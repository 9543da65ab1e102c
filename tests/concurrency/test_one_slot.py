"""Many want one slot at once: one gets it, and everybody else is told so (cal.com #13397, LibreBooking #147)."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

from bookings.model import Booked
from holds.model import Hold, SlotHeld, SlotTaken
from kernel.errors import DomainError
from tests.support.documents import small_document
from tests.support.engine import NO_REDIS, Engine, running_engine
from tests.support.ledger import ledger
from tests.support.operations import by_customer
from tests.support.visits import book, confirm, hold, slots, starts_with

CROWD = 200


async def outcomes(attempts: Sequence[Coroutine[Any, Any, Booked]]) -> Counter[str]:
    """How often each attempt at a booking ended in what: `booked`, `again`, or the code of the refusal."""

    async def outcome(attempt: Coroutine[Any, Any, Booked]) -> str:
        try:
            return "booked" if (await attempt).created else "again"
        except DomainError as refusal:
            return refusal.code

    return Counter(await asyncio.gather(*map(outcome, attempts)))


async def test_direct_bookings_of_one_slot_give_one_appointment(engine: Engine) -> None:
    start = (await slots(engine, resource="noa"))[0].start

    answers = await outcomes([book(engine, start, number, resource="noa") for number in range(CROWD)])

    assert answers["booked"] == 1
    assert answers[SlotHeld.code] + answers[SlotTaken.code] == CROWD - 1
    written = await ledger(engine)
    assert (written.live, written.claims, written.parts, written.events, written.overlaps) == (1, 1, 1, 1, 0)


async def test_direct_bookings_of_one_slot_give_one_appointment_when_redis_is_away(database_url: str) -> None:
    async with running_engine(database_url, NO_REDIS) as engine:
        start = (await slots(engine, resource="noa"))[0].start

        answers = await outcomes([book(engine, start, number, resource="noa") for number in range(CROWD)])

        assert answers == {"booked": 1, SlotTaken.code: CROWD - 1}
        written = await ledger(engine)
        assert (written.live, written.claims, written.parts, written.overlaps) == (1, 1, 1, 0)


async def test_confirmations_of_one_hold_give_one_appointment(engine: Engine) -> None:
    held = await hold(engine, (await slots(engine))[0].start)

    answers = await outcomes([confirm(engine, held) for _ in range(CROWD)])

    assert answers == {"booked": 1, "again": CROWD - 1}
    written = await ledger(engine)
    assert (written.live, written.claims, written.customers) == (1, 1, 1)


async def hold_that_redis_forgets(engine: Engine, start: int) -> Hold:
    """A hold whose minutes Redis has lost, so that the next one may have them too; its record is still there."""
    held = await hold(engine, start, resource="noa")
    keys = [key async for key in engine.context.redis.scan_iter("*:held:*")]
    await engine.context.redis.delete(*keys)
    return held


async def test_confirmations_of_holds_on_one_slot_give_one_appointment_when_redis_forgot_them(engine: Engine) -> None:
    start = (await slots(engine, resource="noa"))[0].start
    held = [await hold_that_redis_forgets(engine, start) for _ in range(CROWD)]

    answers = await outcomes([confirm(engine, one, number) for number, one in enumerate(held)])

    assert answers == {"booked": 1, SlotTaken.code: CROWD - 1}
    written = await ledger(engine)
    assert (written.live, written.claims, written.overlaps) == (1, 1, 0)


async def test_holds_of_anybody_fill_the_pool_and_no_more(engine: Engine) -> None:
    start = (await starts_with(engine, 3))[0]

    async def place() -> str:
        try:
            return (await hold(engine, start)).parts[0].resource_id
        except SlotHeld:
            return "refused"

    answers = Counter(await asyncio.gather(*(place() for _ in range(50))))

    assert answers.pop("refused") == 47
    assert sorted(answers.values()) == [1, 1, 1]


async def test_as_many_holds_of_anybody_as_there_are_in_the_pool_all_succeed(database_url: str, redis_url: str) -> None:
    document = small_document()
    noa = document["resources"][0]
    document["resources"] = [noa | {"key": f"b{number}"} for number in range(8)]
    document["services"][0] |= {"requires": [{"role": "barber", "kind": "staff"}]}
    async with running_engine(database_url, redis_url, document=document) as engine:
        start = (await slots(engine))[0].start

        placed = await asyncio.gather(*(hold(engine, start, client=f"c{number}") for number in range(8)))

        assert len({one.parts[0].resource_id for one in placed}) == 8


async def test_a_lost_race_moves_on_to_whoever_is_left_when_redis_is_away(database_url: str) -> None:
    async with running_engine(database_url, NO_REDIS) as engine:
        start = (await starts_with(engine, 3))[0]

        answers = await outcomes([book(engine, start, number) for number in range(20)])

        assert answers == {"booked": 3, SlotTaken.code: 17}
        assert (await ledger(engine)).overlaps == 0


async def test_cancelled_slot_is_booked_again_a_hundred_times(engine: Engine) -> None:
    start = (await slots(engine))[0].start

    for number in range(100):
        booked = await confirm(engine, await hold(engine, start, resource="noa"), number)
        await engine.services.appointments.cancel(
            by_customer(engine.tenant_id), booked.appointment.id, reason=None, expected_version=None
        )

    written = await ledger(engine)
    assert (written.live, written.claims, written.parts, written.events) == (0, 0, 100, 200)
