"""Questions that decide what is booked, asked by the widget before it shows times."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from playwright.async_api import Browser, expect

from tests.support import accessibility
from tests.support.browser import visiting
from tests.support.shop import Shop
from tests.support.widget import Widget

_ROUTED: Final[Mapping[str, Any]] = {
    "key": "consultation",
    "name": "Consultation",
    "duration_minutes": 30,
    "requires": [{"role": "barber", "any_of": ["noa", "dan"]}],
    "questions": [
        {"key": "hair", "label": "How long is it?", "type": "choice", "options": ["Short", "Long"], "required": True},
        {"key": "colour", "label": "Any colour?", "type": "choice", "options": ["Yes", "No"]},
        {"key": "remark", "label": "Anything else?"},
    ],
    "routes": [
        {"if": {"hair": "Long", "colour": "Yes"}, "then": {"service": "colour"}},
        {"if": {"hair": "Long"}, "then": {"resources": ["dan"]}},
    ],
}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_widget_asks_what_decides_before_it_shows_times(
    browser: Browser, shop: Shop, scheme: str, width: int
) -> None:
    await shop.http.delete("/v1/services/consultation")
    answer = await shop.http.post("/v1/services", json=_ROUTED)
    assert answer.status_code == 201, answer.text
    day = shop.new_day()
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}, "reduced_motion": "reduce"}
    async with visiting(browser, shop.url, **look) as visitor:
        page = await visitor.open(shop.url)
        widget = Widget(page)
        await page.get_by_role("button", name="Consultation").click()
        await expect(page.get_by_label("How long is it?")).to_be_visible()
        await expect(page.locator("#slots")).to_have_count(0)
        told = page.get_by_text("Please answer what is asked above, and the times appear here.")
        await expect(told).to_be_visible()
        assert await accessibility.faults(page) == []

        await page.get_by_label("How long is it?").select_option("Long")
        await widget.choose_day(day, service=None)
        await expect(told).to_have_count(0)
        await expect(page.get_by_label("With")).to_have_count(0)
        await page.get_by_label("Any colour?").select_option("Yes")
        await widget.choose_day(day, service=None)
        assert await accessibility.faults(page) == []
        await widget.hold("8:30")
        assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        await expect(page.get_by_label("How long is it?")).to_have_count(0)
        await page.get_by_label("Anything else?").fill("No")
        await widget.confirm()

    (booked,) = await shop.appointments(day)
    assert (booked["service"], booked["answers"]) == ("colour", {"hair": "Long", "colour": "Yes", "remark": "No"})


_HIDDEN: Final[Mapping[str, Any]] = {
    "key": "restoration",
    "name": "Restoration",
    "duration_minutes": 60,
    "visibility": "staff",
    "price": {"amount_minor": 20000, "currency": "ILS"},
    "requires": [{"role": "barber", "any_of": ["noa", "dan"]}],
    "rules": {
        "approval": True,
        "cancellation": {"tiers": [{"until_minutes": 0, "percent": 50}]},
    },
}
_CHOOSING: Final[Mapping[str, Any]] = {
    "key": "advice",
    "name": "Advice",
    "duration_minutes": 30,
    "durations": [30, 60],
    "requires": [{"role": "barber", "any_of": ["noa", "dan"]}],
    "questions": [{"key": "about", "label": "About what?", "type": "choice", "options": ["All", "Damage", "Bits"]}],
    "routes": [
        {"if": {"about": "All"}, "then": {"duration_minutes": 60}},
        {"if": {"about": "Damage"}, "then": {"service": "restoration"}},
    ],
}


async def test_widget_tells_the_length_and_the_terms_that_answers_lead_to(browser: Browser, shop: Shop) -> None:
    for service in (_HIDDEN, _CHOOSING):
        answer = await shop.http.post("/v1/services", json=service)
        assert answer.status_code == 201, answer.text
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        page = await visitor.open(shop.url)
        widget = Widget(page)
        await page.get_by_role("button", name="Advice").click()
        await page.get_by_label("About what?").select_option("Bits")
        await expect(page.locator("fieldset.lengths")).to_be_visible()

        await page.get_by_label("About what?").select_option("All")
        await widget.choose_day(day, service=None)
        await expect(page.locator("fieldset.lengths")).to_have_count(0)
        await page.get_by_label("About what?").select_option("Damage")
        await widget.choose_day(day, service=None)
        await widget.hold("9:00")

        # The service is not in the storefront.
        await expect(page.locator("form .hint")).to_have_text("Cancelling costs ₪100.")
        await expect(page.get_by_role("button", name="Send request")).to_be_visible()
        await widget.press("Choose another time")
        await page.get_by_label("About what?").select_option("All")
        await widget.choose_day(day, service=None)
        await widget.hold("9:00")
        await widget.confirm()

    (booked,) = await shop.appointments(day)
    assert (booked["service"], booked["duration_minutes"], booked["answers"]) == ("advice", 60, {"about": "All"})
