"""Streams of availability, from `holdfast serve` as a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest

from tests.support.shop import Shop, open_shop

pytestmark = pytest.mark.own_database

_IN_TIME: Final = 30.0
_PATH: Final = "/v1/availability/stream"


class _Stream:
    """An open stream, as a client reads it."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.last_id = ""

    async def begin(self) -> None:
        """Read on until the stream says where it begins."""
        async with asyncio.timeout(_IN_TIME):
            while not self.last_id:
                self._note(await anext(self._lines))

    async def next(self) -> list[str]:
        """The dates of the next message. Raises StopAsyncIteration when the stream ends before."""
        async with asyncio.timeout(_IN_TIME):
            while True:
                line = await anext(self._lines)
                self._note(line)
                if line.startswith("data: "):
                    dates: list[str] = orjson.loads(line.removeprefix("data: "))["dates"]
                    return dates

    def _note(self, line: str) -> None:
        if line.startswith("id: "):
            self.last_id = line.removeprefix("id: ")


@asynccontextmanager
async def _opened(http: httpx.AsyncClient, query: Any, **more: Any) -> AsyncIterator[_Stream]:
    async with http.stream("GET", _PATH, params=query, timeout=_IN_TIME, **more) as response:
        assert response.status_code == httpx.codes.OK, await response.aread()
        assert response.headers["content-type"] == "text/event-stream"
        stream = _Stream(response.aiter_lines())
        await stream.begin()
        yield stream


@pytest.fixture
async def shop(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(database_url, redis_url, tmp_path, HOLDFAST_STREAMS_PER_BUSINESS="3") as opened:
        yield opened


def _day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def _month(**more: Any) -> dict[str, Any]:
    """A question in which no time goes by: its first date is some days away."""
    return {"service": "haircut", "from": _day(3), "to": _day(30), **more}


async def _sent(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return orjson.loads(answer.content or b"null")


async def _hold(shop: Shop, day: str) -> Any:
    listing = await _sent(
        await shop.http.get("/v1/availability", params={"service": "haircut", "from": day, "to": day})
    )
    body = {"service": "haircut", "start": listing["days"][0]["slots"][0]["start"]}
    return await _sent(await shop.http.post("/v1/holds", json=body))


async def test_stream_names_the_date_that_changed_by_whatever_cause(shop: Shop) -> None:
    told: dict[str, list[str]] = {}
    async with _opened(shop.http, _month()) as stream:
        held = await _hold(shop, _day(5))
        told["held"] = await stream.next()
        await _sent(await shop.http.delete(f"/v1/holds/{held['id']}"))
        told["released"] = await stream.next()
        held = await _hold(shop, _day(6))
        told["held again"] = await stream.next()
        booked = await _sent(
            await shop.http.post(f"/v1/holds/{held['id']}/confirm", json={"customer": {"name": "Dana Levi"}})
        )
        # What was held is claimed now: nothing else is free than before.
        await _sent(await shop.http.post(f"/v1/appointments/{booked['id']}/cancel", json={}))
        told["cancelled"] = await stream.next()
        time_off = {"start": f"{_day(8)}T05:00:00Z", "end": f"{_day(8)}T06:00:00Z"}
        await _sent(await shop.http.post("/v1/resources/noa/time-off", json=time_off))
        told["time off"] = await stream.next()
        document = await _sent(await shop.http.get("/v1/business"))
        document["services"][0]["price"]["amount_minor"] += 100
        await _sent(await shop.http.put("/v1/business", json=document))
        told["catalogue"] = await stream.next()

    month = [_day(days) for days in range(3, 31)]
    assert told == {
        "held": [_day(5)],
        "released": [_day(5)],
        "held again": [_day(6)],
        "cancelled": [_day(6)],
        "time off": [_day(8)],
        "catalogue": month,
    }


async def test_stream_names_the_date_of_a_hold_that_expires(shop: Shop) -> None:
    query = _month(service="express")
    async with _opened(shop.http, query) as stream:
        listing = await _sent(await shop.http.get("/v1/availability", params=query))
        body = {"service": "express", "start": listing["days"][2]["slots"][0]["start"]}
        held = await _sent(await shop.http.post("/v1/holds", json=body))
        told = [await stream.next(), await stream.next()]
        gone = await shop.http.get(f"/v1/holds/{held['id']}")

    assert told == [[_day(5)], [_day(5)]]
    assert gone.json()["status"] == "expired"


async def test_visitor_opens_this_stream_by_key_or_ticket_and_no_other_by_it(shop: Shop) -> None:
    async with httpx.AsyncClient(base_url=shop.url) as browser:
        headers = {"Authorization": f"Bearer {shop.live.publishable_key}"}
        made = await _sent(await browser.post("/v1/stream-tickets", headers=headers))
        async with (
            _opened(browser, _month(), headers=headers) as by_key,
            _opened(browser, _month(ticket=made["ticket"])) as by_ticket,
        ):
            await _hold(shop, _day(5))
            told = [await by_key.next(), await by_ticket.next()]
        statuses = [
            (await browser.get(path, params=query)).status_code
            for path, query in (
                ("/v1/events/stream", {"ticket": made["ticket"]}),
                ("/v1/availability", _month(ticket=made["ticket"])),
                (_PATH, _month()),
                (_PATH, _month(ticket=shop.live.publishable_key)),
                (_PATH, _month(ticket=made["ticket"], service="no-such")),
                (_PATH, _month(ticket=made["ticket"], override="closed")),
            )
        ]

    assert told == [[_day(5)], [_day(5)]]
    assert statuses == [403, 401, 401, 401, 404, 403]


async def test_client_that_was_cut_off_is_told_of_all_dates_if_anything_has_changed(shop: Shop) -> None:
    async with _opened(shop.http, _month()) as stream:
        seen = {"Last-Event-ID": stream.last_id}
    async with _opened(shop.http, _month(), headers=seen) as unchanged:
        await _hold(shop, _day(5))
        first = await unchanged.next()
    async with _opened(shop.http, _month(), headers=seen) as changed:
        missed = await changed.next()

    assert first == [_day(5)]
    assert missed == [_day(days) for days in range(3, 31)]


async def test_streams_of_both_kinds_count_together_and_end_with_the_server(shop: Shop) -> None:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(_opened(shop.http, _month())) for _ in range(2)]
        await stack.enter_async_context(shop.http.stream("GET", "/v1/events/stream"))
        refused = await shop.http.get(_PATH, params=_month())
        shop.process.terminate()
        status = await asyncio.wait_for(shop.process.wait(), _IN_TIME)
        ends = await asyncio.gather(*(stream.next() for stream in streams), return_exceptions=True)

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert status == 0
    assert {type(end) for end in ends} == {StopAsyncIteration}


async def test_visitors_streams_keep_no_back_end_out(shop: Shop) -> None:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(httpx.AsyncClient(base_url=shop.url))
        headers = {"Authorization": f"Bearer {shop.live.publishable_key}"}
        for _ in range(3):
            await stack.enter_async_context(_opened(browser, _month(), headers=headers))
        refused = await browser.get(_PATH, params=_month(), headers=headers)
        back_end = await shop.http.head("/v1/events/stream")

    assert (refused.status_code, back_end.status_code) == (429, 200)


async def test_stream_ends_when_its_service_is_archived_and_the_client_is_told_why(shop: Shop) -> None:
    async with _opened(shop.http, _month(service="massage")) as stream:
        await _sent(await shop.http.delete("/v1/services/massage"))
        with pytest.raises(StopAsyncIteration):
            await stream.next()
    again = await shop.http.get(_PATH, params=_month(service="massage"))

    assert again.status_code == httpx.codes.NOT_FOUND
