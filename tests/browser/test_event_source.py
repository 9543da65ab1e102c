"""A browser follows the events of a business by a plain EventSource."""

from typing import Any, Final

import pytest
from playwright.async_api import Browser

from tests.support.browser import visiting
from tests.support.shop import Shop

_OPEN: Final = """
    (ticket) => new Promise((resolve, reject) => {
        window.stream = new EventSource(`/v1/events/stream?ticket=${ticket}`);
        window.first = new Promise((seen) => {
            window.stream.onmessage = ({ data, lastEventId }) => seen({ ...JSON.parse(data), lastEventId });
        });
        window.stream.onopen = () => resolve(true);
        window.stream.onerror = () => reject(new Error("refused"));
    })
"""


async def test_plain_event_source_gets_events_with_a_ticket(browser: Browser, shop: Shop) -> None:
    ticket = (await shop.http.post("/v1/stream-tickets")).json()["ticket"]
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        page = await visitor.open(shop.url)
        await page.evaluate(_OPEN, ticket)
        time_off = {"start": f"{day}T00:00:00+02:00", "end": f"{day}T01:00:00+02:00"}
        added = await shop.http.post("/v1/resources/noa/time-off", json=time_off)
        event: dict[str, Any] = await page.evaluate("window.first")

    assert added.is_success
    assert event["type"] == "catalogue.changed"
    assert event["lastEventId"] == event["id"]


@pytest.mark.parametrize("kind", ["secret_key", "publishable_key"])
async def test_key_in_an_address_opens_nothing(shop: Shop, kind: str) -> None:
    key = getattr(shop.live, kind)

    answer = await shop.http.get("/v1/events/stream", params={"ticket": key}, headers={"Authorization": ""})

    assert answer.status_code == 401
    assert key not in answer.text
