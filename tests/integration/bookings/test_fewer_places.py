"""A capacity that is lowered keeps what is booked, and offers no more than what is left of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bookings.model import Appointment
from catalogue.model.objects import ObjectKind
from holds.model import SlotHeld, SlotTaken
from kernel.spans import MINUTES_PER_DAY, to_datetime
from tests.support.documents import small_document
from tests.support.engine import NO_REDIS, Engine, running_engine
from tests.support.operations import by_business, by_customer
from tests.support.visits import TUESDAY, book, confirm, hold, slots

EVERY_DAY = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "18:00"}
YOGA = small_document(
    resources=[{"key": "yoga", "kind": "class", "name": "Yoga", "capacity": 3, "hours": [EVERY_DAY]}],
    services=[
        {
            "key": "haircut",
            "name": "Yoga",
            "duration_minutes": 60,
            "grid": {"align": "opening", "step_minutes": 30},
            "requires": [{"role": "class", "any_of": ["yoga"]}],
        }
    ],
)
# Nine in Jerusalem.
NINE = (TUESDAY.toordinal() - 719163) * MINUTES_PER_DAY + 7 * 60


@pytest.fixture
def document() -> Mapping[str, Any]:
    return YOGA


async def left(engine: Engine, start: int = NINE) -> int:
    """Places of a start, as listed; whatever is not listed cannot be had."""
    remaining = sum(slot.remaining for slot in await slots(engine) if slot.start == start)
    if not remaining:
        with pytest.raises(SlotTaken):
            await book(engine, start, 99)
    return remaining


async def limit(engine: Engine, capacity: int) -> None:
    await engine.services.objects.patch(
        by_business(engine.tenant_id), ObjectKind.RESOURCE, "yoga", {"capacity": capacity}
    )


async def cancel(engine: Engine, appointment: Appointment) -> None:
    await engine.services.appointments.cancel(
        by_customer(engine.tenant_id), appointment.id, reason=None, expected_version=None
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (2, 0), (0, 2)])
async def test_nothing_is_offered_until_there_are_fewer_than_the_capacity(engine: Engine, order: Sequence[int]) -> None:
    booked = [(await book(engine, NINE, number)).appointment for number in range(3)]
    await limit(engine, 2)
    assert await left(engine) == 0

    await cancel(engine, booked[order[0]])
    assert await left(engine) == 0
    assert await left(engine, NINE + 60) == 2

    await cancel(engine, booked[order[1]])
    assert await left(engine) == 1
    await book(engine, NINE, 3)
    assert await left(engine) == 0


async def test_fewer_places_are_counted_without_redis(engine: Engine, database_url: str) -> None:
    booked = [(await book(engine, NINE, number)).appointment for number in range(3)]
    await limit(engine, 2)
    await cancel(engine, booked[0])

    async with running_engine(database_url, NO_REDIS) as running:
        alone = replace(running, tenant_id=engine.tenant_id)
        assert await left(alone) == 0
        await cancel(alone, booked[1])
        assert await left(alone) == 1
        await book(alone, NINE, 3)
        assert await left(alone) == 0


async def test_every_place_is_offered_again_when_the_capacity_is_raised(engine: Engine) -> None:
    booked = [(await book(engine, NINE, number)).appointment for number in range(3)]
    await limit(engine, 1)
    await cancel(engine, booked[0])
    assert await left(engine) == 0

    await limit(engine, 4)

    assert await left(engine) == 2
    await book(engine, NINE, 4)
    await book(engine, NINE, 5)
    assert await left(engine) == 0


async def test_appointment_beyond_the_capacity_may_be_moved_over_itself(engine: Engine) -> None:
    booked = [(await book(engine, NINE, number)).appointment for number in range(2)]
    await limit(engine, 1)
    await cancel(engine, booked[0])

    await engine.services.appointments.reschedule(
        by_business(engine.tenant_id),
        booked[1].id,
        start=to_datetime(NINE + 30),
        resource=None,
        hold_id=None,
        expected_version=None,
    )

    assert await left(engine, NINE + 30) == 0
    assert await left(engine, NINE + 90) == 1


async def test_hold_counts_and_keeps_its_word_when_the_capacity_is_lowered_meanwhile(engine: Engine) -> None:
    booked = (await book(engine, NINE)).appointment
    placed = await hold(engine, NINE)
    await limit(engine, 1)
    await cancel(engine, booked)

    listed = [slot.start for slot in await slots(engine)]
    assert NINE not in listed
    assert NINE + 60 in listed
    with pytest.raises(SlotHeld):
        await hold(engine, NINE)
    with pytest.raises(SlotHeld):
        await book(engine, NINE, 1)

    assert (await confirm(engine, placed, 2)).created
    assert await left(engine) == 0
