"""One journey over HTTP through the whole application, with real stores."""

from collections.abc import AsyncIterator

import pytest

from tests.support.door import Door, open_door


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def shop(door: Door) -> Door:
    """The example barbershop is set up."""
    await door.set_up("barbershop")
    return door


async def _first_start(door: Door) -> str:
    found = await door.send("GET", "/v1/availability/next", params={"service": "haircut", "limit": 3}, status=200)
    start: str = found["slots"][0]["start"]
    return start


_CUSTOMER = {"name": "Dana Levi", "email": "dana@example.com"}


async def test_visitor_holds_confirms_reads_and_cancels(shop: Door) -> None:
    start = await _first_start(shop)

    hold = await shop.send(
        "POST", "/v1/holds", json={"service": "haircut", "start": start}, headers=shop.publishable, status=201
    )
    booked = await shop.send(
        "POST",
        f"/v1/holds/{hold['id']}/confirm",
        json={"customer": _CUSTOMER},
        headers=shop.publishable,
        status=201,
    )
    token = {"Authorization": f"Bearer {booked['token']}"}
    read = await shop.send("GET", f"/v1/appointments/{booked['id']}", headers=token, status=200)
    cancelled = await shop.send(
        "POST", f"/v1/appointments/{booked['id']}/cancel", json={"reason": "ill"}, headers=token, status=200
    )

    assert hold["status"] == "held"
    assert read["status"] == "confirmed"
    assert read["customer"]["name"] == "Dana Levi"
    assert cancelled["status"] == "cancelled"
    assert cancelled["fee"]["amount_minor"] + cancelled["refund"]["amount_minor"] == read["price"]["amount_minor"]


async def test_confirming_twice_gives_the_same_appointment(shop: Door) -> None:
    start = await _first_start(shop)
    hold = await shop.send("POST", "/v1/holds", json={"service": "haircut", "start": start}, status=201)
    path = f"/v1/holds/{hold['id']}/confirm"

    first = await shop.send("POST", path, json={"customer": _CUSTOMER}, status=201)
    second = await shop.send("POST", path, json={"customer": _CUSTOMER}, status=200)

    assert second == first


async def test_repeated_booking_is_answered_the_same_byte_for_byte(shop: Door) -> None:
    start = await _first_start(shop)
    body = {"service": "haircut", "start": start, "customer": _CUSTOMER}
    headers = {**shop.secret, "Idempotency-Key": "once"}

    first = await shop.http.post("/v1/appointments", json=body, headers=headers)
    second = await shop.http.post("/v1/appointments", json=body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["ETag"] == first.headers["ETag"] == '"1"'
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


async def test_idempotency_key_is_refused_with_another_body(shop: Door) -> None:
    start = await _first_start(shop)
    headers = {"Idempotency-Key": "once"}
    await shop.send("POST", "/v1/holds", json={"service": "haircut", "start": start}, headers=headers, status=201)

    refused = await shop.send(
        "POST", "/v1/holds", json={"service": "haircut", "start": start, "party": 2}, headers=headers, status=422
    )

    assert refused["code"] == "idempotency_mismatch"


async def test_refusal_keeps_no_idempotency_key(shop: Door) -> None:
    start = await _first_start(shop)
    headers = {"Idempotency-Key": "once"}
    await shop.send("POST", "/v1/holds", json={"service": "nothing", "start": start}, headers=headers, status=404)

    placed = await shop.send(
        "POST", "/v1/holds", json={"service": "haircut", "start": start}, headers=headers, status=201
    )

    assert placed["status"] == "held"


async def test_publishable_key_reads_only_the_appointment_whose_token_it_gives(shop: Door) -> None:
    start = await _first_start(shop)
    booked = await shop.send(
        "POST", "/v1/appointments", json={"service": "haircut", "start": start, "customer": _CUSTOMER}, status=201
    )
    path = f"/v1/appointments/{booked['id']}"

    without = await shop.send("GET", path, headers=shop.publishable, status=403)
    by_header = await shop.send(
        "GET", path, headers={**shop.publishable, "Appointment-Token": booked["token"]}, status=200
    )
    by_query = await shop.send("GET", path, params={"token": booked["token"]}, headers=shop.publishable, status=200)
    listing = await shop.send("GET", "/v1/appointments", headers=shop.publishable, status=403)

    assert without["code"] == listing["code"] == "forbidden"
    assert by_header["id"] == by_query["id"] == booked["id"]


async def test_stale_etag_is_refused(shop: Door) -> None:
    resource = await shop.http.get("/v1/resources/noa", headers=shop.secret)
    stale = {"If-Match": resource.headers["ETag"]}
    await shop.send("PATCH", "/v1/resources/noa", json={"name": "Noa L."}, headers=stale, status=200)

    refused = await shop.send("PATCH", "/v1/resources/noa", json={"name": "Noa"}, headers=stale, status=412)

    assert refused["code"] == "version_conflict"


async def test_appointments_are_listed_by_local_dates(shop: Door) -> None:
    start = await _first_start(shop)
    booked = await shop.send(
        "POST", "/v1/appointments", json={"service": "haircut", "start": start, "customer": _CUSTOMER}, status=201
    )
    day = start[:10]

    on_the_day = await shop.send("GET", "/v1/appointments", params={"from": day, "to": day}, status=200)
    before = await shop.send("GET", "/v1/appointments", params={"to": start}, status=200)

    assert [entry["id"] for entry in on_the_day["data"]] == [booked["id"]]
    assert before["data"] == []


async def test_setting_up_again_changes_nothing(shop: Door) -> None:
    document = await shop.send("GET", "/v1/business", status=200)

    again = await shop.send("PUT", "/v1/business", json=document, status=200)

    warnings = again.pop("warnings")
    assert again == {"dry_run": False, "changes": [], "affected": [], "affected_total": 0}
    # Customers may move until two hours before the start, and cancel free of charge until a day before it.
    assert {warning["pointer"] for warning in warnings} == {"business.rules.reschedule", "services[3].rules.reschedule"}


async def test_time_off_and_overrides_come_and_go(shop: Door) -> None:
    off = {"start": "2027-01-03T00:00:00+02:00", "end": "2027-01-10T00:00:00+02:00", "reason": "vacation"}

    added = await shop.send("POST", "/v1/resources/noa/time-off", json=off, status=201)
    listed = await shop.send("GET", "/v1/resources/noa/time-off", status=200)
    await shop.send("DELETE", f"/v1/resources/noa/time-off/{added['id']}", status=204)
    override = await shop.send("PUT", "/v1/resources/noa/overrides/2026-12-24", json={"spans": []}, status=200)
    await shop.send("DELETE", "/v1/resources/noa/overrides/2026-12-24", status=204)

    assert added in listed["data"]
    assert added["start"] == "2027-01-02T22:00:00Z"
    assert override == {"date": "2026-12-24", "spans": []}


async def test_readiness_names_what_is_missing(door: Door) -> None:
    ready = await door.http.get("/readyz")
    elected = await door.http.get("/readyz/invalidator")

    # Nobody works off invalidations in this test: requests are served without.
    assert (ready.status_code, elected.status_code) == (200, 503)
    assert elected.json()["invalidator"] is False
    assert ready.json() == {
        "status": "ready", "postgres": True, "redis": True, "schema": True, "invalidator": False, "stopping": False,
        "causes": ["No process runs the background loops: start holdfast worker."],
        "warnings": [],
    }  # fmt: skip


async def test_widget_sees_around_an_appointment_only_with_its_token(shop: Door) -> None:
    start = await _first_start(shop)
    body = {"service": "haircut", "start": start, "customer": _CUSTOMER}
    booked = await shop.send("POST", "/v1/appointments", json=body, headers=shop.publishable, status=201)
    token = shop.publishable | {"Appointment-Token": booked["token"]}

    for path in ("/v1/availability", "/v1/availability/days", "/v1/availability/next"):
        params = {"service": "haircut", "from": start[:10], "to": start[:10], "rescheduling": booked["id"]}
        await shop.send("GET", path, params=params, headers=shop.publishable, status=403)
        await shop.send("GET", path, params=params, headers=token, status=200)
        await shop.send("GET", path, params=params, status=200)
