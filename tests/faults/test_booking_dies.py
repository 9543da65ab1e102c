"""The process that books is killed between any two steps: nothing is left half done, and repeating finishes it."""

import asyncio
import signal

import pytest

from bootstrap.loops import build_invalidator
from holds.model import SlotHeld, SlotTaken
from kernel.spans import to_datetime
from tests.support.dying import COMMITTED, Task
from tests.support.engine import Engine
from tests.support.ledger import Ledger, ledger
from tests.support.operations import by_business
from tests.support.visits import book, confirm, details, hold, request, slots

pytestmark = pytest.mark.own_database

INSIDE_THE_TRANSACTION = ["customer", "appointment"]
AFTER_THE_COMMIT = [COMMITTED, "settled"]
NOTHING = Ledger(live=0, claims=0, parts=0, events=0, customers=0, overlaps=0)
ONE_OF_EACH = Ledger(live=1, claims=1, parts=1, events=1, customers=1, overlaps=0)


async def killed(engine: Engine, step: str, **more: object) -> None:
    """A process of its own books until the step, and is killed there."""
    settings = engine.context.settings
    assert settings.database_url is not None
    assert settings.redis_url is not None
    task = Task(
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        tenant_id=str(engine.tenant_id),
        step=step,
        **more,  # type: ignore[arg-type]
    )
    process = await asyncio.create_subprocess_exec(*task.arguments())
    assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("step", ["pinned", *INSIDE_THE_TRANSACTION])
async def test_confirmation_killed_before_its_commit_leaves_only_the_hold(engine: Engine, step: str) -> None:
    start = (await slots(engine, resource="noa"))[0].start
    held = await hold(engine, start, resource="noa")

    await killed(engine, step, hold_id=held.id)

    assert await ledger(engine) == NOTHING
    with pytest.raises(SlotHeld):
        await book(engine, start, 1, resource="noa")
    assert (await confirm(engine, held)).created
    assert await ledger(engine) == ONE_OF_EACH


@pytest.mark.parametrize("step", AFTER_THE_COMMIT)
async def test_confirmation_killed_after_its_commit_has_booked(engine: Engine, step: str) -> None:
    start = (await slots(engine, resource="noa"))[0].start
    held = await hold(engine, start, resource="noa")

    await killed(engine, step, hold_id=held.id)

    assert await ledger(engine) == ONE_OF_EACH
    with pytest.raises((SlotHeld, SlotTaken)):
        await book(engine, start, 1, resource="noa")
    assert not (await confirm(engine, held)).created
    assert await ledger(engine) == ONE_OF_EACH


async def test_confirmation_killed_before_it_settled_is_seen_by_the_listing(engine: Engine) -> None:
    start = (await slots(engine, resource="noa"))[0].start
    held = await hold(engine, start, resource="noa")
    await killed(engine, COMMITTED, hold_id=held.id)

    await build_invalidator(engine.context).drain()
    keys = [key async for key in engine.context.redis.scan_iter("*:held:*")]
    await engine.context.redis.delete(*keys)

    assert start not in [slot.start for slot in await slots(engine, resource="noa")]
    with pytest.raises(SlotTaken):
        await book(engine, start, 1, resource="noa")


@pytest.mark.parametrize("step", ["held", *INSIDE_THE_TRANSACTION, *AFTER_THE_COMMIT])
async def test_direct_booking_killed_anywhere_is_finished_by_repeating_it(engine: Engine, step: str) -> None:
    start = (await slots(engine))[0].start

    await killed(engine, step, start=start, idempotency_key="once")

    assert await ledger(engine) == (ONE_OF_EACH if step in AFTER_THE_COMMIT else NOTHING)
    booked = await engine.services.bookings.book(
        by_business(engine.tenant_id), request(to_datetime(start)), details(), idempotency_key="once"
    )
    assert booked.created is (step not in AFTER_THE_COMMIT)
    assert await ledger(engine) == ONE_OF_EACH
