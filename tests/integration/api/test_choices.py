"""Lengths and add-ons to choose: the same length and price in the listing, the hold, the visit and its changes."""

from typing import Any, Final

import pytest

from tests.support.documents import small_document
from tests.support.door import Door, as_customer_of

_DAY: Final = "2026-11-30"
_TEN: Final = f"{_DAY}T10:00:00+02:00"
_NOON: Final = f"{_DAY}T12:00:00+02:00"
_HOURS: Final = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "21:00"}


def _money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "ILS"}


_DURATIONS: Final = [30, {"minutes": 45, "price": _money(14000)}, {"minutes": 60, "price": _money(18000)}]
_ADD_ONS: Final = [
    {"key": "beard", "name": "Beard", "minutes": 15, "price": _money(4000)},
    {"key": "wash", "name": "Wash", "minutes": 0, "price": _money(1000)},
    {"key": "rest", "name": "Rest", "minutes": 10},
]


_EUROS: Final = {"amount_minor": 1, "currency": "EUR"}


def _service(**more: Any) -> dict[str, Any]:
    return {
        "key": "haircut",
        "name": "Haircut",
        "duration_minutes": 30,
        "price": _money(9000),
        "requires": [{"role": "barber", "any_of": ["noa"]}],
        "durations": _DURATIONS,
        "add_ons": _ADD_ONS,
        **more,
    }


async def _apply(door: Door, *, status: int = 200, **more: Any) -> Any:
    document = small_document(
        resources=[{"key": "noa", "kind": "staff", "name": "Noa", "hours": [_HOURS]}], services=[_service(**more)]
    )
    return await door.send("PUT", "/v1/business", json=document, status=status)


@pytest.fixture
async def shop(door: Door) -> Door:
    await _apply(door)
    return door


async def _read(door: Door, booked: Any) -> Any:
    return await door.send("GET", f"/v1/appointments/{booked['id']}", status=200)


async def _move(door: Door, booked: Any, *, status: int = 200, **body: Any) -> Any:
    path = f"/v1/appointments/{booked['id']}/reschedule"
    return await door.send("POST", path, json=body, headers=as_customer_of(booked), status=status)


async def _amend(door: Door, booked: Any, *, status: int = 200, **body: Any) -> Any:
    return await door.send("PATCH", f"/v1/appointments/{booked['id']}", json=body, status=status)


def _minutes(visit: Any) -> int:
    """The length of a visit that does not cross midnight."""
    start, end = (int(visit[side][11:13]) * 60 + int(visit[side][14:16]) for side in ("start", "end"))
    return end - start


_CHOICES: Final[list[tuple[dict[str, Any], int, int]]] = [
    ({}, 30, 9000),
    ({"duration_minutes": 30}, 30, 9000),
    ({"duration_minutes": 60}, 60, 18000),
    ({"add_ons": ["wash"]}, 30, 10000),
    ({"add_ons": ["beard", "wash"]}, 45, 14000),
    ({"duration_minutes": 45, "add_ons": ["rest", "beard"]}, 70, 18000),
]


@pytest.mark.redis("default", "away")
@pytest.mark.parametrize(("choices", "minutes", "price"), _CHOICES)
async def test_direct_booking_lasts_and_costs_what_was_chosen(
    shop: Door, choices: dict[str, Any], minutes: int, price: int
) -> None:
    customer = {"name": "Dana Levi", "email": "dana@example.com"}
    body = {"service": "haircut", "start": _TEN, "customer": customer, **choices}

    booked = await shop.send("POST", "/v1/appointments", json=body, headers=shop.publishable, status=201)

    assert (_minutes(booked), booked["price"]) == (minutes, _money(price))
    assert await _read(shop, booked) == {name: booked[name] for name in booked if name != "token"}


@pytest.mark.parametrize(("choices", "minutes", "price"), _CHOICES)
async def test_listing_hold_and_confirmation_agree_on_length_and_price(
    shop: Door, choices: dict[str, Any], minutes: int, price: int
) -> None:
    slot = (await shop.slots("haircut", _DAY, party=1, **choices))[_TEN]
    held = await shop.hold("haircut", _TEN, **choices)
    booked = await shop.confirm(held)

    assert [_minutes(visit) for visit in (slot, held, booked)] == [minutes] * 3
    assert [visit["price"] for visit in (slot, held, booked)] == [_money(price)] * 3


async def test_answers_name_what_was_chosen(shop: Door) -> None:
    held = await shop.hold("haircut", _TEN, duration_minutes=60, add_ons=["wash", "beard"])
    booked = await shop.confirm(held)

    for visit in (held, booked, await _read(shop, booked)):
        assert visit["duration_minutes"] == 60
        assert visit["add_ons"] == _ADD_ONS[:2]


async def test_starts_stay_on_the_grid_of_the_service_and_end_before_work_does(shop: Door) -> None:
    usual = list(await shop.slots("haircut", _DAY))
    long = list(await shop.slots("haircut", _DAY, duration_minutes=60, add_ons=["beard"]))

    assert usual[-1][11:16] == "20:30"
    assert long == [start for start in usual if start[11:16] <= "19:45"]


async def test_taken_minutes_leave_no_room_for_a_longer_visit(shop: Door) -> None:
    await shop.book("haircut", "2026-11-30T10:30:00+02:00")

    usual = await shop.slots("haircut", _DAY)
    long = await shop.slots("haircut", _DAY, duration_minutes=45)
    refused = await shop.hold("haircut", _TEN, duration_minutes=45, status=409)

    assert (_TEN in usual, _TEN in long) == (True, False)
    assert refused["code"] == "slot_taken"


async def test_listing_of_one_choice_does_not_show_that_of_another(shop: Door) -> None:
    for choices, minutes, price in (*_CHOICES, *_CHOICES):
        slot = (await shop.slots("haircut", _DAY, **choices))[_TEN]
        assert (_minutes(slot), slot["price"]) == (minutes, _money(price))


async def test_next_and_days_know_the_choices(shop: Door) -> None:
    parameters: dict[str, Any] = {"service": "haircut", "duration_minutes": 60, "add_ons": ["beard", "rest"]}
    found = await shop.send("GET", "/v1/availability/next", params=parameters, headers=shop.publishable, status=200)
    dates = {**parameters, "from": _DAY, "to": _DAY}
    counted = await shop.send("GET", "/v1/availability/days", params=dates, headers=shop.publishable, status=200)

    listed = await shop.slots("haircut", _DAY, duration_minutes=60, add_ons=["beard", "rest"])
    assert {_minutes(slot) for slot in found["slots"]} == {85}
    assert counted["days"][0]["slots"] == len(listed)


async def test_price_is_for_each_person_of_the_party(door: Door) -> None:
    document = small_document(
        resources=[{"key": "noa", "kind": "staff", "name": "Noa", "hours": [_HOURS], "capacity": 3}],
        services=[_service()],
    )
    await door.send("PUT", "/v1/business", json=document, status=200)

    held = await door.hold("haircut", _TEN, party=3, duration_minutes=45, add_ons=["beard"])

    assert held["price"] == _money(3 * 18000)


async def test_price_by_time_leaves_that_of_a_length_and_of_an_add_on(door: Door) -> None:
    morning, evening = {"start": "09:00", "end": "12:00"}, {"start": "17:00", "end": "21:00"}
    await _apply(door, prices=[{**morning, "price": _money(7000)}, {**evening, "percent": 150}])

    starts = [_TEN, _NOON, f"{_DAY}T18:00:00+02:00"]
    listings = [await door.slots("haircut", _DAY, add_ons="beard", duration_minutes=minutes) for minutes in (30, 60)]
    held = [await door.hold("haircut", start, add_ons=["beard"], duration_minutes=60) for start in starts]

    usual, long = ([slots[start]["price"]["amount_minor"] for start in starts] for slots in listings)
    assert usual == [7000 + 4000, 9000 + 4000, 13500 + 4000]
    assert long == [18000 + 4000, 18000 + 4000, 27000 + 4000]
    assert [each["price"]["amount_minor"] for each in held] == long


async def test_add_on_makes_each_resource_longer_and_dearer(door: Door) -> None:
    own = {"noa": {"duration_minutes": 50, "price": _money(12000)}}
    await _apply(door, durations=[], requires=[{"role": "barber", "any_of": ["noa"], "overrides": own}])

    held = await door.hold("haircut", _TEN, add_ons=["beard"])

    assert (_minutes(held), held["price"]) == (65, _money(16000))
    assert "duration_minutes" not in held


class TestMove:
    async def test_it_keeps_length_and_add_ons(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN, duration_minutes=60, add_ons=["beard"])

        planned = await _move(shop, booked, start=_NOON, dry_run=True)
        moved = await _move(shop, booked, start=_NOON)

        for visit in (planned, moved):
            assert (_minutes(visit), visit["price"]) == (75, _money(22000))
            assert (visit["duration_minutes"], visit["add_ons"]) == (60, _ADD_ONS[:1])

    async def test_its_listing_and_its_hold_keep_them_too(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN, duration_minutes=60, add_ons=["beard"])
        headers = {**shop.publishable, "Appointment-Token": booked["token"]}

        parameters = {"service": "haircut", "from": _DAY, "to": _DAY, "rescheduling": booked["id"]}
        listed = await shop.send("GET", "/v1/availability", params=parameters, headers=headers, status=200)
        body = {"service": "haircut", "start": _NOON, "rescheduling": booked["id"]}
        held = await shop.send("POST", "/v1/holds", json=body, headers=headers, status=201)
        moved = await _move(shop, booked, hold=held["id"])

        slot = next(slot for slot in listed["days"][0]["slots"] if slot["start"] == _NOON)
        assert [_minutes(visit) for visit in (slot, held, moved)] == [75] * 3
        assert (held["add_ons"], moved["add_ons"]) == (_ADD_ONS[:1], _ADD_ONS[:1])

    async def test_choices_cannot_be_sent(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN, add_ons=["beard"])
        headers = {**shop.publishable, "Appointment-Token": booked["token"]}

        query = {"service": "haircut", "from": _DAY, "to": _DAY, "rescheduling": booked["id"], "add_ons": "wash"}
        listing = await shop.send("GET", "/v1/availability", params=query, headers=headers, status=422)
        body = {"service": "haircut", "start": _NOON, "rescheduling": booked["id"], "duration_minutes": 60}
        hold = await shop.send("POST", "/v1/holds", json=body, headers=headers, status=422)

        assert [error["pointer"] for error in listing["errors"]] == ["add_ons"]
        assert [error["pointer"] for error in hold["errors"]] == ["duration_minutes"]

    async def test_hold_with_other_choices_is_no_way_to_change_them(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN, duration_minutes=30)
        held = await shop.hold("haircut", _NOON, duration_minutes=60)

        refused = await _move(shop, booked, hold=held["id"], status=422)

        assert [error["pointer"] for error in refused["errors"]] == ["hold"]

    async def test_what_the_service_no_longer_offers_stays(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN, duration_minutes=60, add_ons=["beard"])
        await _apply(shop, durations=[30, 45], add_ons=_ADD_ONS[1:])

        moved = await _move(shop, booked, start=_NOON)

        assert (_minutes(moved), moved["price"]) == (75, _money(22000))
        assert (moved["duration_minutes"], moved["add_ons"]) == (60, _ADD_ONS[:1])


class TestAmendment:
    async def test_length_among_the_durations_has_its_price(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN, add_ons=["beard"])

        changed = await _amend(shop, booked, duration_minutes=60)

        assert (_minutes(changed), changed["price"], changed["duration_minutes"]) == (75, _money(22000), 60)
        assert changed["previous_price"] == _money(13000)
        assert changed["add_ons"] == _ADD_ONS[:1]

    async def test_add_ons_are_replaced(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN, duration_minutes=45, add_ons=["beard"])

        other = await _amend(shop, booked, add_ons=["rest", "wash"])
        none = await _amend(shop, booked, add_ons=[])

        assert (_minutes(other), other["price"], other["add_ons"]) == (55, _money(15000), _ADD_ONS[1:])
        assert (_minutes(none), none["price"]) == (45, _money(14000))
        assert "add_ons" not in none

    async def test_business_may_say_any_other_length(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN, duration_minutes=60, add_ons=["beard"])

        changed = await _amend(shop, booked, duration_minutes=50)

        assert (_minutes(changed), changed["price"]) == (65, _money(13000))
        assert changed["duration_minutes"] == 50

    async def test_length_of_its_own_stays_when_the_visit_moves(self, door: Door) -> None:
        await _apply(door, durations=[], add_ons=[])
        booked = await door.book("haircut", _TEN)
        await _amend(door, booked, duration_minutes=50)

        planned = await _move(door, booked, start=_NOON, dry_run=True)
        query = {"service": "haircut", "from": _DAY, "to": _DAY, "rescheduling": booked["id"]}
        listed = await door.send("GET", "/v1/availability", params=query, status=200)
        moved = await _move(door, booked, start=_NOON)
        noted = await _amend(door, booked, notes="Quiet, please.")

        slot = next(slot for slot in listed["days"][0]["slots"] if slot["start"] == _NOON)
        assert {_minutes(visit) for visit in (planned, slot, moved, noted)} == {50}
        assert {visit["duration_minutes"] for visit in (planned, moved, noted)} == {50}

    async def test_party_leaves_the_choices(self, door: Door) -> None:
        document = small_document(
            resources=[{"key": "noa", "kind": "staff", "name": "Noa", "hours": [_HOURS], "capacity": 3}],
            services=[_service()],
        )
        await door.send("PUT", "/v1/business", json=document, status=200)
        booked = await door.book("haircut", _TEN, duration_minutes=60, add_ons=["beard"])

        changed = await _amend(door, booked, party=2)

        assert (_minutes(changed), changed["price"]) == (75, _money(44000))
        assert (changed["duration_minutes"], changed["add_ons"]) == (60, _ADD_ONS[:1])

    async def test_customer_may_not(self, shop: Door) -> None:
        booked = await shop.book("haircut", _TEN)
        path = f"/v1/appointments/{booked['id']}"

        refused = await shop.send("PATCH", path, json={"add_ons": ["wash"]}, headers=as_customer_of(booked), status=403)

        assert refused["code"] == "forbidden"


class TestUnknown:
    async def test_choice_is_refused_with_what_there_is(self, shop: Door) -> None:
        refused = await shop.hold("haircut", _TEN, duration_minutes=50, add_ons=["wash", "beerd"], status=422)

        assert refused["errors"] == [
            {"pointer": "duration_minutes", "detail": 'must be one of the durations of "haircut": 30, 45, 60'},
            {"pointer": "add_ons[1]", "detail": '"haircut" has no add-on "beerd"; did you mean "beard"?'},
        ]

    async def test_listing_refuses_it_too(self, shop: Door) -> None:
        parameters = {"service": "haircut", "from": _DAY, "to": _DAY, "add_ons": ["washing"]}
        for path in ("/v1/availability", "/v1/availability/days"):
            refused = await shop.send("GET", path, params=parameters, headers=shop.publishable, status=422)
            assert refused["errors"][0]["pointer"] == "add_ons[0]"
            assert 'did you mean "wash"?' in refused["errors"][0]["detail"]
        parameters = {"service": "haircut", "add_ons": "washing"}
        await shop.send("GET", "/v1/availability/next", params=parameters, headers=shop.publishable, status=422)

    async def test_service_without_choices_says_so(self, door: Door) -> None:
        await _apply(door, durations=[], add_ons=[])

        refused = await door.hold("haircut", _TEN, duration_minutes=30, add_ons=["x"], status=422)

        assert [error["pointer"] for error in refused["errors"]] == ["duration_minutes", "add_ons[0]"]


async def test_repeated_request_gives_the_same_hold_and_another_choice_another(shop: Door) -> None:
    first = await shop.hold("haircut", _TEN, client="one", duration_minutes=45, add_ons=["wash", "rest"])
    again = await shop.hold("haircut", _TEN, client="one", duration_minutes=45, add_ons=["rest", "wash"], status=200)
    other = await shop.hold("haircut", _TEN, client="one", duration_minutes=45, status=409)

    assert again["id"] == first["id"]
    assert other["code"] == "slot_held"


async def test_storefront_shows_them(shop: Door) -> None:
    storefront = await shop.send("GET", "/v1/storefront", headers=shop.publishable, status=200)

    (service,) = storefront["services"]
    assert service["durations"] == [
        {"minutes": 30, "price": _money(9000)},
        {"minutes": 45, "price": _money(14000)},
        {"minutes": 60, "price": _money(18000)},
    ]
    assert service["add_ons"] == _ADD_ONS


async def test_storefront_has_the_range_of_each_length(door: Door) -> None:
    own = {"noa": {"price": _money(12000)}}
    requires = [{"role": "barber", "any_of": ["noa", "gal"], "overrides": own}]
    resources = [{"key": key, "kind": "staff", "name": key, "hours": [_HOURS]} for key in ("noa", "gal")]
    document = small_document(resources=resources, services=[_service(durations=[30, 60], requires=requires)])
    await door.send("PUT", "/v1/business", json=document, status=200)

    storefront = await door.send("GET", "/v1/storefront", headers=door.publishable, status=200)

    prices = {"price": _money(9000), "price_from": _money(9000), "price_to": _money(12000)}
    assert storefront["services"][0]["durations"] == [{"minutes": minutes, **prices} for minutes in (30, 60)]


async def test_document_is_written_as_it_was_read(shop: Door) -> None:
    document = await shop.send("GET", "/v1/business", status=200)

    assert document["services"][0]["durations"] == _DURATIONS
    assert document["services"][0]["add_ons"] == _ADD_ONS
    again = await shop.send("PUT", "/v1/business", json=document, status=200)
    assert again["changes"] == []


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"durations": [45, 60]}, "durations"),
        ({"durations": [30, 45, 45]}, "durations[2]"),
        ({"durations": [{"minutes": 30, "price": _money(1)}]}, "durations[0].price"),
        ({"durations": [30, {"minutes": 45, "price": _EUROS}]}, "durations[1].price.currency"),
        ({"durations": [30, 10_081]}, "durations[1].minutes"),
        ({"durations": [30, 10_080], "buffer_after_minutes": 5}, "durations[1]"),
        ({"durations": [30, True]}, "durations[1]"),
        ({"add_ons": [_ADD_ONS[0], _ADD_ONS[0]]}, "add_ons[1].key"),
        ({"add_ons": [{**_ADD_ONS[0], "minutes": 10_030}]}, "add_ons"),
        ({"price": None, "durations": []}, "price"),
        ({"durations": [20, 30], "requires": [{"role": "x", "any_of": ["noa"], "offset_minutes": 25}]}, "requires[0]"),
        (
            {"requires": [{"role": "x", "any_of": ["noa"], "overrides": {"noa": {"duration_minutes": 60}}}]},
            "requires[0].overrides.noa.duration_minutes",
        ),
        (
            {"requires": [{"role": "x", "any_of": ["noa"], "overrides": {"noa": {"price": _money(1)}}}]},
            "requires[0].overrides.noa.price",
        ),
    ],
)  # fmt: skip
async def test_document_with_a_fault_is_refused_at_its_place(door: Door, more: dict[str, Any], pointer: str) -> None:
    refused = await _apply(door, status=422, **more)

    assert f"services[0].{pointer}" in [error["pointer"] for error in refused["errors"]]
