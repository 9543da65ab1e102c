"""The mailbox in a browser: what was sent, as it comes, as its receiver sees it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from messages.channels.mime import MailSender, mime_of
from messages.model import Mail
from tests.support import accessibility, stores
from tests.support.browser import visiting
from tests.support.shop import Shop, open_shop

_KEY: Final = "of-this-operator!"
_HTML: Final = """<html><head></head><body><h1>Your visit</h1><a href="https://book.example/a/1">Change it</a>
</body></html>"""
_HOSTILE: Final = """<html><head></head><body><h1>Your prize</h1><script>parent.document.title = "taken over"</script>
<img alt="" src="https://elsewhere.example/spy.png"></body></html>"""


@dataclass(frozen=True, slots=True)
class _Mailbox:
    shop: Shop
    folder: Path

    def keep(self, number: int, subject: str, html: str = _HTML) -> None:
        """Keep a mail as the mail server of the demo does."""
        mail = Mail(id=f"ml_{number}", to="noa@fade.example", subject=subject, text=f"Text of {subject}", html=html)
        content = mime_of(
            mail, sender=MailSender(address="hello@fade.example", name="Fade & Co"), now=datetime.now(UTC)
        )
        (self.folder / f"ml_{number}.eml").write_bytes(content.as_bytes())


@pytest_asyncio.fixture(scope="module")
async def mailbox(
    postgres_url: str,
    migrated_template: str,
    redis_server_url: str,
    worker_id: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[_Mailbox]:
    """One server for all tests."""
    redis_url = stores.empty_redis(redis_server_url, number=stores.worker_number(worker_id))
    folder = tmp_path_factory.mktemp("mail")
    settings = {"HOLDFAST_OPERATOR_KEY": _KEY, "HOLDFAST_MAIL_DIR": str(folder)}
    with stores.database(postgres_url, template=migrated_template) as database_url:
        async with open_shop(database_url, redis_url, tmp_path_factory.mktemp("server"), **settings) as shop:
            yield _Mailbox(shop, folder)


@asynccontextmanager
async def _reading(browser: Browser, mailbox: _Mailbox, **options: Any) -> AsyncIterator[Page]:
    async with visiting(browser, mailbox.shop.url, **options) as visitor:
        page = await visitor.open(f"{mailbox.shop.url}/mail#{_KEY}")
        await expect(page.get_by_role("status")).to_be_visible()
        yield page


async def test_mail_appears_when_it_is_sent_and_is_shown_as_html_and_text(browser: Browser, mailbox: _Mailbox) -> None:
    async with _reading(browser, mailbox) as page:
        address = page.url
        mailbox.keep(1, "Haircut with Noa")
        await page.get_by_role("button", name="Haircut with Noa").click()
        html = page.frame_locator("iframe")
        await expect(html.get_by_role("heading")).to_have_text("Your visit")
        target = await html.get_by_role("link").evaluate("link => link.ownerDocument.querySelector('base').target")
        await page.get_by_role("button", name="Text", exact=True).click()
        await expect(page.locator("pre")).to_have_text("Text of Haircut with Noa\n")

    assert address == f"{mailbox.shop.url}/mail"
    assert target == "_blank"


async def test_mail_runs_no_script_and_asks_nobody(browser: Browser, mailbox: _Mailbox) -> None:
    mailbox.keep(3, "You have won", _HOSTILE)
    asked: list[str] = []

    async def note(route: Route) -> None:
        asked.append(route.request.url)
        await route.abort()

    async with visiting(browser, mailbox.shop.url) as visitor:
        await visitor.context.route(re.compile("elsewhere"), note)
        page = await visitor.open(f"{mailbox.shop.url}/mail#{_KEY}")
        await page.get_by_role("button", name="You have won").click()
        await expect(page.frame_locator("iframe").get_by_role("heading")).to_have_text("Your prize")
        title = await page.title()
        refused = sorted(visitor.complaints)
        visitor.complaints.clear()

    assert (title, asked) == ("Holdfast mailbox", [])
    # The browser may tell of a request that its policy has refused.
    refused = [one for one in refused if not one.startswith("asked elsewhere: ")]
    assert ["sandboxed" in one or "Content Security Policy" in one for one in refused] == [True] * len(refused) != []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_page_can_be_used_by_everybody(browser: Browser, mailbox: _Mailbox, width: int, scheme: Any) -> None:
    mailbox.keep(2, "Massage with Dan")
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    async with _reading(browser, mailbox, **options) as page:
        await page.get_by_role("button", name="Massage with Dan").press("Enter")
        await expect(page.locator("#message")).to_be_focused()
        faults = await accessibility.faults(page)
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")

    assert (faults, overflow <= 0) == ([], True)


async def test_wrong_key_is_told(browser: Browser, mailbox: _Mailbox) -> None:
    async with visiting(browser, mailbox.shop.url) as visitor:
        page = await visitor.open(f"{mailbox.shop.url}/mail#of-another-operator")
        await expect(page.get_by_role("alert")).to_have_text("That is not the operator key of this engine.")


async def test_messages_are_for_the_operator_alone(mailbox: _Mailbox) -> None:
    async with httpx.AsyncClient(base_url=mailbox.shop.url) as stranger:
        without = await stranger.get("/mail/messages")
        as_business = await mailbox.shop.http.get("/mail/messages")
        as_operator = await stranger.get("/mail/messages", headers={"Authorization": f"Bearer {_KEY}"})

    assert (without.status_code, as_business.status_code, as_operator.status_code) == (401, 401, 200)


async def test_there_is_no_mailbox_where_messages_are_not_kept(browser: Browser, shop: Shop) -> None:
    assert browser.is_connected()

    assert (await shop.http.get("/mail")).status_code == 404
