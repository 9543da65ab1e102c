"""How the widget fits and reads where there is little room, or where the viewer's script runs from right to left."""

from collections.abc import Mapping
from typing import Any, Final

from playwright.async_api import Browser, Page, Route, expect

from tests.support.browser import Visitor, visiting
from tests.support.shop import Shop

_LONG: Final[Mapping[str, Any]] = {
    "name": "Consultation about hair",
    "description": "שטיפה ותספורת",
    "questions": [
        {
            "key": "hair",
            "label": "How long is your hair at present?",
            "type": "choice",
            "options": ["Short", "Long"],
            "required": True,
            "chooses": True,
        },
        {"key": "remark", "label": "Anything else?", "type": "text", "required": False},
    ],
    "add_ons": [
        {"key": "beard", "name": "זקן", "minutes": 15, "price": {"amount_minor": 4000, "currency": "ILS"}},
    ],
}
# The widths of an element as it is, and as it would be if nothing held it in.
_WIDTHS: Final = """element => {
  const shown = element.offsetWidth;
  element.style.position = "absolute";
  element.style.maxWidth = "none";
  const own = element.offsetWidth;
  element.removeAttribute("style");
  return [shown, own];
}"""
# Where parts of a text are seen, from left to right: characters and their places.
_AS_SEEN: Final = """element => {
  const seen = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data } = walker.currentNode;
    for (let place = 0; place < data.length; place += 1) {
      const range = document.createRange();
      range.setStart(walker.currentNode, place);
      range.setEnd(walker.currentNode, place + 1);
      const { left, width } = range.getBoundingClientRect();
      if (width && data[place].trim()) seen.push([left, data[place]]);
    }
  }
  return seen.sort(([one], [other]) => one - other).map(([, character]) => character).join("");
}"""


async def _open(visitor: Visitor, shop: Shop) -> Page:
    async def lengthen(route: Route) -> None:
        answer = await route.fetch()
        storefront = await answer.json()
        storefront["services"][0] |= _LONG
        await route.fulfill(response=answer, json=storefront)

    await visitor.context.route("**/v1/storefront", lengthen)
    page: Page = await visitor.open(shop.url)
    await page.get_by_role("button", name="Consultation about hair").click()
    return page


async def test_controls_beside_long_words_are_whole_on_a_phone(browser: Browser, shop: Shop) -> None:
    async with visiting(browser, shop.url, viewport={"width": 390, "height": 800}) as visitor:
        page = await _open(visitor, shop)
        await expect(page.get_by_label("How long is your hair at present?")).to_be_visible()
        for control in (page.locator('[data-action="change-service"]'), page.locator('[data-action="answer"]')):
            shown, own = await control.evaluate(_WIDTHS)
            assert shown == own


async def test_money_and_names_of_the_other_direction_stay_whole_in_their_lines(browser: Browser, shop: Shop) -> None:
    async with visiting(browser, shop.url, locale="he-IL", viewport={"width": 1280, "height": 900}) as visitor:
        page = await _open(visitor, shop)
        added = page.locator('.choice[data-key="add-on-beard"] small')
        assert await added.evaluate(_AS_SEEN) == "+15min·+₪40"
        start = await page.locator(".top .service").evaluate("element => element.getBoundingClientRect().left")
        await page.locator('[data-action="change-service"]').click()
        texts = page.locator(".offers .described bdi")
        box = await texts.first.bounding_box()
        assert box is not None
        assert abs(box["x"] - start) < 30


async def test_names_of_weekdays_stay_whole_and_in_their_columns_on_a_phone(browser: Browser, shop: Shop) -> None:
    async with visiting(browser, shop.url, locale="ar-EG", viewport={"width": 390, "height": 800}) as visitor:
        page = await visitor.open(shop.url)
        await page.locator('[data-value="haircut"]').click()
        await page.locator("th").first.wait_for()
        fits = "names => names.map(name => name.scrollWidth <= name.clientWidth && name.offsetHeight < 30)"
        assert await page.locator("th").evaluate_all(fits) == [True] * 7
