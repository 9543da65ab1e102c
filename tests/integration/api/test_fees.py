"""Fees and approval after moves, over HTTP."""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from bookings.model import Status
from tests.support.door import Door, act, as_customer_of, open_door
from tests.support.engine import MONDAY, MovingClock
from tests.support.money import Account, RefusedError, Terms

_START: Final = "2026-12-02T10:00:00+02:00"
"""On Wednesday, two days and two hours after MONDAY."""
_LATER: Final = "2026-12-09T10:00:00+02:00"
_AT_START: Final = MONDAY + timedelta(days=2, hours=2)
_HOUR: Final = timedelta(hours=1)
_FREE: Final = {"amount_minor": 0, "currency": "ILS"}
_HALF: Final = {"amount_minor": 4500, "currency": "ILS"}
_OPERATIONS: Final = 150


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def shop(database_url: str, redis_url: str, clock: MovingClock) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url, clock=clock) as opened:
        await opened.set_up("barbershop")
        yield opened


async def move(shop: Door, booked: Any, to: str, **more: Any) -> Any:
    return await act(shop, booked, "reschedule", json={"start": to}, **more)


async def test_customer_who_moves_late_and_then_cancels_pays_as_for_a_late_cancellation(
    shop: Door, clock: MovingClock
) -> None:
    late, early = await shop.book("haircut", _START), await shop.book("haircut", "2026-12-02T11:30:00+02:00")
    customers = as_customer_of(late), as_customer_of(early)

    clock.instant = _AT_START - 24 * _HOUR + timedelta(seconds=1)
    moved = await move(shop, late, _LATER, headers=customers[0])
    in_time = await move(shop, early, "2026-12-09T11:30:00+02:00", headers=customers[1])
    ends = [
        await act(shop, booked, "cancel", headers=headers)
        for booked, headers in zip((late, early), customers, strict=True)
    ]

    assert (moved["kept_fee"], "kept_fee" in in_time, "fee_start" in moved) == (_HALF, False, False)
    assert moved["policy"]["reschedule"]["fee"] == "keep"
    assert [end["fee"] for end in ends] == [_HALF, _FREE]


async def test_business_may_let_only_the_new_start_count(shop: Door, clock: MovingClock) -> None:
    rules = {"reschedule": {"until_minutes": 120, "fee": "new"}}
    await shop.send("PATCH", "/v1/services/haircut", json={"rules": rules}, status=200)
    booked = await shop.book("haircut", _START)
    headers = as_customer_of(booked)

    clock.instant = _AT_START - 3 * _HOUR
    moved = await move(shop, booked, _LATER, headers=headers)
    cancelled = await act(shop, booked, "cancel", headers=headers)

    assert ("kept_fee" in moved, moved["policy"]["reschedule"]["fee"], cancelled["fee"]) == (False, "new", _FREE)


async def test_fee_goes_by_tiers_and_nothing_is_owed_soon_after_the_booking(shop: Door, clock: MovingClock) -> None:
    tiers = [
        {"until_minutes": 2880, "percent": 0},
        {"until_minutes": 1440, "percent": 30},
        {"until_minutes": 0, "amount_minor": 6000},
    ]
    rules = {"cancellation": {"tiers": tiers, "grace_minutes": 15, "no_show_fee_percent": 80}}
    changed = await shop.send("PATCH", "/v1/services/haircut", json={"rules": rules}, status=200)
    times = (_START, "2026-12-02T10:45:00+02:00", "2026-12-02T11:30:00+02:00", "2026-12-02T12:15:00+02:00")
    visits = [await shop.book("haircut", time, resource="noa") for time in times]
    storefront = await shop.send("GET", "/v1/storefront", headers=shop.publishable, status=200)

    fees = []
    for booked, instant in zip(visits[:3], (MONDAY, _AT_START - 30 * _HOUR, _AT_START - 20 * _HOUR), strict=True):
        clock.instant = instant
        fees.append((await act(shop, booked, "cancel", headers=as_customer_of(booked)))["fee"]["amount_minor"])
    late = await shop.book("haircut", "2026-12-02T15:00:00+02:00", resource="noa")
    clock.instant += timedelta(minutes=15)
    in_grace = await act(shop, late, "cancel", headers=as_customer_of(late))
    clock.instant = _AT_START + timedelta(hours=2, minutes=15)
    missed = await act(shop, visits[3], "no-show")

    assert changed["rules"]["cancellation"] == rules["cancellation"]
    assert fees == [0, 2700, 6000]
    assert (in_grace["fee"], missed["fee"]["amount_minor"]) == (_FREE, 7200)
    terms = {"free_until_minutes": 2880, "fee_percent": 0, "tiers": tiers, "grace_minutes": 15}
    assert visits[0]["policy"]["cancellation"] == {**terms, "no_show_fee_percent": 80}
    told = {service["key"]: service["cancellation"] for service in storefront["services"]}
    assert told["haircut"] == terms
    assert told["beard-trim"] == {"free_until_minutes": 1440, "fee_percent": 50}


async def test_customer_need_not_pay_for_a_move_of_the_business(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("haircut", _LATER)

    clock.instant = _AT_START - 24 * _HOUR
    moved = await move(shop, booked, _START)
    clock.instant = _AT_START - 2 * _HOUR
    cancelled = await act(shop, booked, "cancel", headers=as_customer_of(booked))

    assert (moved["start"], moved["fee_start"]) == ("2026-12-02T08:00:00Z", "2026-12-09T08:00:00Z")
    assert (cancelled["fee"], cancelled["cancelled_by"]) == (_FREE, "customer")


async def test_customer_who_moves_an_approved_visit_asks_again(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("father-and-son", "2026-12-02T14:00:00+02:00")
    await act(shop, booked, "approve")

    by_business = await move(shop, booked, "2026-12-02T14:20:00+02:00")
    by_customer = await move(shop, booked, "2026-12-07T14:00:00+02:00", headers=as_customer_of(booked))
    again = await act(shop, booked, "approve")

    assert [(one["status"], one["approve_by"]) for one in (by_business, by_customer, again)] == [
        ("confirmed", None),
        ("pending", "2026-12-01T06:00:00Z"),
        ("confirmed", None),
    ]


async def test_moved_visit_that_is_declined_or_not_answered_is_free_and_so_is_its_time(
    shop: Door, clock: MovingClock
) -> None:
    times = ("2026-12-02T14:00:00+02:00", "2026-12-02T16:40:00+02:00")
    visits = [await shop.book("father-and-son", time) for time in times]
    for visit in visits:
        await act(shop, visit, "approve")
        await move(shop, visit, visit["start"].replace("-02T", "-07T"), headers=as_customer_of(visit))

    declined = await act(shop, visits[0], "decline")
    clock.instant += 24 * _HOUR + timedelta(seconds=1)
    late = await act(shop, visits[1], "approve", status=409)

    assert (declined["status"], declined["fee"], declined["cancelled_by"]) == ("cancelled", _FREE, "business")
    assert late["code"] == "invalid_transition"
    starts = await shop.slots("father-and-son", "2026-12-07")
    assert "2026-12-07T14:00:00+02:00" in starts


async def test_request_to_move_a_visit_late_is_no_way_round_the_fee(shop: Door, clock: MovingClock) -> None:
    booked = await shop.book("father-and-son", "2026-12-02T14:00:00+02:00")
    await act(shop, booked, "approve")
    headers = as_customer_of(booked)

    clock.instant = _AT_START
    moved = await move(shop, booked, "2026-12-07T14:00:00+02:00", headers=headers)
    withdrawn = await act(shop, booked, "cancel", headers=headers)

    assert (moved["status"], moved["kept_fee"]["amount_minor"]) == ("pending", 8000)
    assert withdrawn["fee"] == {"amount_minor": 8000, "currency": "ILS"}


async def test_business_may_let_customers_move_without_asking_again(shop: Door, clock: MovingClock) -> None:
    rules = {"approval": {"on_move": False}}
    changed = await shop.send("PATCH", "/v1/services/father-and-son", json={"rules": rules}, status=200)
    booked = await shop.book("father-and-son", "2026-12-02T14:00:00+02:00")
    await act(shop, booked, "approve")

    moved = await move(shop, booked, "2026-12-07T14:00:00+02:00", headers=as_customer_of(booked))

    assert changed["rules"]["approval"] == {"on_move": False}
    assert (booked["status"], booked["approve_by"]) == ("pending", "2026-12-01T06:00:00Z")
    assert moved["status"] == "confirmed"


class TestRandomOperations:
    """Both sides do what they like to twenty visits; what each costs is as the model says."""

    terms: Final = Terms(
        price=12_345,
        steps=((1440, 0, None), (-1_000_000, 50, None)),
        no_show_percent=70,
        move_until_minutes=60,
        most_moves=6,
        approval_minutes=300,
    )

    def document(self) -> dict[str, Any]:
        every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        hall = {"key": "hall", "kind": "class", "name": "Hall", "location": "main", "capacity": 60}
        terms = self.terms
        return {
            "business": {"name": "Hall", "timezone": "UTC", "currency": "ILS"},
            "locations": [{"key": "main", "name": "Main"}],
            "resources": [{**hall, "hours": [{"days": every_day, "start": "00:00", "end": "24:00"}]}],
            "services": [
                {
                    "key": "visit",
                    "name": "Visit",
                    "duration_minutes": 30,
                    "price": {"amount_minor": terms.price, "currency": "ILS"},
                    "grid": {"align": "clock", "step_minutes": 30},
                    "requires": [{"role": "hall", "any_of": ["hall"]}],
                    "rules": {
                        "cancellation": {"free_until_minutes": 1440, "fee_percent": 50, "no_show_fee_percent": 70},
                        "reschedule": {"until_minutes": 60, "max_times": 6},
                        "approval": {"within_minutes": 300},
                    },
                }
            ],
        }

    @pytest.mark.parametrize("seed", range(2))
    async def test_cost_what_the_model_says(self, shop: Door, clock: MovingClock, seed: int) -> None:
        await shop.send("PUT", "/v1/business", json=self.document(), status=200)
        draw = random.Random(seed)  # noqa: S311 - no secret
        visits: list[tuple[Any, Account]] = [await self.book(shop, clock, draw) for _ in range(8)]
        done = 0

        for _ in range(_OPERATIONS):
            clock.instant += timedelta(minutes=draw.choice((0, 1, 30, 120)), seconds=draw.choice((0, 30)))
            place = draw.randrange(len(visits))
            booked, account = visits[place]
            done += await self.act(shop, clock.instant, draw, booked, account)
            has_ended = account.status not in {Status.PENDING, Status.CONFIRMED}
            # Some requests are never answered, and only the loop would end them.
            if draw.random() < (0.8 if has_ended else 0.15):
                visits[place] = await self.book(shop, clock, draw)

        assert done > _OPERATIONS // 6

    async def book(self, shop: Door, clock: MovingClock, draw: random.Random) -> tuple[Any, Account]:
        start = self.start(clock.instant, draw)
        booked = await shop.book("visit", start.isoformat())
        return booked, Account(self.terms, int(clock.instant.timestamp()), [int(start.timestamp())])

    async def act(self, shop: Door, now: datetime, draw: random.Random, booked: Any, account: Account) -> bool:
        """Do something, in both. Whether it was possible."""
        second, to = int(now.timestamp()), self.start(now, draw)
        by_customer = draw.random() < 0.6
        headers = as_customer_of(booked) if by_customer else {}
        what = draw.choice(
            ("reschedule", "reschedule", "reschedule", "cancel", "approve", "approve", "no-show", "reopen")
        )
        try:
            match what:
                case "reschedule":
                    account.move(second, int(to.timestamp()), by_customer=by_customer)
                case "cancel":
                    account.cancel(second, by_customer=by_customer)
                case "approve":
                    account.approve(second)
                case "no-show":
                    account.finish(second, missed=True)
                case _:
                    account.reopen(second)
        except RefusedError:
            status = 409
        else:
            status = 200
        if what not in {"reschedule", "cancel"}:
            headers = {}
        json = {"start": to.isoformat()} if what == "reschedule" else None
        answer = await act(shop, booked, what, status=status, headers=headers, json=json)
        if status == 200:
            fee = answer.get("fee")
            assert (answer["status"], fee and fee["amount_minor"]) == (account.status, account.owed), (what, account)
            assert answer.get("kept_fee", _FREE)["amount_minor"] == account.kept
        return status == 200

    def start(self, now: datetime, draw: random.Random) -> datetime:
        """On the grid, within some days."""
        midnight = now.replace(hour=0, minute=0, second=0)
        ahead = int((now - midnight).total_seconds()) // 1800 + draw.choice((1, 2, 3, 10, 47, 48, 49, 100, 200))
        return midnight + timedelta(minutes=30 * ahead)
