"""Questions of a service, asked by the widget."""

from collections.abc import Mapping
from typing import Any, Final

from playwright.async_api import Browser, Route, expect

from tests.support import accessibility
from tests.support.browser import visiting
from tests.support.shop import Shop
from tests.support.widget import Widget

_ASKED: Final[Mapping[str, Any]] = {
    "require": ["phone"],
    "questions": [
        {"key": "allergies", "label": "Any allergies?", "type": "text", "required": True},
        {"key": "hair", "label": "How long is it?", "type": "choice", "options": ["Short", "Long"], "required": True},
        {"key": "remark", "label": "Anything else?", "type": "text", "required": False},
    ],
}


async def test_widget_asks_the_questions_and_sends_the_answers(browser: Browser, shop: Shop) -> None:
    """The storefront is made to ask; what would be sent is looked at, and sent on without its answers."""
    sent: list[Any] = []

    async def ask(route: Route) -> None:
        answer = await route.fetch()
        storefront = await answer.json()
        storefront["services"][0] |= _ASKED
        await route.fulfill(response=answer, json=storefront)

    async def confirm(route: Route) -> None:
        sent.append(route.request.post_data_json)
        await route.continue_(post_data={"customer": sent[-1]["customer"]})

    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        await visitor.context.route("**/v1/storefront", ask)
        await visitor.context.route("**/v1/holds/*/confirm", confirm)
        page = await visitor.open(shop.url)
        widget = Widget(page)
        await widget.choose_day(day)
        await widget.hold("8:30")
        await widget.fill()
        await widget.press("Confirm booking")
        await expect(page.locator(".fault")).to_have_text(
            ["Please enter your telephone number.", "Please answer this question.", "Please answer this question."]
        )
        assert await accessibility.faults(page) == []
        await page.get_by_label("Phone").fill("054 123 4567")
        await page.get_by_label("Any allergies?").fill(" Nuts ")
        await page.get_by_label("How long is it?").select_option("Long")
        await widget.press("Confirm booking")
        await expect(widget.heading).to_have_text("You are booked")

    (body,) = sent
    assert body["answers"] == {"allergies": "Nuts", "hair": "Long"}
    assert body["customer"]["phone"] == "054 123 4567"
