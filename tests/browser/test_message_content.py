"""Mails as a browser lays them out: wide and narrow, light and dark, from either side, with nothing of the network."""

from dataclasses import replace
from typing import Final

import pytest
from playwright.async_api import Browser, Page

from messages.content.faults import sample_facts
from messages.content.model import Audience, MessageFacts, MessageKind, TemplateText
from messages.content.write import write
from tests.support.accessibility import faults
from tests.support.browser import visiting

# The side on which a heading begins.
_SIDE: Final = """() => {
  const { left, right } = document.querySelector("h1").getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(document.querySelector("h1"));
  const words = range.getBoundingClientRect();
  return words.left - left > right - words.right ? "rtl" : "ltr";
}"""


async def _faults(page: Page, html: str, direction: str) -> list[str]:
    await page.set_content(html)
    found = await faults(page)
    if await page.evaluate(_SIDE) != direction:
        found.append("begins on the wrong side")
    return found


def _long(kind: MessageKind) -> MessageFacts:
    """Facts with names of all the length that there may be."""
    facts = sample_facts(kind)
    if facts.visit is None:
        return facts
    names = ("Donaudampfschifffahrtsgesellschaftskapitän",) * 3
    return replace(facts, visit=replace(facts.visit, service="Hair and beard " * 8, resources=names))


@pytest.mark.parametrize(
    ("language", "width", "scheme"),
    [("en", 600, "light"), ("en", 360, "dark"), ("he", 360, "light"), ("ar", 600, "dark"), ("de", 360, "light")],
)
async def test_mail_of_every_kind_fits_and_can_be_read(
    browser: Browser, language: str, width: int, scheme: str
) -> None:
    direction = "rtl" if language in {"he", "ar"} else "ltr"
    found: dict[str, list[str]] = {}

    async with visiting(browser, color_scheme=scheme, viewport={"width": width, "height": 800}) as visitor:
        page = await visitor.context.new_page()
        for kind in MessageKind:
            for name, facts in ((kind, sample_facts(kind)), (f"{kind}, long", _long(kind))):
                html = write(facts, languages=[language], templates={}).html
                found[name] = await _faults(page, html, direction)

    assert {name: one for name, one in found.items() if one} == {}


async def test_words_of_the_business_are_laid_out_with_their_addresses_as_links(browser: Browser) -> None:
    own = TemplateText(subject="Your visit", text="Hello <b>,\nsee you.\n\nhttps://fade.example/way?a=1&b=2\n\nBye")
    templates = {"confirmed": {"email": {"en": own}}}
    html = write(sample_facts(MessageKind.CONFIRMED, Audience.CUSTOMER), languages=["en"], templates=templates).html

    async with visiting(browser, color_scheme="light", viewport={"width": 360, "height": 800}) as visitor:
        page = await visitor.context.new_page()
        await page.set_content(html)

        assert await page.locator("h1").inner_text() == "Your visit"
        assert await page.locator("td.card p").first.inner_text() == "Hello <b>,\nsee you."
        link = page.locator("td.card a")
        assert await link.get_attribute("href") == "https://fade.example/way?a=1&b=2"
        assert await _faults(page, html, "ltr") == []
