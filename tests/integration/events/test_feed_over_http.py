"""The feed over HTTP: what clients send that have seen no event yet."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.support.door import Door, open_door


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url) as door:
        yield door


@pytest.mark.parametrize("data", ["null", "[]", '"text"'])
async def test_row_whose_data_are_no_object_holds_up_no_other(
    door: Door, outside: "asyncpg.Connection[Any]", data: str
) -> None:
    for number, said in enumerate(['{"id": "apt_1"}', data, '{"id": "apt_3"}']):
        await outside.execute(
            "INSERT INTO events (tenant_id, id, type, version, subject, data, occurred_at)"
            " VALUES ($1, 'evt_' || gen_random_uuid(), 'appointment.confirmed', 1, $2, $3, now())",
            door.tenant_id,
            f"apt_{number}",
            said,
        )

    page = await door.send("GET", "/v1/events", status=200)

    assert [event["data"] for event in page["data"]] == [{"id": "apt_1"}, {}, {"id": "apt_3"}]


async def test_empty_cursor_is_none(door: Door) -> None:
    await door.send("GET", "/v1/events", params={"after": ""}, status=200)


async def test_cursor_is_another_name_for_the_last_event(door: Door, outside: "asyncpg.Connection[Any]") -> None:
    for number in range(2):
        await outside.execute(
            "INSERT INTO events (tenant_id, id, type, version, subject, data, occurred_at)"
            " VALUES ($1, 'evt_' || gen_random_uuid(), 'appointment.confirmed', 1, $2, '{}', now())",
            door.tenant_id,
            f"apt_{number}",
        )
    place = (await door.send("GET", "/v1/events", params={"limit": 1}, status=200))["next_cursor"]

    page = await door.send("GET", "/v1/events", params={"cursor": place}, status=200)
    both = await door.send("GET", "/v1/events", params={"after": place, "cursor": "evt_other"}, status=422)

    assert [event["subject"] for event in page["data"]] == ["apt_1"]
    assert [fault["pointer"] for fault in both["errors"]] == ["query.cursor"]


@pytest.mark.parametrize("cursor", ["x" * 65, "\0", "evt_unknown"])
async def test_cursor_that_is_none_of_ours_is_refused(door: Door, cursor: str) -> None:
    refusal = await door.send("GET", "/v1/events", params={"after": cursor}, status=422)
    assert [fault["pointer"] for fault in refusal["errors"]] in (["query.after"], ["after"])


async def test_stream_of_a_client_that_has_seen_no_event_is_opened(door: Door) -> None:
    response = await door.http.head("/v1/events/stream", headers={**door.secret, "Last-Event-ID": ""})
    assert response.status_code == 200


@pytest.mark.parametrize("params", [{"subject": "apt_1"}, {}], ids=["of a subject", "of all"])
async def test_rare_type_is_found_beyond_what_one_page_looks_at(
    door: Door, outside: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch, params: dict[str, str]
) -> None:
    monkeypatch.setattr("events.feed.SCANNED", 4)
    types = [*["appointment.annotated"] * 9, "appointment.cancelled", *["appointment.annotated"] * 6]
    for event_type in types:
        for subject in ("apt_1", "apt_2"):
            await outside.execute(
                "INSERT INTO events (tenant_id, id, type, version, subject, data, occurred_at)"
                " VALUES ($1, 'evt_' || gen_random_uuid(), $2, 1, $3, '{}', now())",
                door.tenant_id,
                event_type,
                subject,
            )

    query = {"type": "appointment.cancelled", **params}
    pages = [await door.send("GET", "/v1/events", params=query, status=200)]
    while pages[-1]["next_cursor"] is not None:
        query["after"] = pages[-1]["next_cursor"]
        pages.append(await door.send("GET", "/v1/events", params=query, status=200))

    found = [event["subject"] for page in pages for event in page["data"]]
    assert found == (["apt_1"] if params else ["apt_1", "apt_2"])
    assert any(page["data"] == [] and page["next_cursor"] is not None for page in pages)


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("appointment", "must be a type such as appointment.confirmed, a family such as appointment.*, or *"),
        ("appointment.canceled", "no such type; did you mean appointment.cancelled?"),
        ("bookings.*", "no such type"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream"])
async def test_type_that_no_event_has_is_refused_in_words(door: Door, path: str, pattern: str, fault: str) -> None:
    refusal = await door.send("GET", path, params={"type": ["hold.*", pattern]}, status=422)
    assert refusal["errors"] == [{"pointer": "query.type[1]", "detail": fault}]


async def test_unknown_last_event_id_is_refused_as_the_header_that_it_is(door: Door) -> None:
    headers = {**door.secret, "Last-Event-ID": "evt_unknown"}
    refusal = (await door.http.get("/v1/events/stream", headers=headers)).json()
    assert [fault["pointer"] for fault in refusal["errors"]] == ["header.Last-Event-ID"]
