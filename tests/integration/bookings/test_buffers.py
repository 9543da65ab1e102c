"""The listing, the hold, the confirmation and the database agree on each row of the documented table of neighbours."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from availability.model import ListingQuery, NotOffered, Reason
from holds.model import SlotHeld, SlotTaken
from kernel.errors import DomainError
from kernel.spans import Span, to_datetime, to_minute
from tests.support.engine import Engine, running_engine
from tests.support.neighbours import Kind, Row, document_for, rows
from tests.support.visits import TUESDAY, book, confirm, hold


@dataclass(frozen=True, slots=True)
class Shop:
    """The engine with all rows set up, and a way past it."""

    engine: Engine
    owner: "asyncpg.Connection[Any]"


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with running_engine(database_url, redis_url, document=document_for(rows())) as engine:
        owner = await asyncpg.connect(database_url)
        yield Shop(engine, owner)
        await owner.close()


async def test_listing_hold_confirmation_and_constraint_agree_on_each_row(shop: Shop) -> None:
    wrong = []
    for row in rows():
        await _bring_neighbours(shop.engine, row)
        found = {
            "listing": await _is_listed(shop.engine, row),
            "constraint": await _is_free_to_the_database(shop, row),
            "hold or booking": await _booked(shop.engine, row),
        }
        expected = {
            "listing": row.reason is None,
            # Postgres holds neither time off nor hours nor holds against a claim: that is what the rules are for.
            "constraint": row.reason is not Reason.FULLY_BOOKED,
            "hold or booking": row.claim if row.reason is None else (row.reason, row.reason),
        }
        if found != expected:
            wrong.append((row.text, found))

    assert wrong == []


async def _bring_neighbours(engine: Engine, row: Row) -> None:
    for number, neighbour in enumerate(row.neighbours):
        match neighbour.kind:
            case Kind.VISIT:
                await book(engine, neighbour.span.start, service=row.neighbour_key(number))
            case Kind.HOLD:
                await hold(engine, neighbour.span.start, service=row.neighbour_key(number))
            case Kind.TIME_OFF:
                pass  # It came with the set-up.


async def _is_listed(engine: Engine, row: Row) -> bool:
    query = ListingQuery(service=row.key, first=TUESDAY, last=TUESDAY + timedelta(days=1))
    listing = await engine.services.listing.list_slots(engine.tenant_id, query)
    return row.start in {slot.start for day in listing.days for slot in day.slots}


async def _is_free_to_the_database(shop: Shop, row: Row) -> bool:
    """Whether the lane would take the claim, whatever the rules say: tried with somebody's appointment, and undone."""
    attempt = shop.owner.transaction()
    await attempt.start()
    outcome = await shop.owner.execute(
        """
        INSERT INTO claims (tenant_id, appointment_id, lane_id, during)
        SELECT lanes.tenant_id, appointments.id, lanes.id, tstzrange($3, $4)
        FROM lanes JOIN resources ON resources.id = lanes.resource_id
        JOIN LATERAL (SELECT id FROM appointments WHERE tenant_id = lanes.tenant_id LIMIT 1) AS appointments ON true
        WHERE resources.tenant_id = $1 AND resources.key = $2
        ON CONFLICT DO NOTHING
        """,
        shop.engine.tenant_id,
        row.key,
        to_datetime(row.claim.start),
        to_datetime(row.claim.end),
    )
    await attempt.rollback()
    return str(outcome) == "INSERT 0 1"


async def _booked(engine: Engine, row: Row) -> Span | tuple[Reason, Reason]:
    """What is claimed once it is held and confirmed; else why the hold and the direct booking are refused."""
    try:
        held = await hold(engine, row.start, service=row.key)
    except DomainError as hold_refusal:
        with pytest.raises(DomainError) as booking_refusal:
            await book(engine, row.start, service=row.key)
        return _reason(hold_refusal), _reason(booking_refusal.value)
    booked = await confirm(engine, held)
    async with engine.services.unit_of_work.snapshot(engine.tenant_id) as connection:
        statement = text("SELECT lower(during), upper(during) FROM claims WHERE appointment_id = :id")
        start, end = (await connection.execute(statement, {"id": booked.appointment.id})).one()
    return Span(to_minute(start), to_minute(end))


def _reason(refusal: DomainError) -> Reason:
    match refusal:
        case SlotTaken():
            return Reason.FULLY_BOOKED
        case SlotHeld():
            return Reason.HELD
        case NotOffered():
            return Reason(str(refusal.facts["reason"]))
        case _:
            raise refusal
