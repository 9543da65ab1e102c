"""The code by which visitors prove their contact, asked for by the widget."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from playwright.async_api import Browser, Route, expect

from tests.support import accessibility
from tests.support.browser import visiting
from tests.support.shop import Shop
from tests.support.widget import Widget

_RIGHT: Final = "493817"


class _Engine:
    """Answers as an engine does that asks for a code, and sends on what is confirmed with the proof."""

    def __init__(self, refusal: dict[str, Any]) -> None:
        self.refusal = {"status": 409, "title": "No", "detail": "No.", **refusal}
        self.contacts: list[Any] = []
        self.is_proved = False

    async def confirm(self, route: Route) -> None:
        if self.is_proved:
            await route.continue_()
        else:
            await route.fulfill(status=409, json=self.refusal)

    async def send(self, route: Route) -> None:
        self.contacts.append(route.request.post_data_json)
        ends = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
        sent = {"channel": "email", "sent_to": "d…@e….com", "expires_at": ends, "hold_expires_at": ends}
        await route.fulfill(status=202, json={**sent, "codes_left": 2})

    async def check(self, route: Route) -> None:
        self.is_proved = route.request.post_data_json == {"code": _RIGHT}
        if self.is_proved:
            await route.fulfill(json={"channel": "email", "email": "dana@example.com"})
        else:
            await route.fulfill(status=422, json={"code": "wrong_code", "status": 422, "tries_left": 4})


async def _prove(browser: Browser, shop: Shop, refusal: dict[str, Any]) -> list[Any]:
    """Book through a refusal that a code helps against; what the widget asked to send it to."""
    engine, day = _Engine(refusal), shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        await visitor.context.route("**/v1/holds/*/confirm", engine.confirm)
        await visitor.context.route("**/v1/holds/*/verification", engine.send)
        await visitor.context.route("**/v1/holds/*/verification/check", engine.check)
        page = await visitor.open(shop.url)
        widget = Widget(page)
        await widget.choose_day(day)
        await widget.hold("8:30")
        await widget.fill()
        await widget.press("Confirm booking")
        code = page.get_by_label("Code sent to d…@e….com")
        await expect(code).to_be_focused()
        await expect(page.get_by_role("button", name="Send a new code in")).to_have_attribute("aria-disabled", "true")
        assert await accessibility.faults(page) == []

        await widget.press("Confirm booking")
        await expect(page.locator(".fault")).to_have_text(["Please enter the six digits."])
        await code.fill("111111")
        await widget.press("Confirm booking")
        await expect(page.locator(".fault")).to_have_text(
            ["This is not the code that was sent. Please look at it again."]
        )
        await code.fill(_RIGHT)
        await widget.press("Confirm booking")
        await expect(widget.heading).to_have_text("You are booked")
    return engine.contacts


async def test_widget_asks_for_the_code_and_confirms_with_the_proof(browser: Browser, shop: Shop) -> None:
    (sent,) = await _prove(browser, shop, {"code": "verification_required", "channel": "email"})

    assert set(sent) == {"email"}


async def test_widget_asks_for_the_code_where_it_helps_against_a_limit(browser: Browser, shop: Shop) -> None:
    refusal = {"code": "limit_reached", "rule": "customer_limit", "limit": 1, "verification": "email"}

    assert len(await _prove(browser, shop, refusal)) == 1
