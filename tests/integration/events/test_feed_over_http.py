"""The feed over HTTP: what clients send that have seen no event yet."""

from collections.abc import AsyncIterator

import pytest

from tests.support.door import Door, open_door


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url) as door:
        yield door


async def test_empty_cursor_is_none(door: Door) -> None:
    await door.send("GET", "/v1/events", params={"after": ""}, status=200)


@pytest.mark.parametrize("cursor", ["x" * 65, "\0", "evt_unknown"])
async def test_cursor_that_is_none_of_ours_is_refused(door: Door, cursor: str) -> None:
    refusal = await door.send("GET", "/v1/events", params={"after": cursor}, status=422)
    assert [fault["pointer"] for fault in refusal["errors"]] in (["query.after"], ["after"])


async def test_stream_of_a_client_that_has_seen_no_event_is_opened(door: Door) -> None:
    response = await door.http.head("/v1/events/stream", headers={**door.secret, "Last-Event-ID": ""})
    assert response.status_code == 200
