"""The booking widget as visitors use it, and pages of other origins that it stands on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.async_api import Locator, Page, expect


@dataclass(frozen=True, slots=True)
class Widget:
    """What a visitor does with it."""

    page: Page

    async def choose_day(self, day: str, *, service: str | None = "Haircut") -> None:
        """Go to a date of the next two months, through the choice of a service where there is one."""
        if service is not None:
            await self.page.get_by_role("button", name=service).click()
        await self.show_month(day)
        await self.page.locator(f'.day[data-value="{day}"]').click()
        await expect(self.times).not_to_have_count(0)

    async def show_month(self, day: str) -> None:
        """Turn the calendar's pages up to the month of the date."""
        await expect(self.page.locator("#slots")).to_be_visible()
        wanted = date.fromisoformat(day).strftime("%B %Y")
        while await self.page.locator("#month").text_content() != wanted:
            await self.page.get_by_role("button", name="Next month").click()

    @property
    def times(self) -> Locator:
        """Every time of the shown date, taken ones too."""
        return self.page.locator(".slot")

    def time(self, spelled: str) -> Locator:
        """One of them."""
        return self.page.locator(".slot").filter(has=self.page.locator(".clock", has_text=spelled))

    async def hold(self, spelled: str) -> None:
        """Choose a time, and get it."""
        await self.time(spelled).click()
        await expect(self.heading).to_have_text("Your details")

    async def confirm(self, name: str = "Dana Levi") -> None:
        """Fill the form in, and send it."""
        await self.fill(name)
        await self.press("Confirm booking")
        await expect(self.heading).to_have_text("You are booked")

    async def fill(self, name: str = "Dana Levi") -> None:
        """What the form must have."""
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("Email").fill(f"{name.split(maxsplit=1)[0].lower()}@example.com")

    async def press(self, name: str) -> None:
        """A button."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    @property
    def heading(self) -> Locator:
        """What the step is about."""
        return self.page.locator("h3")

    @property
    def refusal(self) -> Locator:
        """What went wrong, in a sentence."""
        return self.page.get_by_role("alert")


@contextmanager
def page_elsewhere(body: str, *, policy: str) -> Iterator[str]:
    """The URL of a page of another origin, with its Content-Security-Policy."""

    class Handler(BaseHTTPRequestHandler):
        """Answers everything with the page."""

        def do_GET(self) -> None:
            """Send it."""
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(f'<!doctype html><html lang="en"><link rel="icon" href="data:,">{body}'.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
