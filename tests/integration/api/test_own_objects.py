"""What belongs to others stays hidden from staff and customers wherever they may ask for it."""

from collections.abc import AsyncIterator

import pytest

from access.roles import Role
from tests.support.role_cells import World, open_world

_LIMITED = [Role.STAFF, Role.CUSTOMER]


@pytest.fixture
async def world(database_url: str, redis_url: str) -> AsyncIterator[World]:
    async with open_world(database_url, redis_url) as opened:
        yield opened


@pytest.mark.parametrize("role", _LIMITED)
async def test_filters_find_nothing_of_others(world: World, role: Role) -> None:
    others = await world.door.send("GET", f"/v1/appointments/{world.appointments['other']['id']}", status=200)

    async def found(**query: str) -> list[str]:
        listed = await world.door.send("GET", "/v1/appointments", params=query, headers=world.headers(role), status=200)
        return [one["id"] for one in listed["data"]]

    assert await found() == [world.appointments["own"]["id"]]
    assert await found(customer=others["customer"]["id"]) == []
    assert await found(resource="dan") == []


@pytest.mark.parametrize("role", _LIMITED)
async def test_time_of_an_appointment_is_not_learnt_by_asking_for_another(world: World, role: Role) -> None:
    own, other = (world.appointments[whose]["id"] for whose in ("own", "other"))
    dates = {"service": "haircut", "from": "2026-12-01", "to": "2026-12-01"}
    hold = {"service": "haircut", "start": world.start("own")}

    async def asked(appointment: str, status: int, hold_status: int) -> None:
        headers = world.headers(role)
        query = {**dates, "rescheduling": appointment}
        body = {**hold, "rescheduling": appointment}
        await world.door.send("GET", "/v1/availability", params=query, headers=headers, status=status)
        await world.door.send("POST", "/v1/holds", json=body, headers=headers, status=hold_status)

    await asked(own, 200, 201)
    await asked(other, 404, 404)
    await asked("apt_01kbc9x3v4h5m6n7p8q9r0zzzz", 404, 404)


async def test_staff_moves_and_books_within_its_own_calendar(world: World) -> None:
    headers = world.headers(Role.STAFF)
    own = world.appointments["own"]["id"]
    start = world.start("own")
    # Dan would be free at that time.
    customer = {"name": "Tal", "email": "tal@example.com"}
    taken = {"service": "haircut", "resource": "noa", "start": start, "customer": customer}
    await world.door.send("POST", "/v1/appointments", json=taken, status=201)
    path = f"/v1/appointments/{own}/reschedule"

    refused = await world.door.send("POST", path, json={"start": start}, headers=headers, status=409)
    away = await world.door.send("POST", path, json={"start": start, "resource": "dan"}, headers=headers, status=404)
    unnamed = {"service": "haircut", "start": world.start("own"), "customer": {"name": "Gil", "email": "g@example.com"}}
    booked = await world.door.send("POST", "/v1/appointments", json=unnamed, headers=headers, status=201)

    assert refused["code"] == "slot_taken"
    assert away["detail"] == 'There is no resource "dan".'
    assert [used["resource"] for used in booked["resources"]] == ["noa"]


async def test_staff_without_a_resource_and_customers_who_never_booked_have_nothing(world: World) -> None:
    world.tokens.resource_id = world.tokens.customer_id = None

    for role in _LIMITED:
        listed = await world.door.send("GET", "/v1/appointments", headers=world.headers(role), status=200)
        assert listed["data"] == []


async def test_caller_is_told_who_it_is(world: World) -> None:
    async def me(role: Role) -> dict[str, object]:
        told: dict[str, object] = await world.door.send("GET", "/v1/me", headers=world.headers(role), status=200)
        return told

    staff, holder = await me(Role.STAFF), await me(Role.HOLDER)
    token = world.headers(Role.HOLDER)["Authorization"].removeprefix("Bearer ")
    both = await world.door.send(
        "GET", "/v1/me", headers={**world.door.publishable, "Appointment-Token": token}, status=200
    )

    assert (staff["role"], staff["credential"], staff["resource"]) == ("staff", "access_token", world.resources["own"])
    assert staff["operations"]["listAppointments"] == "own"  # type: ignore[index]
    assert "listEvents" not in staff["operations"]  # type: ignore[operator]
    assert (holder["role"], holder["appointment"]) == ("holder", world.appointments["own"]["id"])
    assert both["operations"]["cancelAppointment"] == "own"
    assert both["operations"]["placeHold"] == "all"
