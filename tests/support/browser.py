"""A headless Chromium, and visitors who must not see it complain."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
# Nothing that asks elsewhere by itself, and nothing that a container does not have.
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Chromium writes this of every answer from 400 on, and refusals are what some tests are about.
_REFUSAL: Final = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d|503)")
_PATIENCE_MS: Final = 60_000
"""Far longer than anything takes that is waited for, even on a machine that is busy with other things."""


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """The Chromium of this machine; none is downloaded."""
    executable = next((path for path in map(shutil.which, _NAMES) if path is not None), None)
    assert executable is not None, f"The tests in a browser need one of {', '.join(_NAMES)} on the PATH: install it."
    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Visitor:
    """Somebody with a browser profile of their own, and what went wrong on their pages."""

    def __init__(self, context: BrowserContext, *, hosts: frozenset[str]) -> None:
        self.context = context
        self.complaints: list[str] = []
        self._hosts = hosts
        context.set_default_timeout(_PATIENCE_MS)
        context.on("request", self._on_request)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    async def open(self, url: str) -> Page:
        """A new page."""
        page = await self.context.new_page()
        await page.goto(url)
        return page

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme != "data" and address.netloc not in self._hosts:
            self.complaints.append(f"asked elsewhere: {request.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _REFUSAL.match(message.text):
            self.complaints.append(message.text)


@asynccontextmanager
async def visiting(browser: Browser, *urls: str, **options: Any) -> AsyncIterator[Visitor]:
    """A visitor of these sites alone; when they leave, nothing may have gone wrong on their pages.

    `options` are those of a browser context: locale, timezone_id, color_scheme, viewport.
    """
    context = await browser.new_context(**{"locale": "en-GB", "timezone_id": "Asia/Jerusalem", **options})
    try:
        visitor = Visitor(context, hosts=frozenset(urlsplit(url).netloc for url in urls))
        yield visitor
        assert visitor.complaints == []
    finally:
        await context.close()
