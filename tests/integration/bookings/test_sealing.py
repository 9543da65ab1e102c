"""What is personal is sealed in Postgres: rows of both kinds are read, plain ones are sealed, and erased ones stay."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final, TypeAlias

import asyncpg
import pytest

from bookings.amendment import Amendment
from bookings.customers import CustomerRepository
from bookings.model import Appointment, AppointmentFilter, Booked, CustomerDetails, Details
from bookings.plain_data_service import PlainDataService
from bookings.repository import AppointmentRepository
from bootstrap.loops import build_plain_data_loop
from bootstrap.services import build_services
from kernel.ids import CustomerId
from persistence.business_keys import BusinessKeys, ensure_key
from persistence.personal_keys import PersonalKeys
from persistence.sealing import MasterKeys, SecretUnreadable, new_master_key
from persistence.unit_of_work import UnitOfWork
from tests.support.engine import MONDAY, Engine, FixedClock, pools, running_engine
from tests.support.operations import by_business
from tests.support.visits import request, slots
from tests.support.waiting import eventually

Outside: TypeAlias = "asyncpg.Connection[Any]"

_PERSONAL: Final = ("Dana Marker", "dana.marker@example.com", "+972541234567", "Knee marker", "crm-marker")
_DETAILS: Final = Details(
    customer=CustomerDetails(
        name="Dana Marker", email="dana.marker@example.com", phone="+972541234567", timezone="Asia/Jerusalem"
    ),
    notes="Knee marker",
    metadata={"crm": "crm-marker"},
)


@pytest.fixture
async def engine(database_url: str, redis_url: str) -> AsyncIterator[Engine]:
    async with running_engine(database_url, redis_url) as running:
        yield running


@pytest.fixture
async def before(engine: Engine) -> AsyncIterator[Engine]:
    """An engine on the same business that has no master key, and so writes what the program before seals wrote."""
    settings = engine.context.settings.model_copy(update={"master_key": ""})
    async with pools(settings) as context:
        yield Engine(services=build_services(context, FixedClock(MONDAY)), context=context, tenant_id=engine.tenant_id)


async def _book(engine: Engine, number: int = 0, details: Details = _DETAILS) -> Booked:
    """Book the free start with that number."""
    start = sorted({slot.start for slot in await slots(engine)})[number]
    return await engine.services.bookings.book(
        by_business(engine.tenant_id), request(start), details, idempotency_key=None
    )


async def _get(engine: Engine, booked: Booked) -> Appointment:
    return await engine.services.appointments.get(by_business(engine.tenant_id), booked.appointment.id)


async def _rows(engine: Engine, outside: Outside) -> str:
    """All of the business's rows with personal data, as text."""
    tables = ("appointments", "customers", "personal_keys", "business_keys", "events", "outbox")
    rows = [await outside.fetch(f"SELECT * FROM {table} WHERE tenant_id = $1", engine.tenant_id) for table in tables]  # noqa: S608
    return repr(rows)


async def _seal(engine: Engine, most: int = 100) -> int:
    return await PlainDataService(engine.context.engine).seal(by_business(engine.tenant_id), most)


async def _erase(engine: Engine, customer_id: CustomerId) -> None:
    async with UnitOfWork(engine.context.engine).begin(by_business(engine.tenant_id)) as transaction:
        await CustomerRepository(transaction.connection, engine.tenant_id).erase(customer_id)


def _personal(appointment: Appointment) -> tuple[object, ...]:
    return (appointment.customer, appointment.notes, appointment.metadata, appointment.details_digest)


async def test_nothing_personal_is_readable_in_a_row(engine: Engine, outside: Outside) -> None:
    booked = await _book(engine)
    cancelled = await engine.services.appointments.cancel(
        by_business(engine.tenant_id), booked.appointment.id, reason="Reason marker", expected_version=None
    )

    rows = await _rows(engine, outside)

    assert [word for word in (*_PERSONAL, "Reason marker", _DETAILS.digest) if word in rows] == []
    assert _personal(cancelled) == (_DETAILS.customer, "Knee marker", {"crm": "crm-marker"}, _DETAILS.digest)
    assert (await _get(engine, booked)).cancel_reason == "Reason marker"


async def test_customer_is_found_by_a_blind_index(engine: Engine, outside: Outside) -> None:
    first = await _book(engine)
    upper = replace(_DETAILS, customer=replace(_DETAILS.customer, email="Dana.Marker@Example.com"))

    second = await _book(engine, 4, upper)

    assert second.appointment.customer_id == first.appointment.customer_id
    found = await outside.fetch("SELECT identity FROM customers WHERE tenant_id = $1", engine.tenant_id)
    assert [row["identity"].startswith("blind:") for row in found] == [True]


async def test_sealed_data_opens_in_its_own_row_only(engine: Engine, outside: Outside) -> None:
    first, second = await _book(engine), await _book(engine, 4)
    await outside.execute(
        "UPDATE appointments SET personal = (SELECT personal FROM appointments WHERE id = $1) WHERE id = $2",
        first.appointment.id,
        second.appointment.id,
    )

    with pytest.raises(SecretUnreadable):
        await _get(engine, second)


async def test_rows_in_plain_text_are_read_and_then_sealed(engine: Engine, before: Engine, outside: Outside) -> None:
    plain = await _book(before)
    assert "Dana Marker" in await _rows(engine, outside)
    sealed = await _book(engine, 4)
    stored = await _get(engine, plain)

    assert sealed.appointment.customer_id == plain.appointment.customer_id
    assert await _seal(engine) == 2  # the appointment, and its customer
    assert await _seal(engine) == 0
    rows = await _rows(engine, outside)
    assert [word for word in _PERSONAL if word in rows] == []
    # Nobody is told of it: it is no change.
    assert await _get(engine, plain) == stored
    assert (await _book(engine, 8)).appointment.customer_id == plain.appointment.customer_id
    noted = "SELECT * FROM due_work WHERE kind = 'plain_data' AND tenant_id = $1"
    assert await outside.fetch(noted, engine.tenant_id) == []


async def test_without_a_master_key_nothing_is_sealed(before: Engine, outside: Outside) -> None:
    plain = await _book(before)

    assert await _seal(before) == 0
    assert (await _get(before, plain)).customer == _DETAILS.customer
    assert await outside.fetchval("SELECT count(*) FROM business_keys WHERE tenant_id = $1", before.tenant_id) == 0


async def test_what_a_program_before_changes_in_a_sealed_row_counts(engine: Engine, outside: Outside) -> None:
    booked = await _book(engine)
    row = await outside.fetchrow("SELECT customer, notes FROM appointments WHERE id = $1", booked.appointment.id)
    assert row is not None
    # It reads a placeholder, and writes back every field.
    assert (row["customer"], row["notes"]) == (
        '{"name": "Sealed", "email": null, "phone": null, "timezone": null}',
        None,
    )
    await outside.execute(
        "UPDATE appointments SET notes = 'Newer marker', cancel_reason = 'Ill marker',"
        ' customer = customer || \'{"phone": "+4420"}\' WHERE id = $1',
        booked.appointment.id,
    )
    expected = (replace(_DETAILS.customer, phone="+4420"), "Newer marker", {"crm": "crm-marker"}, _DETAILS.digest)

    assert _personal(await _get(engine, booked)) == expected
    assert await _seal(engine) == 1
    assert "Newer marker" not in await _rows(engine, outside)
    assert _personal(await _get(engine, booked)) == expected
    assert (await _get(engine, booked)).cancel_reason == "Ill marker"


async def test_change_of_a_row_in_plain_text_seals_it(engine: Engine, before: Engine, outside: Outside) -> None:
    plain = await _book(before)
    await _book(engine, 4)

    await engine.services.appointments.annotate(
        by_business(engine.tenant_id),
        plain.appointment.id,
        notes="Other marker",
        metadata={},
        expected_version=None,
    )

    personal = await outside.fetchval("SELECT personal FROM appointments WHERE id = $1", plain.appointment.id)
    assert personal is not None
    assert (await _get(engine, plain)).notes == "Other marker"


async def test_who_waits_for_a_row_that_is_being_sealed_reads_it(engine: Engine, before: Engine) -> None:
    plain = await _book(before)
    await ensure_key(engine.context.engine, engine.tenant_id)
    async with UnitOfWork(engine.context.engine).begin(by_business(engine.tenant_id)) as transaction:
        await AppointmentRepository(transaction.connection, engine.tenant_id).seal([plain.appointment.id])
        cancelling = asyncio.create_task(
            engine.services.appointments.cancel(
                by_business(engine.tenant_id), plain.appointment.id, reason=None, expected_version=None
            )
        )
        await eventually(lambda: _is_waited_for(engine))

    cancelled = await cancelling

    assert (cancelled.customer, cancelled.is_erased) == (_DETAILS.customer, False)
    assert (await _get(engine, plain)).customer == _DETAILS.customer


async def _is_waited_for(engine: Engine) -> bool:
    connection = await asyncpg.connect(engine.context.settings.database_url)
    try:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(await connection.fetch(waiting))
    finally:
        await connection.close()


async def test_erased_person_is_gone_and_the_visit_stays(engine: Engine, before: Engine, outside: Outside) -> None:
    plain = await _book(before)
    sealed = await _book(engine, 4)
    other = await _book(engine, 8, replace(_DETAILS, customer=CustomerDetails(name="Noa", email="noa@example.com")))
    kept = await outside.fetch("SELECT id, personal FROM appointments WHERE tenant_id = $1", engine.tenant_id)

    await _erase(engine, sealed.appointment.customer_id)

    page, _ = await engine.services.appointments.find(
        by_business(engine.tenant_id), AppointmentFilter(), after=None, limit=10
    )
    assert [one.customer.name for one in page] == ["Erased", "Erased", "Noa"]
    assert [one.is_erased for one in page] == [True, True, False]
    assert {one.notes for one in page[:2]} == {None}
    rows = await _rows(engine, outside)
    assert [word for word in _PERSONAL[:3] if word in rows] == []
    # A copy of the data from before opens no more than these: the keys are gone.
    left = await outside.fetch("SELECT subject FROM personal_keys WHERE tenant_id = $1", engine.tenant_id)
    assert {row["subject"] for row in left} == {other.appointment.id, other.appointment.customer_id}
    assert sorted(row["personal"] is None for row in kept) == [False, False, True]
    # Nobody is known by the address any more.
    again = await _book(engine, 12)
    assert again.appointment.customer_id != sealed.appointment.customer_id
    assert (await _get(engine, plain)).is_erased


async def test_visit_of_an_erased_person_can_be_changed(engine: Engine) -> None:
    booked = await _book(engine)
    await _erase(engine, booked.appointment.customer_id)

    cancelled = await engine.services.appointments.cancel(
        by_business(engine.tenant_id), booked.appointment.id, reason=None, expected_version=None
    )

    assert cancelled.is_erased
    assert (await _get(engine, booked)) == cancelled


async def test_key_follows_the_customer_of_its_appointment(engine: Engine) -> None:
    booked = await _book(engine)
    amended = await engine.services.amendments.amend(
        by_business(engine.tenant_id),
        booked.appointment.id,
        Amendment(customer={"email": "noa@example.com"}),
        expected_version=None,
    )
    assert amended.appointment.customer_id != booked.appointment.customer_id

    await _erase(engine, booked.appointment.customer_id)
    assert (await _get(engine, booked)).customer.email == "noa@example.com"
    await _erase(engine, amended.appointment.customer_id)
    assert (await _get(engine, booked)).is_erased


async def test_shredding_says_how_many_keys_are_gone(engine: Engine) -> None:
    booked = await _book(engine)

    async with UnitOfWork(engine.context.engine).begin(by_business(engine.tenant_id)) as transaction:
        keys = PersonalKeys(transaction.connection, engine.tenant_id)
        counts = [await keys.shred(booked.appointment.customer_id), await keys.shred(booked.appointment.customer_id)]

    assert counts == [2, 0]


async def test_other_master_key_opens_nothing(engine: Engine) -> None:
    await _book(engine)
    other = BusinessKeys(MasterKeys.parse(new_master_key()))

    async with UnitOfWork(engine.context.engine).snapshot(engine.tenant_id) as connection:
        with pytest.raises(SecretUnreadable, match="HOLDFAST_MASTER_KEY has no key with the id"):
            await other.find(connection, engine.tenant_id)


async def test_sealing_may_be_interrupted(engine: Engine, before: Engine) -> None:
    for number in range(0, 12, 4):
        await _book(before, number)

    counts = [await _seal(engine, 2) for _ in range(3)]

    assert counts == [2, 2, 0]


async def test_somebody_whom_a_program_before_added_again_is_the_customer_they_were(
    engine: Engine, before: Engine, outside: Outside
) -> None:
    known = await _book(engine)
    twice = await _book(before, 4)
    assert twice.appointment.customer_id != known.appointment.customer_id

    assert await _seal(engine) == 2

    assert (await _get(engine, twice)).customer_id == known.appointment.customer_id
    await _erase(engine, known.appointment.customer_id)
    assert (await _get(engine, twice)).is_erased
    assert await outside.fetchval("SELECT count(*) FROM personal_keys WHERE tenant_id = $1", engine.tenant_id) == 0


@pytest.mark.own_database
async def test_loop_seals_all_businesses(engine: Engine, before: Engine, outside: Outside) -> None:
    await _book(before)
    loop = build_plain_data_loop(engine.context)

    first, second = await loop.run_once(asyncio.Event()), await loop.run_once(asyncio.Event())

    assert [(one.businesses, one.sealed) for one in (first, second)] == [(1, 2), (0, 0)]
    assert "Dana Marker" not in await _rows(engine, outside)
