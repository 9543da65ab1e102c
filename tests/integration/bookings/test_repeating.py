"""The same request again, another one under the same key, and what was left unsettled."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from availability.state.bitmap_cache import BitmapCache, FillReport
from bookings.model import AppointmentFilter
from bookings.token import make_token
from bookings.writer import AppointmentWriter, BookingAttempt, BookingResult
from holds.model import HoldNotFound, HoldStatus, HoldsUnavailable, SlotHeld
from holds.store import HoldStore
from kernel.errors import StoreUnavailable, ValidationFailed
from kernel.ids import AppointmentId, TenantId, hold_id_for
from kernel.spans import to_datetime
from persistence import keys
from persistence.errors import RedisUnavailable
from tests.support.cached import differences
from tests.support.engine import Engine
from tests.support.ledger import ledger
from tests.support.operations import by_business
from tests.support.redis_time import let_pass
from tests.support.visits import book, confirm, details, hold, request, slots


async def noas(engine: Engine) -> list[int]:
    return [slot.start for slot in await slots(engine, resource="noa")]


async def test_same_booking_under_one_key_gives_the_same_appointment(engine: Engine) -> None:
    wish = request((await noas(engine))[0])
    bookings = engine.services.bookings

    first = await bookings.book(by_business(engine.tenant_id), wish, details(), idempotency_key="order-1001")
    again = await bookings.book(by_business(engine.tenant_id), wish, details(), idempotency_key="order-1001")

    assert (first.created, again.created) == (True, False)
    assert (first.appointment.id, first.token) == (again.appointment.id, again.token)


async def test_another_booking_under_one_key_is_another_appointment(engine: Engine) -> None:
    start = (await noas(engine))[0]
    bookings = engine.services.bookings

    first = await bookings.book(by_business(engine.tenant_id), request(start), details(1), idempotency_key="order-1001")
    other = await bookings.book(
        by_business(engine.tenant_id), request(start + 60), details(2), idempotency_key="order-1001"
    )

    assert other.created
    assert other.appointment.id != first.appointment.id


async def test_booking_cannot_be_found_by_guessing_its_key(engine: Engine) -> None:
    wish = request((await noas(engine))[0])
    await engine.services.bookings.book(by_business(engine.tenant_id), wish, details(), idempotency_key="order-1001")

    guess = hold_id_for(b"", "order-1001")

    with pytest.raises(HoldNotFound):
        await engine.services.bookings.confirm(by_business(engine.tenant_id), guess, details(), if_free=True)


async def test_visitor_who_confirmed_in_time_rests_on_the_pin_that_stands(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt got no answer, and the longest life is over: no later commit than the pin allows."""
    held = await hold(engine, (await noas(engine))[0], resource="noa")
    attempts: list[BookingAttempt] = []
    write = AppointmentWriter.write

    async def note(writer: AppointmentWriter, attempt: BookingAttempt) -> BookingResult:
        attempts.append(attempt)
        if len(attempts) == 1:
            raise StoreUnavailable("away")
        return await write(writer, attempt)

    monkeypatch.setattr(AppointmentWriter, "write", note)
    with pytest.raises(StoreUnavailable):
        await confirm(engine, held)
    await let_pass(engine.context.redis, engine.tenant_id, held.id, 30_000)
    await engine.context.redis.hset(keys.hold(engine.tenant_id, held.id), "limit", "1")

    asked = time.monotonic()
    again = await confirm(engine, held)

    assert again.created
    left = attempts[1].commit_before - asked
    assert left <= engine.context.settings.confirm_seconds - 30
    # Another attempt may be at work under it.
    assert attempts[1].hold.pinned_until_ms is None


async def test_confirming_again_settles_what_the_first_time_left_unsettled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await hold(engine, (await noas(engine))[0], resource="noa")
    with monkeypatch.context() as patched:
        patched.setattr(HoldStore, "settle", _redis_away)
        first = await confirm(engine, held)

    again = await confirm(engine, held)

    assert again.appointment.id == first.appointment.id
    found = await engine.services.holds.get(by_business(engine.tenant_id), held.id)
    assert (found.status, found.appointment_id) == (HoldStatus.CONFIRMED, first.appointment.id)
    assert held.span.start not in await noas(engine)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A booking that runs beside others, and waits before and after one script until it is told to go on."""

    monkeypatch: pytest.MonkeyPatch
    script: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    ends: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, booking: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Begin, and come as far as the script."""
        original = getattr(HoldStore, self.script)

        async def waiting(*arguments: object, **named: object) -> object:
            self.reached.set()
            await self.goes_on.wait()
            answer = await original(*arguments, **named)
            self.done.set()
            await self.ends.wait()
            return answer

        with self.monkeypatch.context() as patched:
            patched.setattr(HoldStore, self.script, waiting)
            task = asyncio.create_task(booking)
            await self.reached.wait()
        return task

    async def run_the_script(self) -> None:
        """Let it run the script, and no further."""
        self.goes_on.set()
        await self.done.wait()


async def test_late_settlement_goes_by_what_its_own_attempt_has_seen(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = (await noas(engine))[0]
    first, second = Attempt(monkeypatch, "settle"), Attempt(monkeypatch, "place")

    def attempt() -> Coroutine[Any, Any, object]:
        wish = request(start, resource="noa")
        return engine.services.bookings.book(
            by_business(engine.tenant_id), wish, details(), idempotency_key="order-1001"
        )

    # Both have looked for an appointment and found none. The first commits, and stalls.
    repeating = await second.start(attempt())
    booking = await first.start(attempt())
    await cancel_the_only_appointment(engine)
    assert start in await noas(engine), "the day is cached anew"
    # The second has seen it so; then it dies.
    await second.run_the_script()
    repeating.cancel()
    await first.run_the_script()
    first.ends.set()
    await booking

    outside = await asyncpg.connect(database_url)
    assert await differences(engine, outside) == []
    await outside.close()
    assert start in await noas(engine)


async def test_moving_frees_the_old_time_though_its_booking_was_never_settled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = (await noas(engine))[0]
    with monkeypatch.context() as patched:
        patched.setattr(HoldStore, "settle", _redis_away)
        booked = await book(engine, start, resource="noa")

    await engine.services.appointments.reschedule(
        by_business(engine.tenant_id),
        booked.appointment.id,
        start=to_datetime(start + 60),
        resource=None,
        hold_id=None,
        expected_version=None,
    )

    assert start in await noas(engine)


async def test_direct_booking_does_not_get_past_a_hold_when_redis_slips(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await hold(engine, (await noas(engine))[0], resource="noa")
    slips = iter([True])
    place = HoldStore.place

    async def slipping(store: HoldStore, *arguments: object) -> object:
        if next(slips, False):
            raise RedisUnavailable
        return await place(store, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(HoldStore, "place", slipping)

    with pytest.raises(SlotHeld):
        await book(engine, held.span.start, resource="noa")


async def test_direct_booking_does_not_get_past_a_hold_when_no_fill_is_kept(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await hold(engine, (await noas(engine))[0], resource="noa")
    await engine.context.redis.delete(*[key async for key in engine.context.redis.scan_iter("*:clear:*")])

    async def refused(*_: object, **_options: object) -> FillReport:
        return FillReport(stored=0, refused=1)

    monkeypatch.setattr(BitmapCache, "fill", refused)

    with pytest.raises(HoldsUnavailable):
        await book(engine, held.span.start, resource="noa")
    assert (await ledger(engine)).live == 0


async def test_refused_move_does_not_prolong_the_hold(engine: Engine) -> None:
    booked = await book(engine, (await noas(engine))[0], resource="noa")
    trim = (await slots(engine, "beard-trim", resource="noa"))[3].start
    held = await hold(engine, trim, "beard-trim", resource="noa")

    for _ in range(3):
        with pytest.raises(ValidationFailed):
            await engine.services.appointments.reschedule(
                by_business(engine.tenant_id),
                booked.appointment.id,
                start=None,
                resource=None,
                hold_id=held.id,
                expected_version=None,
            )

    assert await engine.services.holds.get(by_business(engine.tenant_id), held.id) == held


async def test_pins_do_not_add_up_beyond_the_longest_life(engine: Engine) -> None:
    store = HoldStore(engine.context.redis)
    held = await hold(engine, (await noas(engine))[0], ttl_seconds=1200)

    answers = [await store.pin(engine.tenant_id, held.id, 10_000_000) for _ in range(5)]

    deadlines = [answer.record.deadline_ms for answer in answers if answer.record is not None]
    limit = held.extendable_until.timestamp() * 1000
    assert max(deadlines) <= limit + 10_000_000


async def test_made_up_token_leaves_nothing_behind(engine: Engine) -> None:
    unknown = TenantId(UUID(int=7))
    made_up = make_token(b"guess", unknown, AppointmentId("apt_" + "0" * 26))

    assert await engine.services.tokens.verify(made_up) is None

    # Of that business alone: counts of the process reach Redis, and keys of others end, whenever it is their time.
    assert [key async for key in engine.context.redis.scan_iter(f"*{unknown.hex}*")] == []


async def test_token_of_another_business_opens_nothing(engine: Engine) -> None:
    booked = await book(engine, (await noas(engine))[0])

    assert booked.token is not None
    assert await engine.services.tokens.verify(booked.token) == (engine.tenant_id, booked.appointment.id)
    assert await engine.services.tokens.verify(booked.token.swapcase()) is None
    other = "B" if booked.token.endswith("A") else "A"
    assert await engine.services.tokens.verify(booked.token[:-1] + other) is None
    assert await engine.services.tokens.verify("hft_nonsense") is None


async def cancel_the_only_appointment(engine: Engine) -> None:
    appointments = engine.services.appointments
    [appointment], _ = await appointments.find(by_business(engine.tenant_id), AppointmentFilter(), after=None, limit=2)
    await appointments.cancel(by_business(engine.tenant_id), appointment.id, reason=None, expected_version=None)


async def _redis_away(*_: object, **__: object) -> None:
    raise RedisUnavailable
