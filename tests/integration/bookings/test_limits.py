"""Limits on the numbers of visits: what is offered, what is refused, and what counts."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from availability.model import ListingQuery, NotOffered, Reason
from bookings.model import LimitReached
from kernel.errors import DomainError
from kernel.ids import AppointmentId
from kernel.spans import to_datetime
from tests.support.documents import small_document
from tests.support.engine import MONDAY, NO_REDIS, Engine, running_engine
from tests.support.operations import by_business
from tests.support.visits import book, confirm, details, hold, request, slots

TODAY = date(2026, 11, 30)
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture(params=["redis", "no redis"])
def redis(request: pytest.FixtureRequest, redis_url: str) -> str:
    """Everything here that needs no hold is so with Redis and without."""
    return redis_url if request.param == "redis" else NO_REDIS


def limited(
    *, business: Mapping[str, Any] | None = None, service: Mapping[str, Any] | None = None, **resources: Any
) -> dict[str, Any]:
    """Two barbers with their rules, either of whom cuts hair, and a second service of the same barbers."""
    document = small_document()
    document["business"]["rules"] = business or {}
    noa = document["resources"][0]
    document["resources"] = [noa | {"key": key, "rules": resources.get(key, {})} for key in ("noa", "dan")]
    cut = document["services"][0] | {"requires": [{"role": "barber", "any_of": ["noa", "dan"]}], "assign": "priority"}
    document["services"] = [cut | {"rules": service or {}}, cut | {"key": "trim"}]
    return document


@pytest.fixture
def engine_with(database_url: str, redis: str) -> Any:
    def start(document: Mapping[str, Any]) -> AbstractAsyncContextManager[Engine]:
        return running_engine(database_url, redis, document=document)

    return start


async def starts(engine: Engine, day: date = TODAY, **more: Any) -> list[int]:
    return [slot.start for slot in await slots(engine, day=day, **more)]


async def reason(engine: Engine, day: date) -> Reason | None:
    query = ListingQuery(service="haircut", first=day, last=day, explain=True)
    return (await engine.services.listing.list_slots(engine.tenant_id, query)).days[0].reason


async def cancel(engine: Engine, appointment_id: AppointmentId) -> None:
    await engine.services.appointments.cancel(
        by_business(engine.tenant_id), appointment_id, reason=None, expected_version=None
    )


async def move(engine: Engine, appointment_id: AppointmentId, start: int) -> None:
    await engine.services.appointments.reschedule(
        by_business(engine.tenant_id),
        appointment_id,
        start=to_datetime(start),
        resource=None,
        hold_id=None,
        expected_version=None,
    )


async def test_resource_takes_no_more_than_its_daily_limit(engine_with: Any) -> None:
    async with engine_with(limited(noa={"daily_limit": 2})) as engine:
        first, second, third, *_ = await starts(engine)
        for number, start in enumerate((first, second)):
            await book(engine, start, number, resource="noa")

        assert await starts(engine, resource="noa") == []
        assert {slot.resources for slot in await slots(engine, day=TODAY)} == {("dan",)}
        with pytest.raises(NotOffered) as refused:
            await book(engine, third, 3, resource="noa")
        assert refused.value.facts["reason"] == "daily_limit"
        # Somebody else will do, and tomorrow is another day.
        assert (await book(engine, third, 3)).created
        assert await starts(engine, TOMORROW, resource="noa")


async def test_service_takes_no_more_than_its_daily_limit_whoever_serves(engine_with: Any) -> None:
    async with engine_with(limited(service={"daily_limit": 2})) as engine:
        first, second, *_ = await starts(engine)
        await book(engine, first, 0, resource="noa")
        await book(engine, second, 1, resource="dan")

        assert (await starts(engine), await reason(engine, TODAY)) == ([], Reason.DAILY_LIMIT)
        assert await starts(engine, service="trim"), "the limit is the other service's"
        assert await starts(engine, TOMORROW)


async def test_limit_of_the_business_holds_for_each_service_that_sets_none(engine_with: Any) -> None:
    async with engine_with(limited(business={"daily_limit": 1}, service={"daily_limit": None})) as engine:
        first, second, *_ = await starts(engine)
        await book(engine, first, 0)
        await book(engine, first, 1, service="trim")

        assert second in await starts(engine), "null is no limit"
        assert await starts(engine, service="trim") == []


async def test_cancelled_visit_makes_room_under_a_daily_limit(engine_with: Any) -> None:
    async with engine_with(limited(service={"daily_limit": 1})) as engine:
        before = await starts(engine)
        booked = await book(engine, before[0])
        assert await starts(engine) == []

        await cancel(engine, booked.appointment.id)

        assert await starts(engine) == before


async def test_visit_is_not_in_its_own_way_when_it_is_moved_on_a_full_day(engine_with: Any) -> None:
    async with engine_with(limited(service={"daily_limit": 1}, business={"customer_limit": {"daily": 1}})) as engine:
        first, second, *_ = await starts(engine)
        booked = await book(engine, first)
        query = ListingQuery(service="haircut", first=TODAY, last=TODAY, rescheduling=booked.appointment.id)

        listing = await engine.services.listing.list_slots(engine.tenant_id, query)
        await move(engine, booked.appointment.id, second)

        assert second in [slot.start for slot in listing.days[0].slots]


async def test_visit_is_not_moved_onto_a_full_day(engine_with: Any) -> None:
    async with engine_with(limited(service={"daily_limit": 1})) as engine:
        today, tomorrow = await starts(engine), await starts(engine, TOMORROW)
        await book(engine, today[0], 0)
        other = await book(engine, tomorrow[0], 1)

        with pytest.raises(NotOffered) as refused:
            await move(engine, other.appointment.id, today[2])

        assert refused.value.facts["reason"] == "daily_limit"


async def test_hold_does_not_count_and_its_confirmation_does(database_url: str, redis_url: str) -> None:
    document = limited(service={"daily_limit": 1})
    async with running_engine(database_url, redis_url, document=document) as engine:
        first, second, *_ = await starts(engine)
        held = [await hold(engine, start) for start in (first, second)]
        await confirm(engine, held[0], 0)

        with pytest.raises(LimitReached) as refused:
            await confirm(engine, held[1], 1)

        assert refused.value.facts == {"rule": "daily_limit", "limit": 1, "date": "2026-11-30"}
        # Repeating the one that counted is no further visit.
        assert not (await confirm(engine, held[0], 0)).created


@pytest.mark.parametrize(
    ("limit", "again", "refused"),
    [
        ({"active": 2}, 3, True),
        ({"daily": 2}, 3, True),
        ({"daily": 2, "active": 9}, 30, False),  # Tomorrow.
    ],
)
async def test_customer_books_no_more_than_the_limit(
    engine_with: Any, limit: Mapping[str, int], again: int, *, refused: bool
) -> None:
    async with engine_with(limited(business={"customer_limit": limit})) as engine:
        free = [*await starts(engine), *await starts(engine, TOMORROW)]
        await book(engine, free[0])
        await book(engine, free[1], service="trim")

        if refused:
            with pytest.raises(LimitReached) as caught:
                await book(engine, free[again])
            day = {"date": "2026-11-30"} if "daily" in limit else {}
            assert caught.value.facts == {"rule": "customer_limit", "limit": 2, **day}
        else:
            await book(engine, free[again])
        await book(engine, free[again], 1, resource="dan")


async def test_limit_that_a_service_sets_counts_that_service_alone(engine_with: Any) -> None:
    async with engine_with(limited(service={"customer_limit": {"active": 1}})) as engine:
        free = await starts(engine)
        await book(engine, free[0], service="trim")
        await book(engine, free[1])
        await book(engine, free[2], service="trim")

        with pytest.raises(LimitReached):
            await book(engine, free[3])


async def test_what_is_over_is_not_active(database_url: str, redis: str) -> None:
    now = [MONDAY]

    class Clock:
        def now(self) -> datetime:
            return now[0]

    document = limited(business={"customer_limit": {"active": 1}})
    async with running_engine(database_url, redis, document=document, clock=Clock()) as engine:
        first, *_ = await starts(engine)
        booked = (await book(engine, first)).appointment
        later = (await starts(engine, TOMORROW))[0]
        with pytest.raises(LimitReached):
            await book(engine, later)

        now[0] = to_datetime(booked.span.end)

        await book(engine, later)


async def test_refused_customer_leaves_nothing_and_keeps_the_hold(database_url: str, redis_url: str) -> None:
    document = limited(business={"customer_limit": {"active": 1}})
    async with running_engine(database_url, redis_url, document=document) as engine:
        first, second, third, *_ = await starts(engine)
        await book(engine, first, 0)
        held = await hold(engine, second)

        with pytest.raises(LimitReached):
            await confirm(engine, held, 0)
        with pytest.raises(LimitReached):
            await book(engine, third, 0)

        # The visitor may go back and choose anew; somebody else may have the held time; nothing keeps the other one.
        other = await hold(engine, third, replaces=held.id)
        assert second in await starts(engine)
        assert (await confirm(engine, other, 1)).created


async def test_direct_booking_goes_to_whoever_has_room(database_url: str, redis_url: str) -> None:
    """A limit that was used up after the time was judged: the next of the pool is asked."""
    document = limited(noa={"daily_limit": 1})
    async with running_engine(database_url, redis_url, document=document) as engine:
        first, second, *_ = await starts(engine)
        candidates = engine.services.candidates
        for_start = candidates.for_start
        calls = 0

        async def find_then_lose(*arguments: Any) -> Any:
            nonlocal calls
            found = await for_start(*arguments)
            calls += 1
            if calls == 1:
                await engine.services.bookings.book(
                    by_business(engine.tenant_id), request(first, resource="noa"), details(1), idempotency_key=None
                )
            return found

        candidates.for_start = find_then_lose  # type: ignore[assignment, method-assign]
        booked = await book(engine, second, 2)

        catalogue = await engine.services.snapshots.catalogue(engine.tenant_id)
        assert catalogue.resource_by_id[booked.appointment.parts[0].resource_id].key == "dan"


async def test_repeated_direct_booking_is_no_further_visit(engine_with: Any) -> None:
    async with engine_with(limited(service={"daily_limit": 1}, business={"customer_limit": {"active": 1}})) as engine:
        wish = request((await starts(engine))[0])
        made = [
            await engine.services.bookings.book(by_business(engine.tenant_id), wish, details(), idempotency_key="k")
            for _ in range(2)
        ]

        assert made[0].appointment == made[1].appointment
        assert [one.created for one in made] == [True, False]


async def test_refusal_says_what_the_contract_promises(engine_with: Any) -> None:
    async with engine_with(limited(business={"customer_limit": {"active": 1}})) as engine:
        first, second, *_ = await starts(engine)
        await book(engine, first)

        with pytest.raises(DomainError) as refused:
            await book(engine, second)

        assert refused.value.code == "limit_reached"


async def test_limit_of_a_resource_that_joins_days_later_counts_the_day_it_joins(engine_with: Any) -> None:
    document = limited(dan={"daily_limit": 1})
    always = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]
    document["resources"] = [resource | {"hours": always} for resource in document["resources"]]
    later = {"role": "finisher", "any_of": ["dan"], "offset_minutes": 4 * 1440}
    document["services"] = [
        document["services"][0]
        | {"duration_minutes": 4 * 1440 + 60, "grid": {"step_minutes": 120}}
        | {"requires": [{"role": "barber", "any_of": ["noa"], "duration_minutes": 60}, later]}
    ]
    async with engine_with(document) as engine:
        first, second, *_ = await starts(engine, TOMORROW)
        await book(engine, first, 0)

        assert (await starts(engine, TOMORROW), await reason(engine, TOMORROW)) == ([], Reason.DAILY_LIMIT)
        with pytest.raises(NotOffered) as refused:
            await book(engine, second, 1)
        assert refused.value.facts["reason"] == "daily_limit"
