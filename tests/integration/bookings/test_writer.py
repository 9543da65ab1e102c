"""Bookings that come at the same time share a transaction, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson
import pytest
from redis.exceptions import ResponseError
from sqlalchemy.exc import DBAPIError

from bookings import lifecycle
from bookings.grace import Grace
from bookings.lanes import LaneSpan
from bookings.model import Appointment, Booked, CustomerDetails, Details
from bookings.new_appointments import NewAppointment
from bookings.repository import AppointmentRepository
from bookings.writer import MOST_CLAIMS, AppointmentWriter, BookingAttempt, BookingResult, GroupCommit
from catalogue.model.rules.effective import EffectiveRules
from holds.model import Hold, HoldStatus, SlotTaken
from holds.store import HoldStore
from kernel.errors import StoreUnavailable
from kernel.ids import HoldId, ResourceId, new_appointment_id, new_customer_id
from kernel.operation import Actor, ActorKind, Operation
from kernel.spans import Span, to_datetime
from persistence.business_keys import ensure_key
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import Transaction, UnitOfWork
from tests.support.cached import differences
from tests.support.documents import small_document
from tests.support.engine import MONDAY, Engine, patient_settings, running_engine
from tests.support.ledger import Ledger, ledger
from tests.support.operations import by_business
from tests.support.visits import confirm, details, hold, slots
from tests.support.waiting import eventually

CHAIRS = 20
_DOCUMENT = small_document(
    resources=[
        {
            "key": f"chair-{number}",
            "kind": "staff",
            "name": "Chair",
            "hours": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
        }
        for number in range(CHAIRS)
    ],
    services=[
        {
            "key": "haircut",
            "name": "Haircut",
            "duration_minutes": 30,
            "requires": [{"role": "barber", "kind": "staff"}],
        }
    ],
)
_CLAIM_PAST_THE_ENGINE = """
    WITH customer AS (
        INSERT INTO customers (tenant_id, id, name) VALUES ($1, 'cus_outside', 'Outside') RETURNING id
    ), appointment AS (
        INSERT INTO appointments (
            tenant_id, id, hold_id, service_id, customer_id, customer, status, starts_at, ends_at, timezone, party,
            price_minor, price_currency, policy
        )
        SELECT $1, 'apt_outside', 'hld_outside', services.id, customer.id, '{"name": "Outside"}', 'confirmed', $3, $4,
            'UTC', 1, 0, 'EUR', '{"cancellation": {}, "reschedule": {}}'
        FROM customer, services WHERE services.tenant_id = $1
        RETURNING id
    )
    INSERT INTO claims (tenant_id, appointment_id, lane_id, during)
    SELECT $1, appointment.id, lanes.id, tstzrange($3, $4)
    FROM appointment, lanes WHERE lanes.tenant_id = $1 AND lanes.resource_id = $2
"""

Outside: TypeAlias = "asyncpg.Connection[Any]"


@pytest.fixture
def document() -> Mapping[str, Any]:
    return _DOCUMENT


async def holds(engine: Engine) -> list[Hold]:
    """Each chair held at one start."""
    start = (await slots(engine))[0].start
    return [await hold(engine, start, resource=f"chair-{number}") for number in range(CHAIRS)]


async def confirm_all(engine: Engine, held: Sequence[Hold]) -> list[Booked | BaseException]:
    """All at once, each by a visitor of their own."""
    confirmations = (confirm(engine, one, number) for number, one in enumerate(held))
    return await asyncio.gather(*confirmations, return_exceptions=True)


async def claim_past_the_engine(engine: Engine, outside: Outside, held: Hold) -> None:
    (claim,) = held.claims
    start, end = to_datetime(claim.span.start), to_datetime(claim.span.end)
    await outside.execute(_CLAIM_PAST_THE_ENGINE, engine.tenant_id, claim.resource_id, start, end)


async def transactions(engine: Engine, outside: Outside) -> int:
    """The number of transactions that have written the appointments."""
    statement = "SELECT count(DISTINCT xmin::text) FROM appointments WHERE tenant_id = $1"
    return int(await outside.fetchval(statement, engine.tenant_id))


async def test_bookings_that_come_at_once_share_transactions(engine: Engine, outside: Outside) -> None:
    held = await holds(engine)

    booked = await confirm_all(engine, held)

    assert [one.appointment.hold_id for one in booked if isinstance(one, Booked)] == [one.id for one in held]
    assert await ledger(engine) == Ledger(
        live=CHAIRS, claims=CHAIRS, parts=CHAIRS, events=CHAIRS, customers=CHAIRS, overlaps=0
    )
    assert await transactions(engine, outside) < CHAIRS / 2


async def test_each_is_told_its_own_appointment_as_it_is_stored(engine: Engine) -> None:
    booked = await confirm_all(engine, await holds(engine))

    for number, one in enumerate(booked):
        assert isinstance(one, Booked)
        assert one.appointment.customer.name == f"Visitor {number}"
        assert await stored(engine, one.appointment) == one.appointment


async def stored(engine: Engine, appointment: Appointment) -> Appointment | None:
    async with engine.services.unit_of_work.snapshot(engine.tenant_id) as connection:
        return await AppointmentRepository(connection, engine.tenant_id).find(appointment.id, own=None)


async def test_all_of_them_are_told_to_redis(engine: Engine, outside: Outside) -> None:
    held = await holds(engine)

    await confirm_all(engine, held)

    assert await differences(engine, outside) == []
    for one in held:
        found = await engine.services.holds.get(by_business(engine.tenant_id), one.id)
        assert found.status is HoldStatus.CONFIRMED


async def test_none_of_them_is_believed_settled_when_redis_did_not_answer(
    engine: Engine, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await holds(engine)

    async def away(*_: object, **__: object) -> None:
        raise RedisUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(HoldStore, "settle", away)
        booked = await confirm_all(engine, held)

    assert all(isinstance(one, Booked) for one in booked)
    start = held[0].span.start
    assert start not in {slot.start for slot in await slots(engine)}
    assert await differences(engine, outside) == []


async def test_one_whose_time_is_taken_leaves_the_others_theirs(engine: Engine, outside: Outside) -> None:
    held = await holds(engine)
    await claim_past_the_engine(engine, outside, held[7])

    booked = await confirm_all(engine, held)

    refused = [number for number, one in enumerate(booked) if not isinstance(one, Booked)]
    assert refused == [7]
    assert isinstance(booked[7], SlotTaken)
    found = await ledger(engine)
    assert (found.live, found.claims, found.events, found.overlaps) == (CHAIRS, CHAIRS, CHAIRS - 1, 0)


async def test_one_that_waits_for_a_lock_too_long_leaves_the_others_theirs(
    database_url: str, redis_url: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.engine.patient_settings", _with_a_short_lock_timeout)
    async with running_engine(database_url, redis_url, document=_DOCUMENT) as engine:
        held = await holds(engine)
        async with outside.transaction():
            await claim_past_the_engine(engine, outside, held[7])

            booked = await confirm_all(engine, held)

    assert [number for number, one in enumerate(booked) if not isinstance(one, Booked)] == [7]
    assert isinstance(booked[7], StoreUnavailable)


def _with_a_short_lock_timeout(database_url: str, redis_url: str, **named: Any) -> Any:
    return patient_settings(database_url, redis_url, **named).model_copy(update={"postgres_lock_ms": 200})


async def test_one_that_breaks_leaves_the_others_theirs(engine: Engine) -> None:
    held = await holds(engine)
    # Its event cannot be written: no text of Postgres can hold this.
    breaks = replace(by_business(engine.tenant_id), request_id="\0")

    confirmations = [confirm(engine, one, number) for number, one in enumerate(held[1:])]
    bookings = engine.services.bookings
    breaking = bookings.confirm(breaks, held[0].id, details(99), if_free=False)
    first, *others = await asyncio.gather(breaking, *confirmations, return_exceptions=True)

    assert isinstance(first, DBAPIError)
    assert all(isinstance(one, Booked) for one in others)


async def test_hold_that_is_confirmed_twice_at_once_makes_one_appointment(engine: Engine) -> None:
    held = (await holds(engine))[0]

    booked = await asyncio.gather(*(confirm(engine, held) for _ in range(10)))

    assert len({one.appointment.id for one in booked}) == 1
    assert [one.created for one in booked].count(True) == 1
    assert (await ledger(engine)).live == 1


async def test_hold_that_is_confirmed_twice_leaves_the_others_together(engine: Engine, outside: Outside) -> None:
    held = await holds(engine)

    await confirm_all(engine, [held[0], *held])

    assert (await ledger(engine)).live == CHAIRS
    assert await transactions(engine, outside) < CHAIRS / 2


async def test_one_that_is_late_does_not_take_the_others_along(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    held = await holds(engine)
    in_time = Grace.commit_before
    asked: list[Grace] = []

    def commit_before(grace: Grace) -> float:
        asked.append(grace)
        return time.monotonic() if len(asked) == 1 else in_time(grace)

    monkeypatch.setattr(Grace, "commit_before", commit_before)
    booked = await confirm_all(engine, held)

    assert [number for number, one in enumerate(booked) if not isinstance(one, Booked)] == [0]
    assert isinstance(booked[0], StoreUnavailable)


async def test_nobody_is_told_that_it_failed_when_redis_refuses_to_settle(
    engine: Engine, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await holds(engine)

    async def refuse(*_: object, **__: object) -> None:
        message = "ERR something in the script"
        raise ResponseError(message)

    with monkeypatch.context() as patched:
        patched.setattr(HoldStore, "settle", refuse)
        booked = await confirm_all(engine, held)

    assert all(isinstance(one, Booked) for one in booked)
    assert held[0].span.start not in {slot.start for slot in await slots(engine)}
    assert await differences(engine, outside) == []


async def test_parties_share_a_transaction_only_as_far_as_one_script_can_settle_them(
    database_url: str, redis_url: str, outside: Outside
) -> None:
    (hall, *_), (service,) = _DOCUMENT["resources"], _DOCUMENT["services"]
    document = small_document(resources=[{**hall, "capacity": 3 * MOST_CLAIMS}], services=[service])
    party = MOST_CLAIMS * 2 // 3
    async with running_engine(database_url, redis_url, document=document) as engine:
        start = (await slots(engine))[0].start
        held = [await hold(engine, start, party=party) for _ in range(4)]

        booked = await confirm_all(engine, held)

    assert all(isinstance(one, Booked) for one in booked)
    assert await transactions(engine, outside) == len(held)


async def test_visitors_of_one_address_who_book_at_once_are_one_customer(engine: Engine) -> None:
    held = await holds(engine)

    booked = await asyncio.gather(*(confirm(engine, one, number=1) for one in held))

    assert len({one.appointment.customer_id for one in booked}) == 1
    assert (await ledger(engine)).customers == 1


async def test_customer_whom_somebody_else_is_just_adding_is_that_customer(engine: Engine, outside: Outside) -> None:
    held = await holds(engine)
    ring = await ensure_key(engine.context.engine, engine.tenant_id)
    assert ring is not None
    adding = outside.transaction()
    await adding.start()
    await outside.execute(
        "INSERT INTO customers (tenant_id, id, identity, name) VALUES ($1, 'cus_1', $2, 'V')",
        engine.tenant_id,
        ring.blind_index("email:visitor1@example.com"),
    )

    confirming = asyncio.gather(*(confirm(engine, one, number=1) for one in held[:3]))
    await eventually(lambda: is_waited_for(engine))
    await adding.commit()

    assert {one.appointment.customer_id for one in await confirming} == {"cus_1"}
    assert (await ledger(engine)).customers == 1


async def is_waited_for(engine: Engine) -> bool:
    """Whether somebody waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    connection = await asyncpg.connect(engine.context.settings.database_url)
    try:
        return bool(await connection.fetchval(waiting))
    finally:
        await connection.close()


async def test_visitors_who_give_no_address_are_customers_each(engine: Engine) -> None:
    held = await holds(engine)
    nameless = Details(customer=CustomerDetails(name="Somebody", timezone="Asia/Jerusalem"))

    bookings = engine.services.bookings
    booked = await asyncio.gather(
        *(bookings.confirm(by_business(engine.tenant_id), one.id, nameless, if_free=False) for one in held)
    )

    assert len({one.appointment.customer_id for one in booked}) == CHAIRS
    assert (await ledger(engine)).customers == CHAIRS


async def test_who_goes_away_before_the_transaction_is_not_booked(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await holds(engine)
    pinned = asyncio.Event()
    original = HoldStore.pin

    async def pin(*arguments: Any, **named: Any) -> Any:
        answer = await original(*arguments, **named)
        pinned.set()
        return answer

    monkeypatch.setattr(HoldStore, "pin", pin)
    leaving = asyncio.create_task(confirm(engine, held[0]))
    await pinned.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    monkeypatch.undo()

    await confirm(engine, held[1], number=1)

    assert (await ledger(engine)).live == 1


@pytest.mark.own_database
async def test_bookings_of_two_businesses_do_not_mix(engine: Engine, outside: Outside) -> None:
    other = await engine.services.tenants.create("Other")
    await engine.services.catalogue.apply(by_business(other.id), _DOCUMENT)
    theirs = Engine(services=engine.services, context=engine.context, tenant_id=other.id)
    held = await asyncio.gather(holds(engine), holds(theirs))

    await asyncio.gather(confirm_all(engine, held[0]), confirm_all(theirs, held[1]))

    rows = await outside.fetch(
        "SELECT DISTINCT appointments.tenant_id, claims.tenant_id AS of_claim, lanes.tenant_id AS of_lane"
        " FROM appointments JOIN claims ON claims.appointment_id = appointments.id"
        " JOIN lanes ON lanes.id = claims.lane_id"
    )
    assert {tuple(map(UUID, map(str, row.values()))) for row in rows} == {
        (engine.tenant_id,) * 3,
        (other.id,) * 3,
    }


class Counted(UnitOfWork):
    """Opens transactions, counts them, and lets something happen before the second one."""

    transactions = 0
    before_the_second: Callable[[], Awaitable[None]] | None = None

    @asynccontextmanager
    async def begin(self, *arguments: Any, **named: Any) -> AsyncIterator[Transaction]:
        self.transactions += 1
        if self.transactions == 2 and self.before_the_second is not None:
            await self.before_the_second()
        async with super().begin(*arguments, **named) as transaction:
            yield transaction


class Written:
    """Fates of bookings that one writer writes together."""

    def __init__(self, engine: Engine, outside: Outside) -> None:
        self._engine = engine
        self._outside = outside
        self.unit_of_work = Counted(engine.context.engine)
        self.committed: list[GroupCommit] = []

    async def write(self, *attempts: BookingAttempt) -> list[BookingResult | BaseException]:
        writer = AppointmentWriter(unit_of_work=self.unit_of_work, on_commit=self._note)
        return await asyncio.gather(*(writer.write(attempt) for attempt in attempts), return_exceptions=True)

    async def _note(self, group: GroupCommit) -> None:
        self.committed.append(group)

    async def attempt(
        self, held: Hold, number: int, *, hold_id: str | None = None, shifts: Mapping[ResourceId, int] | None = None
    ) -> BookingAttempt:
        """The hold, or another one of its time, on its way; each lane is claimed that many minutes later."""
        hold = replace(held, id=HoldId(hold_id or held.id))
        change = lifecycle.book(
            hold,
            MONDAY,
            appointment_id=new_appointment_id(),
            customer_id=new_customer_id(),
            details=details(number),
            rules=EffectiveRules(),
            timezone="UTC",
        )
        shifts = shifts or {claim.resource_id: 0 for claim in hold.claims}
        (claim,) = hold.claims
        lanes = [
            LaneSpan(await self._lane(resource_id), Span(claim.span.start + shift, claim.span.end + shift))
            for resource_id, shift in shifts.items()
        ]
        operation = Operation(self._engine.tenant_id, Actor(ActorKind.CUSTOMER, f"key_{number}"), f"req_{number}")
        return BookingAttempt(
            hold=hold,
            new=NewAppointment(operation=operation, change=change, lanes=lanes, country=None),
            limits=(),
            commit_before=time.monotonic() + 60,
        )

    async def _lane(self, resource_id: ResourceId) -> int:
        return int(await self._outside.fetchval("SELECT id FROM lanes WHERE resource_id = $1", resource_id))


@pytest.fixture
def written(engine: Engine, outside: Outside) -> Written:
    return Written(engine, outside)


async def test_each_of_a_group_is_told_its_own_fate_in_two_transactions(
    engine: Engine, outside: Outside, written: Written
) -> None:
    held = await holds(engine)
    await claim_past_the_engine(engine, outside, held[0])
    existing = (await confirm(engine, held[3], 3)).appointment

    taken, first, second, used, fine = await written.write(
        await written.attempt(held[0], 0),
        await written.attempt(held[1], 1),
        await written.attempt(held[1], 2, hold_id="hld_twin"),
        await written.attempt(held[3], 3),
        await written.attempt(held[4], 4),
    )

    assert isinstance(taken, SlotTaken)
    assert isinstance(second, SlotTaken)
    assert isinstance(first, BookingResult)
    assert isinstance(fine, BookingResult)
    assert used == BookingResult(existing, created=False)
    assert [one.created for one in (first, fine)] == [True, True]
    assert written.unit_of_work.transactions == 2
    (group,) = written.committed
    assert [hold.id for hold, _ in group.booked] == [held[1].id, held[4].id]
    assert [appointment_id for _, appointment_id in group.booked] == [first.appointment.id, fine.appointment.id]
    assert await stored(engine, fine.appointment) == fine.appointment
    assert (await ledger(engine)).overlaps == 0


async def test_events_of_a_group_say_who_booked_each(engine: Engine, outside: Outside, written: Written) -> None:
    held = await holds(engine)

    await written.write(*[await written.attempt(one, number) for number, one in enumerate(held[:3])])

    statement = "SELECT actor, request_id, data FROM outbox WHERE tenant_id = $1 AND name = 'appointment.confirmed.v1'"
    rows = await outside.fetch(statement, engine.tenant_id)
    assert written.unit_of_work.transactions == 1
    assert {(row["actor"], row["request_id"]) for row in rows} == {
        (f"customer:key_{number}", f"req_{number}") for number in range(3)
    }
    assert len({orjson.loads(row["data"])["customer_id"] for row in rows}) == 3


async def test_of_two_that_are_in_each_others_way_on_two_lanes_one_is_booked(engine: Engine, written: Written) -> None:
    held = await holds(engine)
    left, right = (claim.resource_id for one in held[:2] for claim in one.claims)

    booked = await written.write(
        await written.attempt(held[0], 0, shifts={left: 20, right: 0}),
        await written.attempt(held[1], 1, shifts={left: 10, right: 10}),
    )

    assert sorted(type(one).__name__ for one in booked) == ["BookingResult", "SlotTaken"]
    found = await ledger(engine)
    assert (found.live, found.claims, found.events, found.overlaps) == (1, 2, 1, 0)


async def test_crowd_at_one_time_is_told_in_two_transactions(engine: Engine, written: Written) -> None:
    held = (await holds(engine))[0]

    booked = await written.write(
        *[await written.attempt(held, number, hold_id=f"hld_{number}") for number in range(10)]
    )

    assert [type(one).__name__ for one in booked] == ["BookingResult"] + ["SlotTaken"] * 9
    assert written.unit_of_work.transactions == 2


async def test_beaten_one_is_booked_when_the_one_that_beat_it_is_lost_itself(
    engine: Engine, outside: Outside, written: Written
) -> None:
    held = (await holds(engine))[0]
    (claim,) = held.claims
    start = claim.span.start
    earlier = replace(held, claims=(replace(claim, span=Span(start, start + 5)),))
    written.unit_of_work.before_the_second = partial(claim_past_the_engine, engine, outside, earlier)

    lost, booked = await written.write(
        await written.attempt(held, 0),
        await written.attempt(held, 1, hold_id="hld_later", shifts={claim.resource_id: 10}),
    )

    assert isinstance(lost, SlotTaken)
    assert isinstance(booked, BookingResult)
    assert (await ledger(engine)).overlaps == 0
