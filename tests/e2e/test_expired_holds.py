"""Holds that expire by the real clocks, from `holdfast serve` as a process of its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest

from tests.support.shop import open_shop

pytestmark = pytest.mark.own_database

_PROMISED_SECONDS: Final = 2.0
"""On a machine that has nothing else to do."""
_BUSY_SECONDS: Final = 8.0
"""What a machine may take beyond that when other tests run on it."""
_PATIENCE_SECONDS: Final = 30.0
"""After which it is not late but lost."""


async def test_expired_hold_is_in_the_feed_soon_after_its_end(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with open_shop(database_url, redis_url, tmp_path) as shop:
        day = shop.new_day()
        query = {"service": "express", "from": day, "to": day}
        slots = (await shop.http.get("/v1/availability", params=query)).json()["days"][0]["slots"]
        following: dict[str, Any] = {"params": {"type": "hold.expired"}, "timeout": _PATIENCE_SECONDS}
        async with shop.http.stream("GET", "/v1/events/stream", **following) as stream:
            assert stream.status_code == httpx.codes.OK
            lines = stream.aiter_lines()
            await anext(lines)
            body = {"service": "express", "start": slots[0]["start"]}
            held = (await shop.http.post("/v1/holds", json=body)).json()
            event = await _first(lines)
            arrived = time.time()
        listed = (await shop.http.get("/v1/events", params={"type": "hold.expired"})).json()["data"]

    ended = datetime.fromisoformat(held["expires_at"]).timestamp()
    late = arrived - ended
    assert (event["type"], event["subject"]) == ("hold.expired", held["id"])
    assert [one["id"] for one in listed] == [event["id"]]
    assert 0 <= late <= _PROMISED_SECONDS + _BUSY_SECONDS, late


async def _first(lines: AsyncIterator[str]) -> dict[str, Any]:
    """The first event of a stream."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for line in lines:
            if line.startswith("data: "):
                event: dict[str, Any] = orjson.loads(line.removeprefix("data: "))
                return event
    pytest.fail("the stream has ended")
