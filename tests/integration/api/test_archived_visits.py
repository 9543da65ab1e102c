"""Appointments of services and resources that are archived, over HTTP: they can be read, moved and cancelled."""

from typing import Any

import pytest

from tests.support.door import Door, as_customer_of, who

_NINE = "2026-12-07T09:00:00+01:00"
_QUARTER_PAST = "2026-12-07T09:15:00+01:00"
_ONE = "2026-12-07T13:00:00+01:00"

with_and_without_redis = pytest.mark.redis("default", "away")


@pytest.fixture
async def clinic(door: Door) -> Door:
    await door.set_up("clinic")
    return door


@pytest.fixture
async def visit(clinic: Door) -> Any:
    """Twenty minutes, and five to tidy up."""
    customer = {"name": "Dana Levi"}
    body = {"service": "consultation", "start": _NINE, "resource": "dr-brandt", "customer": customer}
    return await clinic.send("POST", "/v1/appointments", json=body, status=201)


async def _archive(clinic: Door, path: str) -> None:
    response = await clinic.http.delete(path, headers=clinic.secret)
    assert response.is_success, response.text


async def _move(clinic: Door, visit: Any, *, status: int = 200, **to: Any) -> Any:
    path = f"/v1/appointments/{visit['id']}/reschedule"
    return await clinic.send("POST", path, json=to, headers=as_customer_of(visit), status=status)


@with_and_without_redis
async def test_visit_of_an_archived_service_is_read_moved_and_cancelled(clinic: Door, visit: Any) -> None:
    await _archive(clinic, "/v1/services/consultation")
    path = f"/v1/appointments/{visit['id']}"

    read = await clinic.send("GET", path, headers=as_customer_of(visit), status=200)
    moved = await _move(clinic, visit, start=_QUARTER_PAST)
    cancelled = await clinic.send("POST", f"{path}/cancel", headers=as_customer_of(visit), status=200)

    assert read["service"] == "consultation"
    assert (moved["service"], moved["start"]) == ("consultation", "2026-12-07T08:15:00Z")
    assert (who(moved), moved["changed_resources"]) == (who(visit), [])
    assert (cancelled["status"], cancelled["policy"]) == ("cancelled", visit["policy"])


@with_and_without_redis
async def test_visit_of_an_archived_doctor_moves_to_one_who_is_there(clinic: Door, visit: Any) -> None:
    await clinic.send("PATCH", "/v1/services/minor-surgery", json=_surgeons("dr-adler"), status=200)
    await clinic.send("PATCH", "/v1/services/laser-treatment", json=_without_brandt(), status=200)
    await clinic.send("PATCH", "/v1/services/ultrasound", json=_leads("dr-adler"), status=200)
    await clinic.send("PATCH", "/v1/services/consultation", json=_doctors("dr-adler", "dr-cerny"), status=200)
    await _archive(clinic, "/v1/resources/dr-brandt")

    read = await clinic.send("GET", f"/v1/appointments/{visit['id']}", status=200)
    moved = await _move(clinic, visit, start=_ONE)

    assert who(read)[0] == ("doctor", "dr-brandt")
    assert who(moved)[0] == ("doctor", "dr-adler")
    assert moved["changed_resources"] == [{"role": "doctor", "from": "dr-brandt", "to": "dr-adler"}]


async def test_archived_service_is_listed_held_and_moved_for_its_visits_alone(clinic: Door, visit: Any) -> None:
    await _archive(clinic, "/v1/services/consultation")
    await _archive(clinic, "/v1/services/ultrasound")
    await clinic.send("PATCH", "/v1/services/minor-surgery", json={"visibility": "staff"}, status=200)
    headers = {**clinic.publishable, "Appointment-Token": visit["token"]}
    dates = {"from": "2026-12-07", "to": "2026-12-07"}

    def listed(service: str) -> dict[str, str]:
        return {"service": service, "rescheduling": visit["id"], **dates}

    days = await clinic.send("GET", "/v1/availability", params=listed("consultation"), headers=headers, status=200)
    following = {"service": "consultation", "rescheduling": visit["id"], "limit": 1}
    soonest = await clinic.send("GET", "/v1/availability/next", params=following, headers=headers, status=200)
    body = {"service": "consultation", "start": _QUARTER_PAST, "rescheduling": visit["id"]}
    held = await clinic.send("POST", "/v1/holds", json=body, headers=headers, status=201)
    moved = await _move(clinic, visit, hold=held["id"])

    assert _QUARTER_PAST in [slot["start"] for slot in days["days"][0]["slots"]]
    assert len(soonest["slots"]) == 1
    assert (held["service"], moved["start"]) == ("consultation", held["start"])
    # For anybody else there is no such service.
    await clinic.send("GET", "/v1/availability", params={"service": "consultation", **dates}, status=404)
    await clinic.send("POST", "/v1/holds", json={"service": "consultation", "start": _ONE}, status=404)
    for service in ("nothing", "ultrasound", "minor-surgery"):
        await clinic.send("GET", "/v1/availability", params=listed(service), headers=headers, status=404)
    await clinic.send("GET", "/v1/availability", params=listed("ultrasound"), status=404)
    await clinic.send("GET", "/v1/availability", params=listed("minor-surgery"), status=200)


async def test_visit_whose_doctors_are_all_archived_stays_where_it_is(clinic: Door, visit: Any) -> None:
    await clinic.send("PUT", "/v1/business", json={"business": _BUSINESS}, status=200)

    refused = await _move(clinic, visit, start=_ONE, status=422)
    read = await clinic.send("GET", f"/v1/appointments/{visit['id']}", status=200)
    cancelled = await clinic.send("POST", f"/v1/appointments/{visit['id']}/cancel", status=200)

    assert (refused["code"], refused["reason"]) == ("not_offered", "no_resource")
    assert (read["start"], who(read)) == (visit["start"], who(visit))
    assert cancelled["status"] == "cancelled"


_BUSINESS = {"name": "Hautzentrum am Park", "timezone": "Europe/Vienna", "currency": "EUR"}


def _doctors(*keys: str) -> dict[str, Any]:
    return {"requires": [{"role": "doctor", "any_of": list(keys)}, {"role": "room", "kind": "room"}]}


def _surgeons(key: str) -> dict[str, Any]:
    return {
        "requires": [
            {"role": "surgeon", "any_of": [key]},
            {"role": "nurse", "kind": "nurse", "count": 2},
            {"role": "theatre", "any_of": ["theatre"]},
        ]
    }


def _without_brandt() -> dict[str, Any]:
    return {"requires": [{"role": "doctor", "any_of": ["dr-adler"]}, {"role": "room", "kind": "room"}]}


def _leads(key: str) -> dict[str, Any]:
    return {"requires": [{"role": "lead", "any_of": [key]}, {"role": "device", "any_of": ["scanner"]}]}
