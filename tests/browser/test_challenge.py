"""Challenges in the booking widget, by a provider in the place of Cloudflare Turnstile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

import orjson
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.support import accessibility, stores
from tests.support.browser import Visitor, visiting
from tests.support.peers import Peer, PeerRequest, running_peer
from tests.support.shop import Shop, open_shop
from tests.support.widget import Widget

_PROVIDER: Final = "https://challenges.example"
_SCRIPT: Final = f"{_PROVIDER}/api.js?render=explicit"
_SITE_KEY: Final = "0x4AAAAAAADnPIDROrmt1Wwj"
# It hands out one token after the other: good once each, but for those that are named stale.
_JAVASCRIPT: Final = """
let boxes = 0;
window.turnstile = {
  made: [],
  render(box, options) {
    boxes += 1;
    window.turnstile.made.push({ sitekey: options.sitekey, theme: options.theme, inLight: box.isConnected });
    const number = boxes;
    const offer = (name, act) => {
      const button = document.createElement("button");
      button.textContent = name;
      button.addEventListener("click", act);
      box.append(button);
    };
    offer("I am a person", () => options.callback(`token-${number}`));
    offer("Stale", () => options.callback(`stale-${number}`));
    offer("Fail", () => options["error-callback"]("300010"));
    return `box-${number}`;
  },
  reset() {},
  remove() {},
};
"""


async def _judge(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
    token = parse_qs(request.body.decode())["response"][0]
    body = orjson.dumps({"success": token.startswith("token-")})
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest_asyncio.fixture(scope="module")
async def provider() -> AsyncIterator[Peer]:
    """The service that judges."""
    async with running_peer(_judge) as peer:
        yield peer


@pytest_asyncio.fixture(scope="module")
async def shop(  # noqa: PLR0917 - fixtures
    postgres_url: str,
    migrated_template: str,
    redis_server_url: str,
    worker_id: str,
    tmp_path_factory: pytest.TempPathFactory,
    provider: Peer,
) -> AsyncIterator[Shop]:
    """A shop whose visitors are challenged."""
    redis_url = stores.empty_redis(redis_server_url, number=stores.worker_number(worker_id))
    settings = {
        "HOLDFAST_CHALLENGE_SECRET": "shh",
        "HOLDFAST_CHALLENGE_URL": f"http://127.0.0.1:{provider.port}/siteverify",
        "HOLDFAST_CHALLENGE_SITE_KEY": _SITE_KEY,
        "HOLDFAST_CHALLENGE_SCRIPT_URL": _SCRIPT,
        "HOLDFAST_CHALLENGE_FAILS_OPEN": "false",
        "HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8",
    }
    directory: Path = tmp_path_factory.mktemp("server")
    with stores.database(postgres_url, template=migrated_template) as database_url:
        async with open_shop(database_url, redis_url, directory, **settings) as opened:
            yield opened


@asynccontextmanager
async def _visiting(browser: Browser, shop: Shop, **look: object) -> AsyncIterator[tuple[Visitor, Page]]:
    """A visitor on the booking page, whose provider is a script of this test."""
    async with visiting(browser, shop.url, _PROVIDER, **look) as visitor:

        async def serve(route: Route) -> None:
            await route.fulfill(content_type="text/javascript", body=_JAVASCRIPT)

        await visitor.context.route(f"{_PROVIDER}/**", serve)
        yield visitor, await visitor.open(shop.url)


async def test_visitor_passes_the_challenge_and_books(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with _visiting(browser, shop) as (_, page):
        widget = Widget(page)
        await widget.choose_day(day)
        loaded_before = await page.evaluate("'turnstile' in window")

        await widget.time("8:30").click()
        await expect(page.locator("#challenge")).to_be_focused()
        await widget.press("I am a person")
        await expect(widget.heading).to_have_text("Your details")
        await expect(page.locator("#challenge")).to_have_count(0)
        await widget.confirm()
        made = await page.evaluate("window.turnstile.made")

    (booked,) = await shop.appointments(day)
    assert booked["start"] == f"{day}T08:30:00+02:00"
    assert (loaded_before, made) == (False, [{"sitekey": _SITE_KEY, "theme": "auto", "inLight": True}])


async def test_spent_answer_is_followed_by_another_and_each_hold_has_its_own(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with _visiting(browser, shop) as (_, page):
        widget = Widget(page)
        await widget.choose_day(day)
        await widget.time("8:30").click()

        await widget.press("Stale")
        await widget.press("I am a person")
        await expect(widget.heading).to_have_text("Your details")
        await widget.press("Choose another time")
        await widget.time("9:00").click()
        await widget.press("I am a person")
        await expect(widget.heading).to_have_text("Your details")

        assert len(await page.evaluate("window.turnstile.made")) == 3


@pytest.mark.parametrize("button", ["Fail", "Not now"])
async def test_visitor_without_an_answer_is_told_and_may_try_again(browser: Browser, shop: Shop, button: str) -> None:
    day = shop.new_day()
    async with _visiting(browser, shop) as (_, page):
        widget = Widget(page)
        await widget.choose_day(day)
        await widget.time("8:30").click()

        await widget.press(button)
        await expect(widget.refusal).to_contain_text("We could not make sure that a person is booking.")
        await widget.press("Try again")
        await widget.press("I am a person")

        await expect(widget.heading).to_have_text("Your details")


async def test_provider_that_does_not_answer_is_asked_again(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with _visiting(browser, shop) as (visitor, page):
        widget = Widget(page)
        await widget.choose_day(day)

        async def fail(route: Route) -> None:
            await route.fulfill(status=503, body="")

        await page.route(f"{_PROVIDER}/**", fail)
        await widget.time("8:30").click()
        await expect(widget.refusal).to_contain_text("We could not make sure that a person is booking.")
        await page.unroute(f"{_PROVIDER}/**")
        await widget.press("Try again")
        await widget.press("I am a person")
        await expect(widget.heading).to_have_text("Your details")
        assert visitor.complaints == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_challenge_can_be_read_and_heard(browser: Browser, shop: Shop, scheme: str, width: int) -> None:
    day = shop.new_day()
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "reduced_motion": "reduce"}
    async with _visiting(browser, shop, **look) as (_, page):
        widget = Widget(page)
        await widget.choose_day(day)
        await page.evaluate("document.querySelector('holdfast-booking').setAttribute('theme', 'dark')")
        await widget.time("8:30").click()
        await page.get_by_role("group", name="Please show that you are a person").wait_for()

        faults = await accessibility.faults(page)
        box = await page.locator("[slot=challenge]").bounding_box()
        themes = [one["theme"] for one in await page.evaluate("window.turnstile.made")]
        await widget.press("Not now")

    assert (faults, themes) == ([], ["dark"])
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= width


async def test_page_of_a_business_admits_the_provider_alone(shop: Shop) -> None:
    policy = (await shop.http.get("/")).headers["Content-Security-Policy"]

    assert f"script-src 'self' {_PROVIDER}; frame-src {_PROVIDER}" in policy
    assert "default-src 'self'" in policy
