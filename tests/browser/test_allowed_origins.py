"""A browser keeps pages of sites that the business does not allow from calling its API."""

from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page

from tests.support.browser import visiting
from tests.support.shop import Shop
from tests.support.widget import Widget, page_elsewhere

_CALL: Final = """
    async ([url, key]) => {
        const headers = { Authorization: `Bearer ${key}`, "Idempotency-Key": "a", "Content-Type": "application/json" };
        try {
            const answer = await fetch(url, { method: "POST", headers, body: "{}" });
            return (await answer.json()).code;
        } catch {
            return "unreadable";
        }
    }
"""


async def _allow(shop: Shop, *origins: str) -> None:
    document: Any = (await shop.http.get("/v1/business")).json()
    document["business"]["allowed_origins"] = list(origins)
    assert (await shop.http.put("/v1/business", json=document)).status_code == 200


async def _call(page: Page, shop: Shop, key: str) -> str:
    # An empty body is refused as invalid: whoever hears that has got through.
    return str(await page.evaluate(_CALL, [f"{shop.url}/v1/holds", key]))


@pytest.fixture
def policy(shop: Shop) -> str:
    """A policy of pages that call the server."""
    return f"default-src {shop.url}; img-src data:"


async def test_page_of_an_allowed_site_reads_answers_and_another_does_not(
    browser: Browser, shop: Shop, policy: str
) -> None:
    with page_elsewhere("allowed", policy=policy) as allowed, page_elsewhere("copied", policy=policy) as copied:
        await _allow(shop, allowed.rstrip("/"))
        async with visiting(browser, shop.url, allowed, copied) as visitor:
            heard = {
                url: await _call(await visitor.open(url), shop, shop.live.publishable_key) for url in (allowed, copied)
            }
            secret = await _call(await visitor.open(allowed), shop, shop.live.secret_key)
            complaints = list(visitor.complaints)
            visitor.complaints.clear()

    assert heard == {allowed: "validation", copied: "unreadable"}
    assert secret == "unreadable"
    assert len([one for one in complaints if "blocked by CORS policy" in one]) == 2


async def test_booking_page_of_the_server_itself_books_whatever_is_allowed(browser: Browser, shop: Shop) -> None:
    await _allow(shop, "https://fade.example")
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day)
        await widget.hold("8:30")
        await widget.confirm()

    assert len(await shop.appointments(day)) == 1
