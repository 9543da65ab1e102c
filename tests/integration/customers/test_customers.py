"""Customers over HTTP: look-up, changes, history, consents, merging, export, and what staff see of them."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.integration.customers.conftest import Desk, is_waited_for
from tests.support.waiting import eventually

_DANA = {"email": "Dana@Example.com", "phone": "054-123 4567"}


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({"email": "dana@example.com"}, True),
        ({"email": "DANA@example.COM"}, True),
        ({"phone": "+972541234567"}, True),
        ({"phone": "054 1234567"}, True),
        ({"email": "dana@example.com", "phone": "+972541234567"}, True),
        ({"email": "dana@example.com", "phone": "+972541234568"}, False),
        ({"email": "dana@example.org"}, False),
        ({"phone": "+442079460000"}, False),
        ({"q": "LÉV"}, True),
        ({"q": "lev", "email": "dana@example.com"}, True),
        ({"q": "cohen"}, False),
        ({}, True),
    ],
)
async def test_customers_are_found_by_address_number_and_part_of_the_name(
    desk: Desk,
    query: dict[str, str],
    is_found: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    dana = await desk.customer("Dana Lévi", **_DANA)

    assert await desk.find(**query) == ([dana] if is_found else [])


async def test_pages_lead_through_all_customers(desk: Desk) -> None:
    ids = [await desk.customer(f"Customer {number}", email=f"c{number}@example.com") for number in range(5)]

    assert await desk.find(limit=2) == ids[::-1]
    assert await desk.find(limit=1, q="customer") == ids[::-1]
    await desk.door.send("GET", "/v1/customers", params={"cursor": "nonsense"}, status=422)


async def test_part_of_a_name_is_looked_for_further_than_one_request_goes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customers.service.MOST_SEARCHED", 2)
    monkeypatch.setattr("customers.service._BATCH", 2)
    first = await desk.customer("Zoe", email="zoe@example.com")
    for number in range(4):
        await desk.customer(f"Customer {number}", email=f"c{number}@example.com")

    page = await desk.door.send("GET", "/v1/customers", params={"q": "zoe"}, status=200)

    assert page["data"] == []
    assert page["next_cursor"] is not None
    assert await desk.find(q="zoe") == [first]


async def test_change_of_the_address_moves_who_is_found_by_it(desk: Desk) -> None:
    dana = await desk.customer("Dana", email="dana@example.com")
    path = f"/v1/customers/{dana}"
    before = await desk.door.send("GET", path, status=200)

    changed = await desk.door.send(
        "PATCH", path, json={"email": "levi@example.com", "phone": "03 123 4567"}, status=200
    )

    assert (changed["email"], changed["phone"], changed["name"]) == ("levi@example.com", "03 123 4567", "Dana")
    assert changed["version"] == before["version"] + 1
    assert await desk.find(email="levi@example.com") == await desk.find(phone="+97231234567") == [dana]
    assert await desk.find(email="dana@example.com") == []
    assert await desk.customer("Dana", email="levi@example.com") == dana
    assert await desk.customer("Dana", email="dana@example.com") != dana
    await desk.door.send("PATCH", path, json={"name": "D"}, headers={"If-Match": '"1"'}, status=412)
    await desk.door.send("PATCH", path, json={"name": None}, status=422)
    await desk.door.send("PATCH", path, json={"phone": "12"}, status=422)


async def test_address_of_another_customer_is_refused(desk: Desk) -> None:
    dana = await desk.customer("Dana", email="dana@example.com")
    gil = await desk.customer("Gil", email="gil@example.com")

    refused = await desk.door.send("PATCH", f"/v1/customers/{gil}", json={"email": "DANA@example.com"}, status=409)

    assert (refused["code"], refused["customer"]) == ("customer_exists", dana)


async def test_customer_of_others_who_has_the_address_is_not_named(desk: Desk) -> None:
    mine = await desk.customer("Dana", email="dana@example.com")
    other = await desk.customer("Gil", "dan", email="gil@example.com")
    also_mine = await desk.customer("Tal", email="tal@example.com")

    async def refused(email: str) -> Any:
        path = f"/v1/customers/{mine}"
        return await desk.door.send("PATCH", path, json={"email": email}, headers=desk.staff, status=409)

    of_others, own = await refused("gil@example.com"), await refused("tal@example.com")

    assert of_others["code"] == "customer_exists"
    assert other not in str(of_others)
    assert own["customer"] == also_mine


async def test_consents_are_kept_with_every_change(desk: Desk) -> None:
    dana = await desk.customer("Dana", email="dana@example.com")
    path = f"/v1/customers/{dana}/consents/reminders"

    answers = [
        await desk.door.send("PUT", path, json={"granted": granted, "source": source}, status=200)
        for granted, source in ((True, "booking-page"), (True, "booking-page"), (False, "phone"))
    ]

    assert [(one["purpose"], one["granted"]) for one in answers[-1]["consents"]] == [("reminders", False)]
    export = await desk.door.send("GET", f"/v1/customers/{dana}/export", status=200)
    assert [(one["granted"], one["source"]) for one in export["consents"]] == [(True, "booking-page"), (False, "phone")]
    assert [answer["version"] for answer in answers] == [2, 2, 3]
    await desk.door.send("PUT", path, json={"granted": True, "source": "Dana Levi said so"}, status=422)


async def test_merged_customers_are_one(desk: Desk) -> None:
    old = await desk.customer("Dana", email="dana@example.com", phone="+972541234567")
    new = await desk.customer("Dana Levi", email="levi@example.com")
    for one, granted in ((new, True), (old, False)):
        body = {"granted": granted, "source": "phone"}
        await desk.door.send("PUT", f"/v1/customers/{one}/consents/reminders", json=body, status=200)

    merged = await desk.door.send("POST", f"/v1/customers/{old}/merge", json={"into": new}, status=200)

    assert (merged["id"], merged["name"]) == (new, "Dana Levi")
    assert [one["granted"] for one in merged["consents"]] == [False], "what was said last counts"
    assert (await desk.door.send("GET", f"/v1/customers/{old}", status=200))["id"] == new
    for one in (old, new):
        history = await desk.door.send("GET", f"/v1/customers/{one}/appointments", status=200)
        assert [visit["customer"]["id"] for visit in history["data"]] == [new, new]
    assert await desk.customer("Dana", email="dana@example.com") == new
    assert await desk.find() == await desk.find(phone="+972541234567") == [new]
    export = await desk.door.send("GET", f"/v1/customers/{new}/export", status=200)
    assert [one["email"] for one in export["merged"]] == ["dana@example.com"]
    for into in (old, new):
        await desk.door.send("POST", f"/v1/customers/{old}/merge", json={"into": into}, status=422)


async def test_merged_customer_is_merged_again_with_those_merged_into_it(desk: Desk) -> None:
    ids = [await desk.customer("Dana", email=f"dana{number}@example.com") for number in range(3)]

    for one, into in ((ids[0], ids[1]), (ids[1], ids[2])):
        await desk.door.send("POST", f"/v1/customers/{one}/merge", json={"into": into}, status=200)

    assert {await desk.customer("Dana", email=f"dana{number}@example.com") for number in range(3)} == {ids[2]}


@pytest.mark.parametrize("merged_meanwhile", ["the one that is merged", "the one that it is merged into"])
async def test_merge_that_waits_for_another_leaves_no_chain(
    desk: Desk, database_url: str, outside: "asyncpg.Connection[Any]", merged_meanwhile: str
) -> None:
    first, second, third = [await desk.customer("Dana", email=f"dana{number}@example.com") for number in range(3)]
    customer, into = (first, second) if merged_meanwhile == "the one that is merged" else (second, first)

    # As a merge does.
    async with outside.transaction():
        for statement in (
            "UPDATE customers SET merged_into = $2 WHERE id = $1 OR merged_into = $1",
            "UPDATE appointments SET customer_id = $2 WHERE customer_id = $1",
            "UPDATE personal_keys SET customer_id = $2 WHERE customer_id = $1",
        ):
            await outside.execute(statement, first, third)
        path = f"/v1/customers/{customer}/merge"
        merging = asyncio.create_task(desk.door.send("POST", path, json={"into": into}, status=200))
        await eventually(lambda: is_waited_for(database_url))
    await merging

    named = [(await desk.door.send("GET", f"/v1/customers/{one}", status=200))["id"] for one in (first, second, third)]
    assert len(set(named)) == 1
    assert {await desk.customer("Dana", email=f"dana{number}@example.com") for number in range(3)} == set(named)


async def test_export_has_everything_about_the_person(desk: Desk) -> None:
    booked = await desk.book(
        customer={"name": "Dana", "email": "dana@example.com"}, notes="Left handed", metadata={"crm": "81"}
    )
    await desk.customer("Gil", email="gil@example.com")

    export = await desk.door.send("GET", f"/v1/customers/{booked['customer']['id']}/export", status=200)

    (visit,) = export["appointments"]
    assert (visit["id"], visit["notes"], visit["metadata"]) == (booked["id"], "Left handed", {"crm": "81"})
    assert export["customer"]["email"] == "dana@example.com"


async def test_export_goes_beyond_one_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customers.service.MAX_PAGE_SIZE", 2)
    dana, *_ = [await desk.customer("Dana", email="dana@example.com") for _ in range(5)]

    export = await desk.door.send("GET", f"/v1/customers/{dana}/export", status=200)

    starts = [visit["start"] for visit in export["appointments"]]
    assert len(starts) == 5
    assert starts == sorted(starts)


async def test_staff_see_no_customer_of_others(desk: Desk) -> None:
    mine = await desk.customer("Dana", email="dana@example.com")
    other = await desk.customer("Gil", "dan", email="gil@example.com")
    await desk.customer("Dana", "dan", email="dana@example.com")

    assert await desk.find(headers=desk.staff) == [mine]
    assert await desk.find(headers=desk.staff, q="Gil") == []
    assert await desk.find(headers=desk.staff, email="gil@example.com") == []
    for path in ("", "/appointments", "/export"):
        told = await desk.door.send("GET", f"/v1/customers/{other}{path}", headers=desk.staff, status=404)
        unknown = await desk.door.send("GET", f"/v1/customers/cus_{'0' * 26}{path}", headers=desk.staff, status=404)
        assert told["detail"].replace(other, "*") == unknown["detail"].replace(f"cus_{'0' * 26}", "*")
    for path in ("/appointments", "/export"):
        own = await desk.door.send("GET", f"/v1/customers/{mine}{path}", headers=desk.staff, status=200)
        visits = own["data"] if path == "/appointments" else own["appointments"]
        assert [visit["resources"][0]["resource"] for visit in visits] == ["noa"]
    await desk.door.send("PATCH", f"/v1/customers/{other}", json={"name": "X"}, headers=desk.staff, status=404)


async def test_staff_find_nothing_of_the_customers_of_others_anywhere(desk: Desk) -> None:
    other = await desk.customer("Gil Marker", "dan", email="marker@example.com", phone="+972541234567")
    await desk.door.send("PATCH", f"/v1/customers/{other}", json={"name": "Gil"}, status=200)
    visits = await desk.door.send("GET", f"/v1/customers/{other}/appointments", status=200)
    visit = visits["data"][0]["id"]
    mine = await desk.customer("Dana", email="dana@example.com")

    told = {
        path: await desk.door.http.get(path, headers=desk.staff)
        for path in (
            "/v1/customers",
            "/v1/customers?email=marker@example.com",
            "/v1/customers?phone=%2B972541234567",
            "/v1/customers?q=gil",
            f"/v1/customers/{other}",
            f"/v1/customers/{other}/appointments",
            f"/v1/customers/{other}/export",
            "/v1/appointments",
            f"/v1/appointments?customer={other}",
            f"/v1/appointments/{visit}",
            "/v1/events",
            f"/v1/events?subject={other}",
            "/v1/audit",
            f"/v1/audit?subject={other}",
        )
    }

    # The feed is closed to staff altogether; of the audit log they have what was done to their own.
    assert {path: answer.status_code for path, answer in told.items() if answer.status_code != 200} == {
        f"/v1/customers/{other}": 404,
        f"/v1/customers/{other}/appointments": 404,
        f"/v1/customers/{other}/export": 404,
        f"/v1/appointments/{visit}": 404,
        "/v1/events": 403,
        f"/v1/events?subject={other}": 403,
    }
    assert mine in told["/v1/customers"].text
    for path, answer in told.items():
        answered = answer.text if answer.status_code == 200 else answer.json()["detail"]
        assert "arker" not in answered, path
        assert answer.status_code != 200 or (other not in answered and visit not in answered), path


async def test_each_operation_leaves_entries_without_a_value(desk: Desk) -> None:
    dana = await desk.customer("Dana Marker", email="marker@example.com")
    other = await desk.customer("Dana Marker", email="marker2@example.com")
    path = f"/v1/customers/{dana}"

    await desk.door.send("GET", path, status=200)
    await desk.find(email="marker@example.com")
    await desk.door.send("PATCH", path, json={"phone": "+972541234567"}, status=200)
    await desk.door.send("PUT", f"{path}/consents/reminders", json={"granted": True, "source": "phone"}, status=200)
    await desk.door.send("GET", f"{path}/export", status=200)
    await desk.door.send("POST", f"/v1/customers/{other}/merge", json={"into": dana}, status=200)

    entries = (await desk.door.send("GET", "/v1/audit", params={"subject": dana}, status=200))["data"]
    told: list[Any] = [(entry["action"], entry["fields"]) for entry in entries]
    assert [action for action, _ in told] == [
        "mergeCustomer", "exportCustomer", "setConsent", "changeCustomer", "listCustomers", "getCustomer",
    ]  # fmt: skip
    assert told[2][1] == ["consents.reminders"]
    assert told[3][1] == ["phone"]
    assert "arker" not in str(entries)
    assert (await desk.door.send("GET", "/v1/audit", params={"actor": "marker@example.com"}, status=200))["data"] == []
