"""The operations page in a browser: who is let in, what moves meanwhile, and what it says when nobody answers."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from kernel.zones import zone
from tests.support import accessibility, stores
from tests.support.browser import visiting
from tests.support.proxy import Mode, Proxy
from tests.support.shop import TIMEZONE, Shop, open_shop
from tests.support.waiting import eventually

_KEY: Final = "of-this-operator!"
_WITHIN_MS: Final = 8_000
"""Told to Redis once a second, asked for every two; the rest is a busy machine."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """A server whose Redis can be taken away."""

    shop: Shop
    proxy: Proxy

    async def hold(self, day: str) -> Any:
        """Hold the first free time of a date with Noa."""
        params = {"service": "haircut", "from": day, "to": day}
        listing = (await self.shop.http.get("/v1/availability", params=params)).json()
        start = listing["days"][0]["slots"][0]["start"]
        return await self._send("/v1/holds", {"service": "haircut", "start": start})

    async def book(self, day: str) -> None:
        """Hold it, and confirm."""
        held = await self.hold(day)
        await self._send(f"/v1/holds/{held['id']}/confirm", {"customer": {"name": "Dana Levi"}})

    async def _send(self, path: str, body: Any) -> Any:
        answer = await self.shop.http.post(path, json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return answer.json()


@pytest_asyncio.fixture(scope="module")
async def watched(
    postgres_url: str,
    migrated_template: str,
    redis_server_url: str,
    worker_id: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[_Watched]:
    """One server for all tests."""
    directory: Path = tmp_path_factory.mktemp("server")
    proxy = Proxy(stores.empty_redis(redis_server_url, number=stores.worker_number(worker_id)))
    with stores.database(postgres_url, template=migrated_template) as database_url:
        async with (
            proxy.running(),
            open_shop(database_url, proxy.url, directory, HOLDFAST_OPERATOR_KEY=_KEY) as shop,
        ):
            yield _Watched(shop, proxy)


@asynccontextmanager
async def _looking(browser: Browser, watched: _Watched, **options: Any) -> AsyncIterator[Page]:
    """The page, opened with the key, while it shows a live business."""
    async with visiting(browser, watched.shop.url, **options) as visitor:
        page = await visitor.open(f"{watched.shop.url}/ops")
        await page.get_by_label("Operator key").fill(_KEY)
        await page.get_by_role("button", name="Open").click()
        await expect(page.get_by_role("status")).to_contain_text("Live", timeout=_WITHIN_MS)
        # The sandbox of the same name has a clock of its own.
        await page.get_by_label("Business").select_option(str(watched.shop.live.id))
        await expect(page.locator(".heat")).to_be_visible(timeout=_WITHIN_MS)
        yield page


def _tile(page: Page, name: str) -> Locator:
    return page.locator(f'.tile[data-name="{name}"] .total')


def _day(days: int) -> str:
    return (datetime.now(zone(TIMEZONE)).date() + timedelta(days=days)).isoformat()


async def test_wrong_key_is_told_and_kept_nowhere(browser: Browser, watched: _Watched) -> None:
    async with visiting(browser, watched.shop.url) as visitor:
        page = await visitor.open(f"{watched.shop.url}/ops")

        for key in ("of-another-operator", "schlüssel-€"):
            await page.get_by_label("Operator key").fill(key)
            await page.get_by_role("button", name="Open").click()

            await expect(page.get_by_role("alert")).to_have_text("That is not the operator key of this engine.")
            await expect(page.get_by_label("Operator key")).to_be_focused()
            await expect(page.locator("#board")).to_be_hidden()
        assert await page.evaluate("Object.keys(sessionStorage)") == []


async def test_right_key_shows_holds_that_move_and_is_in_no_url_and_no_cookie(
    browser: Browser, watched: _Watched
) -> None:
    async with visiting(browser, watched.shop.url) as visitor:
        asked: list[str] = []
        visitor.context.on("request", lambda request: asked.append(request.url))
        page = await visitor.open(f"{watched.shop.url}/ops")
        await page.get_by_label("Operator key").fill(_KEY)
        await page.get_by_label("Operator key").press("Enter")
        await expect(_tile(page, "placed")).to_be_visible(timeout=_WITHIN_MS)
        before = int(await _tile(page, "placed").inner_text())

        await watched.hold(_day(3))

        await expect(_tile(page, "placed")).to_have_text(str(before + 1), timeout=_WITHIN_MS)
        figures = await watched.shop.http.get("/ops/data", headers={"Authorization": f"Bearer {_KEY}"})
        assert figures.json()["counts"]["placed"]["total"] == before + 1
        assert [url for url in asked if _KEY in url] == []
        assert await visitor.context.cookies() == []


async def test_key_is_kept_over_a_reload_and_forgotten_by_locking(browser: Browser, watched: _Watched) -> None:
    async with _looking(browser, watched) as page:
        await page.reload()
        await expect(page.get_by_role("status")).to_contain_text("Live", timeout=_WITHIN_MS)

        await page.get_by_role("button", name="Lock").click()
        await expect(page.get_by_label("Operator key")).to_be_focused()
        await page.reload()

        await expect(page.get_by_label("Operator key")).to_be_visible()
        await expect(page.locator("#board")).to_be_hidden()


async def test_booked_day_is_darker_and_says_how_much(browser: Browser, watched: _Watched) -> None:
    day, other = _day(5), _day(6)
    await watched.shop.http.get("/v1/availability", params={"service": "haircut", "from": day, "to": other})
    async with _looking(browser, watched) as page:
        cell, beside = _cell(page, 5), _cell(page, 6)
        await expect(cell).to_have_text("0%")

        async def has_a_ground() -> bool:
            return await _ground(cell) > 0

        # Its style may come a moment after its text.
        await eventually(has_a_ground)
        pale = await _ground(cell)

        await watched.book(day)

        # Half an hour of five hours.
        await expect(cell).to_have_text("10%", timeout=_WITHIN_MS)
        await expect(beside).to_have_text("0%")
        assert await _ground(cell) < pale
        assert await _ground(beside) == pale
        await expect(page.get_by_role("rowheader", name="Noa")).to_be_visible()
        assert await page.get_by_role("columnheader").filter(has_text="Resource").count() == 1


async def test_day_that_is_not_cached_is_unknown_and_stays_so(browser: Browser, watched: _Watched) -> None:
    async with _looking(browser, watched) as page:
        await expect(_cell(page, 12)).to_have_text("?")
        before = await page.get_by_role("status").inner_text()
        await expect(page.get_by_role("status")).not_to_have_text(before, timeout=_WITHIN_MS)

        await expect(_cell(page, 12)).to_have_text("?")


def _cell(page: Page, days: int) -> Locator:
    """Noa's cell of the date that many days ahead."""
    return page.locator(".heat tbody tr", has_text="Noa").locator("td").nth(days)


async def _ground(cell: Locator) -> float:
    """How light the cell is."""
    # Found and looked at in one step: the page makes its cells anew every two seconds.
    colour = await cell.evaluate_all("([element]) => getComputedStyle(element).backgroundColor")
    return sum(map(float, re.findall(r"[0-9.]+", colour)))


async def test_lost_redis_is_told_with_the_age_of_the_numbers(browser: Browser, watched: _Watched) -> None:
    async with _looking(browser, watched) as page:
        placed = await _tile(page, "placed").inner_text()

        watched.proxy.mode = Mode.REFUSE
        try:
            await expect(page.get_by_role("alert")).to_contain_text("Redis does not answer", timeout=_WITHIN_MS)
            await expect(page.get_by_role("alert")).to_contain_text("The numbers below are those of")
            await expect(page.get_by_role("status")).to_contain_text("Redis is away")
            await expect(_tile(page, "placed")).to_have_text(placed)
            await expect(page.locator(".checks .bad")).to_contain_text(["Redis"])
        finally:
            watched.proxy.mode = Mode.PASS

        await expect(page.get_by_role("status")).to_contain_text("Live", timeout=_WITHIN_MS)
        await expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_late_relay_and_late_and_parked_tasks_are_drawn(
    browser: Browser, watched: _Watched, scheme: str, width: int
) -> None:
    viewport = {"width": width, "height": 900}
    async with _looking(browser, watched, color_scheme=scheme, viewport=viewport) as page:
        section = page.locator("section", has_text="Events and tasks")
        rows = section.get_by_role("row")
        await expect(rows.filter(has_text="webhook")).not_to_have_count(0, timeout=_WITHIN_MS)
        await expect(section.locator(".fault, .bad")).to_have_count(0)

        async def late(route: Route) -> None:
            figures = await (await route.fetch()).json()
            figures |= {"outbox_oldest_seconds": 300.0, "tasks": {"reminder": {"lag_seconds": 7500.0, "parked": 3}}}
            await route.fulfill(json=figures)

        await page.route("**/ops/data", late)

        await expect(section.locator("dd")).to_have_text("5 min", timeout=_WITHIN_MS)
        await expect(section.locator("dd")).to_have_class("bad")
        await expect(rows.filter(has_text="reminder").locator("td")).to_have_text(["2 h", "3"])
        await expect(section.locator(".fault")).to_have_count(2)
        assert await accessibility.faults(page) == []


async def test_server_that_is_gone_is_told(browser: Browser, watched: _Watched) -> None:
    async with _looking(browser, watched) as page:
        await page.route("**/ops/data*", lambda route: route.fulfill(status=503, body=""))

        await expect(page.get_by_role("alert")).to_contain_text("This server does not answer", timeout=_WITHIN_MS)
        await page.unroute("**/ops/data*")

        await expect(page.get_by_role("status")).to_contain_text("Live", timeout=_WITHIN_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_page_can_be_read_and_used_by_everybody(
    browser: Browser, watched: _Watched, scheme: str, width: int
) -> None:
    await watched.book(_day(8))
    viewport = {"width": width, "height": 900}

    async with _looking(browser, watched, color_scheme=scheme, viewport=viewport) as page:
        await expect(_cell(page, 8)).not_to_have_text("0%", timeout=_WITHIN_MS)
        assert await accessibility.faults(page) == []
        await page.get_by_role("button", name="Lock").click()
        assert await accessibility.faults(page) == []
