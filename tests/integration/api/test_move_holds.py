"""Holds for moves, over HTTP: they may share minutes with the appointment they are for, and with nothing else."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.door import Door, as_customer_of, who

_NINE = "2026-12-01T09:00:00+02:00"
_QUARTER_PAST = "2026-12-01T09:15:00+02:00"
_TEN = "2026-12-01T10:00:00+02:00"


@pytest.fixture
async def shop(door: Door) -> Door:
    await door.set_up("barbershop")
    return door


@pytest.fixture
async def visit(shop: Door) -> Any:
    """Half an hour of Noa's, with five minutes to tidy up."""
    return await shop.book("haircut", _NINE, resource="noa")


async def _hold(shop: Door, visit: Any, start: str, *, status: int = 201, **more: Any) -> Any:
    """What the customer's widget hears."""
    body = {"service": "haircut", "start": start, "rescheduling": visit["id"], **more}
    return await shop.send("POST", "/v1/holds", json=body, headers=_proof(shop, visit), status=status)


def _proof(shop: Door, visit: Any) -> dict[str, str]:
    return {**shop.publishable, "Appointment-Token": visit["token"]}


async def _move(shop: Door, visit: Any, hold: Any, *, status: int = 200) -> Any:
    path = f"/v1/appointments/{visit['id']}/reschedule"
    return await shop.send("POST", path, json={"hold": hold["id"]}, headers=as_customer_of(visit), status=status)


async def test_hold_shares_minutes_with_its_own_appointment_and_the_move_takes_it(shop: Door, visit: Any) -> None:
    listed = await _listed(shop, visit)
    plain = await shop.hold("haircut", _QUARTER_PAST, resource="noa", status=409)
    held = await _hold(shop, visit, _QUARTER_PAST, resource="noa")
    moved = await _move(shop, visit, held)

    assert _QUARTER_PAST in listed
    assert plain["code"] == "slot_taken"
    assert (held["rescheduling"], held["status"]) == (visit["id"], "held")
    assert (moved["id"], moved["start"], moved["changed_resources"]) == (visit["id"], held["start"], [])
    await shop.send("GET", f"/v1/holds/{held['id']}", headers=shop.publishable, status=404)
    # 09:45 and not 09:15 to 09:30: the visit ends at 09:45, and nothing keeps the old time.
    times = await shop.slots("haircut", "2026-12-01", resource="noa")
    assert [start[11:16] for start in times if start[11:16] < "10:15"] == ["10:00"]


async def test_both_times_are_kept_until_the_move(shop: Door, visit: Any) -> None:
    held = await _hold(shop, visit, _TEN, resource="noa")

    at_nine = await shop.hold("haircut", _NINE, resource="noa", status=409)
    at_ten = await shop.hold("haircut", _TEN, resource="noa", status=409)
    await shop.send("DELETE", f"/v1/holds/{held['id']}", headers=shop.publishable, status=204)

    assert (at_nine["code"], at_ten["code"]) == ("slot_taken", "slot_held")
    assert (await shop.send("GET", f"/v1/appointments/{visit['id']}", status=200))["start"] == visit["start"]
    await shop.hold("haircut", _TEN, resource="noa")


async def test_hold_prefers_who_serves_now(shop: Door) -> None:
    visit = await shop.book("haircut", _TEN, resource="dan")

    held = await _hold(shop, visit, "2026-12-01T12:00:00+02:00")

    # Noa has no visit that day and would be the first choice.
    assert who(held) == [("barber", "dan")]


async def test_hold_is_not_placed_on_the_time_of_others(shop: Door, visit: Any) -> None:
    await shop.book("haircut", _TEN, resource="noa")

    refused = await _hold(shop, visit, _TEN, resource="noa", status=409)

    assert refused["code"] == "slot_taken"


async def test_same_client_gets_the_same_hold_again(shop: Door, visit: Any) -> None:
    held = await _hold(shop, visit, _QUARTER_PAST, client="session-1")
    again = await _hold(shop, visit, _QUARTER_PAST, client="session-1", status=200)

    assert again["id"] == held["id"]


async def test_back_end_needs_no_token(shop: Door, visit: Any) -> None:
    body = {"service": "haircut", "start": _QUARTER_PAST, "rescheduling": visit["id"], "resource": "noa"}

    held = await shop.send("POST", "/v1/holds", json=body, status=201)

    assert held["rescheduling"] == visit["id"]


@pytest.mark.parametrize("proof", ["none", "of another"])
async def test_publishable_key_needs_the_token_of_the_appointment(shop: Door, visit: Any, proof: str) -> None:
    other = await shop.book("haircut", _TEN, resource="noa")
    headers = shop.publishable if proof == "none" else _proof(shop, other)
    body = {"service": "haircut", "start": _QUARTER_PAST, "rescheduling": visit["id"]}

    refused = await shop.send("POST", "/v1/holds", json=body, headers=headers, status=403)

    assert refused["code"] == "forbidden"


async def test_hold_for_a_move_becomes_no_appointment_and_can_still_be_moved_onto(shop: Door, visit: Any) -> None:
    held = await _hold(shop, visit, _QUARTER_PAST, resource="noa")
    body = {"customer": {"name": "Dana Levi"}, "if_free": True}

    path = f"/v1/holds/{held['id']}/confirm"
    refused = await shop.send("POST", path, json=body, headers=shop.publishable, status=409)
    moved = await _move(shop, visit, held)

    assert refused["code"] == "invalid_transition"
    assert visit["id"] in refused["detail"]
    assert moved["start"] == held["start"]


async def test_hold_for_a_move_of_another_appointment_is_refused(shop: Door, visit: Any) -> None:
    other = await shop.book("haircut", _TEN, resource="noa")
    held = await _hold(shop, visit, _QUARTER_PAST)

    refused = await _move(shop, other, held, status=422)

    assert refused["errors"] == [{"pointer": "hold", "detail": "is for a move of another appointment"}]


async def test_service_and_party_are_those_of_the_appointment(shop: Door, visit: Any) -> None:
    body = {"service": "beard-trim", "start": _QUARTER_PAST, "party": 2, "rescheduling": visit["id"]}

    refused = await shop.send("POST", "/v1/holds", json=body, status=422)

    assert refused["errors"] == [
        {"pointer": "service", "detail": 'must be that of the appointment: "haircut"'},
        {"pointer": "party", "detail": "must be that of the appointment: 1"},
    ]


async def test_appointment_that_cannot_be_moved_gets_no_hold(shop: Door, visit: Any) -> None:
    await shop.send("POST", f"/v1/appointments/{visit['id']}/cancel", status=200)

    cancelled = await _hold(shop, visit, _QUARTER_PAST, status=409)
    body = {"service": "haircut", "start": _TEN, "rescheduling": "apt_01kbc9x3v4h5m6n7p8q9r0s1t2"}
    unknown = await shop.send("POST", "/v1/holds", json=body, status=404)

    assert (cancelled["code"], unknown["code"]) == ("invalid_transition", "not_found")


async def test_customer_who_is_too_late_to_move_gets_no_hold(shop: Door) -> None:
    soon = next(iter(await shop.slots("haircut", "2026-11-30", resource="noa")))
    visit = await shop.book("haircut", soon, resource="noa")
    later = (datetime.fromisoformat(soon) + timedelta(minutes=15)).isoformat()

    refused = await _hold(shop, visit, later, status=409)

    assert refused["code"] == "cutoff_passed"


async def test_hold_in_a_booking_is_no_hold_for_a_move(shop: Door, visit: Any) -> None:
    body = {"service": "haircut", "start": _TEN, "rescheduling": visit["id"], "customer": {"name": "Dana Levi"}}

    await shop.send("POST", "/v1/appointments", json=body, status=422)


async def _listed(shop: Door, visit: Any) -> list[str]:
    params = {"service": "haircut", "from": "2026-12-01", "to": "2026-12-01", "resource": "noa"}
    params["rescheduling"] = visit["id"]
    answer = await shop.send("GET", "/v1/availability", params=params, headers=_proof(shop, visit), status=200)
    return [slot["start"] for day in answer["days"] for slot in day["slots"]]
