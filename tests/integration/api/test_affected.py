"""A change of the set-up tells which appointments no longer fit, or is refused because of them."""

from typing import Any

import pytest

from tests.support.documents import small_document
from tests.support.door import Door

_TUESDAY = ["2026-12-01T09:00:00+02:00", "2026-12-01T16:00:00+02:00"]
_MONDAY = "2026-12-07T10:00:00+02:00"
_RESOURCES = ["noa", "chair"]


@pytest.fixture
async def shop(door: Door) -> Door:
    document = small_document()
    document["resources"][1]["hours"] = [{"days": ["mon", "tue"], "start": "00:00", "end": "24:00"}]
    await door.send("PUT", "/v1/business", json=document, status=200)
    return door


@pytest.fixture
async def booked(shop: Door) -> list[str]:
    """Two on Tuesday, one on Monday; and one on Tuesday that was cancelled."""
    ids = [(await shop.book("haircut", start))["id"] for start in (*_TUESDAY, _MONDAY)]
    cancelled = await shop.book("haircut", "2026-12-01T12:00:00+02:00")
    await shop.send("POST", f"/v1/appointments/{cancelled['id']}/cancel", status=200)
    return ids


def _affected(answer: Any) -> list[str]:
    assert answer["affected_total"] == len(answer["affected"])
    return [one["id"] for one in answer["affected"]]


_TIME_OFF = {"start": "2026-12-01T15:00:00+02:00", "end": "2026-12-01T17:00:00+02:00"}
_SHORT = {"hours": [{"days": ["mon", "tue"], "start": "10:00", "end": "18:00"}]}
_CLOSED = {"closures": [{"name": "Closed", "from": "2026-12-01"}]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "lost"),
    [
        ("POST", "/v1/resources/noa/time-off", _TIME_OFF, 201, [1]),
        ("PUT", "/v1/resources/noa/overrides/2026-12-01", {"spans": []}, 200, [0, 1]),
        (
            "PUT",
            "/v1/resources/noa/overrides/2026-12-01",
            {"spans": [{"start": "09:15", "end": "18:00"}]},
            200,
            [0],
        ),
        ("PATCH", "/v1/resources/noa", _SHORT, 200, [0]),
        ("PATCH", "/v1/resources/noa", {"time_off": [_TIME_OFF]}, 200, [1]),
        ("PATCH", "/v1/locations/main", _CLOSED, 200, [0, 1]),
        ("PATCH", "/v1/locations/main", {"timezone": "Asia/Dubai"}, 200, [1]),
        ("DELETE", "/v1/services/haircut", None, 200, [0, 1, 2]),
    ],
)
async def test_change_tells_what_it_affects_and_can_be_refused_for_it(  # noqa: PLR0917 - the parts of a request
    shop: Door, booked: list[str], method: str, path: str, body: Any, status: int, lost: list[int]
) -> None:
    arguments = {"json": body} if body is not None else {}
    before = await shop.send("GET", "/v1/business", status=200)
    refused = await shop.send(method, path, params={"refuse_if_affected": "true"}, status=409, **arguments)
    unchanged = await shop.send("GET", "/v1/business", status=200)

    done = await shop.send(method, path, status=status, **arguments)

    assert _affected(done) == [booked[number] for number in lost]
    assert (refused["code"], refused["affected"]) == ("appointments_affected", done["affected"])
    assert unchanged == before
    first = done["affected"][0]
    assert (first["service"], first["resources"]) == ("haircut", _RESOURCES)
    kept = await shop.send("GET", f"/v1/appointments/{booked[lost[0]]}", status=200)
    assert (first["start"], first["end"], kept["status"]) == (kept["start"], kept["end"], "confirmed")


async def test_document_tells_what_it_affects_in_a_dry_run_too(shop: Door, booked: list[str]) -> None:
    document = await shop.send("GET", "/v1/business", status=200)
    document["business"] |= _CLOSED
    quiet = await shop.send("PUT", "/v1/business", json=await shop.send("GET", "/v1/business", status=200), status=200)

    planned = await shop.send("PUT", "/v1/business", params={"dry_run": "true"}, json=document, status=200)
    cautious = {"refuse_if_affected": "true"}
    dry = await shop.send("PUT", "/v1/business", params=cautious | {"dry_run": "true"}, json=document, status=409)
    refused = await shop.send("PUT", "/v1/business", params=cautious, json=document, status=409)
    done = await shop.send("PUT", "/v1/business", json=document, status=200)
    again = await shop.send("PUT", "/v1/business", params=cautious, json=document, status=200)

    assert quiet == {"dry_run": False, "changes": [], "affected": [], "affected_total": 0, "warnings": []}
    assert [_affected(one) for one in (planned, dry, refused, done)] == [booked[:2]] * 4
    # They do not fit, but this change takes nothing more.
    assert again["affected"] == []


async def test_archived_resource_takes_its_appointments_with_it(shop: Door, booked: list[str]) -> None:
    document = await shop.send("GET", "/v1/business", status=200)
    document["services"] = []
    document["resources"] = document["resources"][1:]

    done = await shop.send("PUT", "/v1/business", json=document, status=200)

    assert _affected(done) == booked


async def test_nothing_is_affected_by_a_change_that_leaves_room(shop: Door, booked: list[str]) -> None:
    assert booked
    cautious = {"refuse_if_affected": "true"}
    free = {"start": "2026-12-01T09:30:00+02:00", "end": "2026-12-01T16:00:00+02:00"}
    longer = {"hours": [{"days": ["mon", "tue"], "start": "08:00", "end": "20:00"}]}
    spans = {"spans": [{"start": "10:00", "end": "10:30"}]}

    added = await shop.send("POST", "/v1/resources/noa/time-off", params=cautious, json=free, status=201)
    patched = await shop.send("PATCH", "/v1/resources/noa", params=cautious, json=longer, status=200)
    put = await shop.send("PUT", "/v1/resources/noa/overrides/2026-12-07", params=cautious, json=spans, status=200)
    await shop.send("DELETE", "/v1/resources/noa/overrides/2026-12-07", params=cautious, status=204)

    assert not [one for one in (added, patched, put) if "affected" in one or "affected_total" in one]


async def test_list_is_bounded_and_the_total_counts_all(shop: Door) -> None:
    hours = {"capacity": 8}
    await shop.send("PATCH", "/v1/resources/noa", json=hours, status=200)
    await shop.send("PATCH", "/v1/resources/chair", json=hours, status=200)
    ids = []
    for half in range(13):
        start = f"2026-12-01T{9 + half // 2:02}:{30 * (half % 2):02}:00+02:00"
        ids += [(await shop.book("haircut", start))["id"] for _ in range(8)]

    done = await shop.send("PATCH", "/v1/locations/main", json=_CLOSED, status=200)

    assert (len(ids), done["affected_total"], len(done["affected"])) == (104, 104, 100)
    starts = [one["start"] for one in done["affected"]]
    assert starts == sorted(starts)
