"""The page on which users sign in, in a browser: nothing happens until a button is pressed."""

import re
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, expect

from access.roles import Role
from access.users.service import UserDetails
from bootstrap.context import open_context
from bootstrap.services import build_services
from kernel.operation import by_system
from tests.support import accessibility
from tests.support.browser import visiting
from tests.support.engine import NO_REDIS, patient_settings
from tests.support.shop import Shop

_SESSION: Final = "JSON.parse(localStorage.getItem('holdfast.session'))"


async def _link(shop: Shop, email: str) -> str:
    """The address of a link for an owner of the business, at the server of the test."""
    async with open_context(patient_settings(shop.database_url, NO_REDIS)) as context:
        services = build_services(context)
        details = UserDetails(email=email, name="Dana", role=Role.OWNER, resource=None, locale=None)
        user_id = await services.users.find_or_add(by_system(shop.live.id, "test"), details)
        link = await services.sign_in.make_link(shop.live.id, user_id)
    assert link is not None
    return f"{shop.url}/sign-in#{link.partition('#')[2]}"


async def _press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name).click()


async def test_user_signs_in_by_a_press_and_out_again(browser: Browser, shop: Shop) -> None:
    link = await _link(shop, "dana@fade.example")
    async with visiting(browser, shop.url) as scanner:
        for _ in range(5):
            page = await scanner.open(link)
            await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
            assert await page.evaluate(_SESSION) is None

    async with visiting(browser, shop.url) as visitor:
        page = await visitor.open(link)
        await _press(page, "Sign in")
        await expect(page.get_by_role("heading")).to_have_text("You are signed in to Fade & Co")
        session: Any = await page.evaluate(_SESSION)
        address = page.url
        await page.reload()
        await expect(page.get_by_role("heading")).to_have_text("You are signed in to Fade & Co")
        await _press(page, "Sign out")
        await expect(page.get_by_role("status")).to_have_text("You are signed out.")
        left = await page.evaluate(_SESSION)

    assert session["user"]["role"] == "owner"
    assert address == f"{shop.url}/sign-in"
    assert left is None


async def test_used_link_leads_to_another_one(browser: Browser, shop: Shop) -> None:
    async with visiting(browser, shop.url) as visitor:
        page = await visitor.open(f"{shop.url}/sign-in#hfc_{'0' * 32}{'A' * 43}")
        await _press(page, "Sign in")
        await expect(page.get_by_role("status")).to_contain_text("This link was used")
        await _press(page, "Ask for another link")
        await page.get_by_label("E-mail address").fill("nobody@fade.example")
        await _press(page, "Mail me a link")
        await expect(page.get_by_role("status")).to_contain_text("a link is on its way")


_VIEWS: Final[dict[str, dict[str, Any]]] = {
    "Sign in": {"locale": "en-GB", "color_scheme": "light", "viewport": {"width": 1280, "height": 700}},
    "כניסה": {"locale": "he-IL", "color_scheme": "dark", "viewport": {"width": 390, "height": 700}},
    "تسجيل الدخول": {"locale": "ar-EG", "color_scheme": "light", "viewport": {"width": 320, "height": 700}},
}


@pytest.mark.parametrize("heading", list(_VIEWS))
async def test_page_is_readable_in_each_language_and_width(browser: Browser, shop: Shop, heading: str) -> None:
    view = _VIEWS[heading]
    async with visiting(browser, shop.url, **view) as visitor:
        page = await visitor.open(f"{shop.url}/sign-in")
        await expect(page.get_by_role("heading")).to_have_text(heading)

        assert await page.evaluate("document.documentElement.dir") == ("ltr" if heading.isascii() else "rtl")
        assert await page.evaluate("document.documentElement.scrollWidth") <= view["viewport"]["width"]
        assert await accessibility.faults(page) == []


@pytest.mark.parametrize(
    ("following", "reached"),
    [("/docs", "/docs"), ("//evil.example/", "/sign-in"), ("https://evil.example/", "/sign-in")],
)
async def test_page_leads_on_within_the_site_alone(browser: Browser, shop: Shop, following: str, reached: str) -> None:
    link = (await _link(shop, "next@fade.example")).replace("#", f"?next={following}#")
    async with visiting(browser, shop.url) as visitor:
        page = await visitor.open(link)
        await _press(page, "Sign in")
        await page.wait_for_function("() => localStorage.getItem('holdfast.session') !== null")
        await expect(page).to_have_url(re.compile(re.escape(f"{shop.url}{reached}") + r"(\?.*)?$"))
