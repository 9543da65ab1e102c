"""Booking in a browser: one visitor, several at once, and pages of other origins."""

import asyncio
import re
from datetime import date, timedelta
from typing import Final

import pytest
from playwright.async_api import Browser, Page, Response, Route, expect

from tests.support import accessibility
from tests.support.browser import Visitor, visiting
from tests.support.shop import Shop
from tests.support.widget import Widget, page_elsewhere

_WITHIN_MS: Final = 3_000
"""So soon a visitor sees what another one does."""


async def test_visitor_books_with_the_mouse(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))

        await widget.choose_day(day)
        await widget.hold("8:30")
        await expect(widget.page.get_by_role("timer")).to_contain_text("Held for you for 4:5")
        await widget.confirm()
        await expect(widget.page.locator(".when")).to_contain_text("8:30")
        await widget.press("Book another time")
        await expect(widget.heading).to_have_text("Choose a time")
        await widget.page.get_by_role("navigation", name="Your bookings").get_by_role("button").click()
        await expect(widget.heading).to_have_text("You are booked")

    (booked,) = await shop.appointments(day)
    assert booked["start"] == f"{day}T08:30:00+02:00"
    assert booked["customer"]["email"] == "dana@example.com"


async def test_visitor_books_with_the_keyboard_alone(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        page = await visitor.open(shop.url)
        widget = Widget(page)
        press = page.keyboard.press

        await page.get_by_role("button", name="Haircut").wait_for()
        await press("Tab")
        await press("Enter")
        await expect(widget.heading).to_have_text("Choose a time")
        await expect(widget.heading).to_be_focused()
        await _tab_to(page, ".day")
        while await _focused(page, "value") < day:
            before = await _focused(page, "value")
            await press("ArrowRight")
            assert await _focused(page, "value") > before
        await press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("10 times free")
        await _tab_to(page, ".slot")
        await press("Enter")
        await expect(widget.heading).to_be_focused()
        await _tab_to(page, "#name")
        await page.keyboard.type("Dana Levi")
        await press("Tab")
        await page.keyboard.type("dana")
        await press("Enter")
        await expect(page.get_by_label("Email")).to_be_focused()
        await expect(page.get_by_label("Email")).to_have_attribute("aria-describedby", "email-fault")
        await press("End")
        await page.keyboard.type("@example.com")
        await press("Enter")
        await expect(widget.heading).to_have_text("You are booked")
        await expect(widget.heading).to_be_focused()

    assert [booked["start"] for booked in await shop.appointments(day)] == [f"{day}T07:00:00+02:00"]


async def test_visitor_is_told_each_tier_of_the_fee_and_the_time_of_grace(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day, service="Massage")
        await widget.hold("9:00")
        told = widget.page.locator(".hint")
        await expect(told).to_have_text(
            re.compile(
                r"Free cancellation until \S.*9:00.*, then ₪27\. After \S.*8:00.* it costs ₪80\. "
                r"It is free for 15 min after you book\."
            )
        )
        await widget.confirm()
        await widget.press("Cancel booking")
        await expect(widget.page.locator(".fee")).to_have_text("Cancelling is free of charge.")


async def test_stay_is_told_in_nights_and_with_its_end(browser: Browser, shop: Shop) -> None:
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "07:00", "end": "12:00"}]
    objects = {
        "/v1/resources": {"key": "hut", "kind": "room", "name": "Hut", "hours": hours},
        "/v1/services": {
            "key": "weekend",
            "name": "Weekend",
            "duration": {"nights": 2, "check_in": "10:00", "check_out": "08:30"},
            "requires": [{"role": "room", "any_of": ["hut"]}],
        },
    }
    for path, body in objects.items():
        (await shop.http.post(path, json=body)).raise_for_status()
    day = shop.new_day()
    leaves = date.fromisoformat(day) + timedelta(days=2)
    async with visiting(browser, shop.url) as visitor:
        page = await visitor.open(shop.url)
        widget = Widget(page)
        weekend = page.locator('[data-value="weekend"]')
        await expect(weekend).to_have_accessible_name("Weekend 2 nights · Free")
        await widget.choose_day(day, service="Weekend")
        await widget.hold("10:00")
        await expect(page.locator(".until")).to_have_text(re.compile(rf"until {leaves:%A}.*8:30"))
        await widget.confirm()
        await expect(page.locator(".until")).to_have_text(re.compile(rf"until {leaves:%A}.*8:30"))
        await expect(page.locator(".visit")).to_contain_text("Weekend · Hut")
        faults = await accessibility.faults(page)
    async with visiting(browser, shop.url, timezone_id="Europe/London") as visitor:
        page = await visitor.open(shop.url)
        widget = Widget(page)
        await widget.choose_day(f"{leaves}", service="Weekend")
        await widget.times.first.click()
        await expect(widget.heading).to_have_text("Your details")
        here, there = (await page.locator(".until").inner_text()).splitlines()
        assert (here.endswith("6:30"), there.endswith("8:30 in Jerusalem")) == (True, True)
    for path in ("/v1/services/weekend", "/v1/resources/hut"):
        (await shop.http.delete(path)).raise_for_status()

    assert faults == []


async def test_visitor_moves_and_then_cancels(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day)
        await widget.hold("9:00")
        await widget.confirm()

        await widget.page.reload()
        await widget.press("Move")
        await widget.choose_day(day, service=None)
        # A move does not stand in its own way.
        await expect(widget.time("9:00")).not_to_have_attribute("aria-disabled", "true")
        await widget.time("9:30").click()
        await widget.press("Move it")
        await expect(widget.heading).to_have_text("Your booking was moved")
        moved = await shop.appointments(day)
        await widget.press("Cancel booking")
        await expect(widget.page.locator(".fee")).to_have_text(
            "Cancelling now costs ₪45; ₪45 of the price is not charged."
        )
        await widget.press("Yes, cancel it")
        await expect(widget.page.locator(".fee")).to_have_text("The fee is ₪45; ₪45 of the price is not charged.")
        await widget.page.reload()
        await expect(widget.heading).to_have_text("What would you like to book?")

    assert [one["start"] for one in moved] == [f"{day}T09:30:00+02:00"]
    assert [one["status"] for one in await shop.appointments(day)] == ["cancelled"]


async def test_visitor_chooses_a_length_and_extras_and_is_told_what_they_come_to(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        page = widget.page
        await expect(page.get_by_role("button", name="Facial")).to_contain_text("30 min to 1 h · from ₪90")
        await widget.choose_day(day, service="Facial")
        await expect(page.get_by_role("group", name="How long?").get_by_label("30 min")).to_be_checked()

        await page.get_by_label("1 h").check()
        await page.get_by_label("Mask").check()
        await expect(page.locator(".service")).to_contain_text("Facial · 1 h 15 min · ₪200")
        await expect(page.get_by_role("status")).to_contain_text(re.compile("1 h 15 min, ₪200|times free"))
        # The date stays; what would end after work is no longer offered.
        await expect(page.locator('td[aria-selected="true"]')).to_have_attribute("data-key", day)
        await expect(widget.times.last).to_have_text("10:30")
        await expect(widget.times.locator(".price")).to_have_count(0)
        await widget.hold("8:30")
        await expect(page.locator(".visit")).to_contain_text("Facial · + Mask · 1 h 15 min · Dan · ₪200")
        await widget.press("Choose another time")
        await expect(page.get_by_label("Mask")).to_be_checked()
        await page.get_by_label("Mask").uncheck()
        await page.get_by_label("Hot towel").check()
        await expect(page.locator(".service")).to_contain_text("Facial · 1 h · ₪160")
        await widget.hold("8:30")
        await widget.confirm()
        await widget.press("Move")
        await expect(page.locator("fieldset")).to_have_count(0)

    (booked,) = await shop.appointments(day)
    assert (booked["start"], booked["end"]) == (f"{day}T08:30:00+02:00", f"{day}T09:30:00+02:00")
    assert booked["price"] == {"amount_minor": 16000, "currency": "ILS"}
    assert [add_on["key"] for add_on in booked["add_ons"]] == ["towel"]


async def test_date_stays_when_two_things_are_chosen_before_an_answer(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        page = widget.page
        await widget.choose_day(day, service="Facial")
        both_chosen = asyncio.Event()

        async def wait(route: Route) -> None:
            await both_chosen.wait()
            await route.continue_()

        await page.route(re.compile("/v1/availability/next"), wait)
        await page.get_by_label("1 h").check()
        await page.get_by_label("Mask").check()
        both_chosen.set()

        await expect(page.locator(".service")).to_contain_text("Facial · 1 h 15 min · ₪200")
        await expect(page.locator('td[aria-selected="true"]')).to_have_attribute("data-key", day)


async def test_price_that_is_shown_is_the_price_that_is_asked(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        offer = widget.page.get_by_role("button", name="Shave")
        await expect(offer).to_contain_text("from ₪70")
        await widget.choose_day(day, service="Shave")
        await expect(widget.time("9:00").locator(".price")).to_have_text("from ₪70")

        await widget.page.get_by_label("With").select_option("dan")
        await widget.show_month(day)
        await widget.page.locator(f'.day[data-value="{day}"]').click()
        await expect(widget.time("9:00").locator(".price")).to_have_text("₪70")
        await widget.hold("9:00")
        await expect(widget.page.locator(".visit")).to_contain_text("Dan · ₪70")
        await widget.press("Choose another time")

        # Without Dan, everybody who could serve asks the same.
        await widget.page.get_by_label("With").select_option("noa")
        await widget.show_month(day)
        await widget.page.locator(f'.day[data-value="{day}"]').click()
        await expect(widget.times).to_have_count(10)
        await expect(widget.page.locator(".slot .price")).to_have_count(0)
        await widget.hold("9:30")
        await expect(widget.page.locator(".visit")).to_contain_text("Noa · ₪90")


async def test_price_of_a_move_is_told_before_it_is_asked(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day, service="Shave")
        await widget.page.get_by_label("With").select_option("noa")
        await widget.show_month(day)
        await widget.page.locator(f'.day[data-value="{day}"]').click()
        await widget.hold("9:00")
        await widget.confirm()
        await widget.press("Move")
        await widget.page.get_by_label("With").select_option("dan")
        await widget.show_month(day)
        await widget.page.locator(f'.day[data-value="{day}"]').click()
        await expect(widget.time("10:00").locator(".price")).to_have_text("₪70")

        await widget.time("10:00").click()
        await expect(widget.page.locator(".fee")).to_have_text("The price changes from ₪90 to ₪70.")
        await expect(widget.page.locator(".visit")).to_contain_text("Dan · ₪70")
        before = await shop.appointments(day)
        await widget.press("Move it")
        await expect(widget.heading).to_have_text("Your booking was moved")
        await expect(widget.page.locator(".visit")).to_contain_text("Dan · ₪70")

    assert [(one["start"][11:16], one["price"]["amount_minor"]) for one in before] == [("09:00", 9000)]
    assert [(one["start"][11:16], one["price"]["amount_minor"]) for one in await shop.appointments(day)] == [
        ("10:00", 7000)
    ]


async def test_hold_is_seen_by_another_visitor_and_so_is_its_end(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as first, visiting(browser, shop.url) as second:
        holder, onlooker = Widget(await first.open(shop.url)), Widget(await second.open(shop.url))
        await holder.choose_day(day)
        await onlooker.choose_day(day)
        await onlooker.time("10:00").focus()

        await holder.hold("10:00")
        await expect(onlooker.time("10:00")).to_have_attribute("aria-disabled", "true", timeout=_WITHIN_MS)
        await expect(onlooker.time("10:00")).to_contain_text("taken")
        await expect(onlooker.time("10:00")).to_be_focused()
        await expect(onlooker.page.get_by_role("status")).to_contain_text("has just been taken")
        await expect(onlooker.times).to_have_count(10)

        await holder.press("Choose another time")
        await expect(onlooker.time("10:00")).not_to_have_attribute("aria-disabled", "true", timeout=_WITHIN_MS)
        await expect(holder.time("10:00")).not_to_have_attribute("aria-disabled", "true")


async def test_hold_ends_when_its_page_is_closed(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    script = f'<script src="{shop.url}/widget.js" data-key="{shop.live.publishable_key}" defer></script>'
    with page_elsewhere(script, policy=f"default-src {shop.url}; img-src data:") as elsewhere:
        async with visiting(browser, shop.url, elsewhere) as first, visiting(browser, shop.url) as second:
            holder, onlooker = Widget(await first.open(elsewhere)), Widget(await second.open(shop.url))
            await holder.choose_day(day)
            await onlooker.choose_day(day)
            await holder.hold("10:00")
            await expect(onlooker.time("10:00")).to_have_attribute("aria-disabled", "true")

            await holder.page.close(run_before_unload=True)

            await expect(onlooker.time("10:00")).not_to_have_attribute("aria-disabled", "true", timeout=_WITHIN_MS)


async def test_of_two_visitors_who_race_for_a_time_one_gets_it_and_the_other_another(
    browser: Browser, shop: Shop
) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as first, visiting(browser, shop.url) as second:
        racers = [Widget(await visitor.open(shop.url)) for visitor in (first, second)]
        for racer in racers:
            await racer.choose_day(day)

        await asyncio.gather(*(racer.time("11:00").dblclick(no_wait_after=True) for racer in racers))
        for racer in racers:
            await expect(racer.page.locator(".details, .refusal p")).to_have_count(1)
        losers = [racer for racer in racers if await racer.refusal.locator("p").count()]
        (loser,) = losers
        (winner,) = [racer for racer in racers if racer is not loser]
        await expect(loser.refusal).to_contain_text("Somebody else is just booking 11:00.")
        await loser.hold("11:30")
        await asyncio.gather(winner.confirm("Dana Levi"), loser.confirm("Noam Bar"))

    booked = await shop.appointments(day)
    assert [(one["start"][11:16], one["customer"]["name"]) for one in booked] == [
        ("11:00", "Dana Levi"),
        ("11:30", "Noam Bar"),
    ]


async def test_hold_that_expires_leads_back_to_the_times(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day, service="Express")
        await widget.hold("9:00")

        await expect(widget.refusal).to_contain_text("9:00 was kept for you, and the time to confirm is over.")
        await expect(widget.heading).to_have_text("Choose a time")
        await expect(widget.time("9:00")).not_to_have_attribute("aria-disabled", "true")
        await widget.hold("9:00")


async def test_hold_is_prolonged_while_the_visitor_types(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        page = widget.page
        await page.clock.install()
        await widget.choose_day(day)
        await widget.hold("9:00")

        await page.get_by_label("Name").press_sequentially("D")
        await page.clock.fast_forward(20_000)
        async with page.expect_response("**/extend") as extended:
            await page.get_by_label("Name").press_sequentially("a")
        await page.get_by_label("Name").press_sequentially("na")

        assert (await (await extended.value).json())["status"] == "held"
        await expect(page.get_by_label("Name")).to_have_value("Dana")


async def test_lost_answer_books_once_when_it_is_asked_for_again(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day)
        await widget.hold("9:00")
        keys: list[str | None] = []

        async def lose_three_answers(route: Route) -> None:
            keys.append(await route.request.header_value("Idempotency-Key"))
            if len(keys) > 3:
                await route.continue_()
                return
            await route.fetch()
            await route.abort()

        await widget.page.route("**/confirm", lose_three_answers)
        await widget.page.get_by_label("Name").fill("Dana Levi")
        await widget.page.get_by_label("Email").fill("dana@example.com")
        await widget.press("Confirm booking")
        await expect(widget.refusal).to_contain_text("There is no connection. Trying again is safe")
        await widget.press("Try again")
        await expect(widget.heading).to_have_text("You are booked")
        visitor.complaints[:] = [said for said in visitor.complaints if "ERR_FAILED" not in said]

    assert len(await shop.appointments(day)) == 1
    assert len(keys) == 4
    assert len(set(keys)) == 1


async def test_visitor_who_keeps_a_booking_is_not_led_to_a_move_that_was_still_asked_for(
    browser: Browser, shop: Shop
) -> None:
    day, kept = shop.new_day(), asyncio.Event()

    async def answer_late(route: Route) -> None:
        answer = await route.fetch()
        await kept.wait()
        await route.fulfill(response=answer)

    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day)
        await widget.hold("8:00")
        await widget.confirm()
        await widget.press("Move")
        await widget.page.route("**/reschedule", answer_late)
        async with widget.page.expect_response("**/reschedule") as answered:
            await widget.times.nth(1).click()
            await widget.press("Keep it as it is")
            await expect(widget.heading).to_have_text("You are booked")
            kept.set()
        await (await answered.value).finished()
        # The page has drawn twice since the answer was there.
        await widget.page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
        await expect(widget.heading).to_have_text("You are booked")
        await widget.press("Cancel booking")


async def test_visitor_who_was_booked_by_a_lost_answer_does_not_book_another_time(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day)
        await widget.hold("9:00")
        lost = await _lose_answers(widget.page, "**/confirm")
        await widget.fill()
        await widget.press("Confirm booking")
        await expect(widget.refusal).to_contain_text("There is no connection.")
        lost.clear()

        await widget.press("Choose another time")
        await expect(widget.heading).to_have_text("You are booked")
        visitor.complaints[:] = [said for said in visitor.complaints if "ERR_FAILED" not in said]

    assert [one["start"][11:16] for one in await shop.appointments(day)] == ["09:00"]


async def test_visitor_who_corrects_their_details_after_a_lost_answer_can_move_what_they_booked(
    browser: Browser, shop: Shop
) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day)
        await widget.hold("9:00")
        lost = await _lose_answers(widget.page, "**/confirm")
        await widget.fill()
        await widget.press("Confirm booking")
        await expect(widget.refusal).to_contain_text("There is no connection.")
        lost.clear()

        await widget.page.get_by_label("Name").fill("Dana Levi-Cohen")
        await widget.press("Confirm booking")
        await expect(widget.heading).to_have_text("You are booked")
        await widget.press("Cancel booking")
        await widget.press("Yes, cancel it")
        await expect(widget.heading).to_have_text("Your booking is cancelled")
        visitor.complaints[:] = [said for said in visitor.complaints if "ERR_FAILED" not in said]

    assert [one["status"] for one in await shop.appointments(day)] == ["cancelled"]


async def test_visitor_whose_time_somebody_else_booked_by_their_hold_is_told_so(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day)
        async with widget.page.expect_response(lambda response: response.url.endswith("/v1/holds")) as held:
            await widget.hold("9:00")
        hold = await (await held.value).json()
        await shop.http.post(f"/v1/holds/{hold['id']}/confirm", json={"customer": {"name": "Mallory"}})

        await widget.fill()
        await widget.press("Confirm booking")
        await expect(widget.refusal).to_contain_text("9:00")
        await expect(widget.heading).to_have_text("Choose a time")

    assert [one["customer"]["name"] for one in await shop.appointments(day)] == ["Mallory"]


async def test_visitor_whose_time_ran_out_after_a_lost_answer_is_told_that_they_are_booked(
    browser: Browser, shop: Shop
) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.page.get_by_role("button", name="Haircut").wait_for()
        await widget.page.clock.install()
        await widget.choose_day(day)
        await widget.hold("9:00")
        lost = await _lose_answers(widget.page, "**/confirm")
        await widget.fill()
        await widget.press("Confirm booking")
        await expect(widget.refusal).to_contain_text("There is no connection.")
        lost.clear()

        await widget.page.clock.fast_forward(310_000)
        await expect(widget.heading).to_have_text("You are booked")
        visitor.complaints[:] = [said for said in visitor.complaints if "ERR_FAILED" not in said]

    assert len(await shop.appointments(day)) == 1


async def test_secret_key_is_refused_aloud_and_never_sent(browser: Browser, shop: Shop) -> None:
    script = f'<script src="{shop.url}/widget.js" data-key="{shop.live.secret_key}" defer></script>'
    with page_elsewhere(script, policy=f"default-src {shop.url}; img-src data:") as elsewhere:
        async with visiting(browser, shop.url, elsewhere) as visitor:
            asked: list[str] = []
            visitor.context.on("request", lambda request: asked.append(request.url))
            widget = Widget(await visitor.open(elsewhere))

            await expect(widget.refusal).to_contain_text("Online booking is not set up correctly on this page.")
            (complaint,) = visitor.complaints
            visitor.complaints.clear()

    assert asked == [elsewhere, f"{shop.url}/widget.js"]
    assert "must be a publishable one" in complaint
    assert shop.live.secret_key not in complaint


async def test_page_that_nobody_uses_any_more_is_looked_after_less_often(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.page.get_by_role("button", name="Haircut").wait_for()
        await widget.page.clock.install()
        await widget.choose_day(day)
        looks = _looks(visitor)

        async with widget.page.expect_response(_is_look):
            await widget.page.clock.fast_forward(601_000)
        looks.clear()
        await widget.page.clock.run_for(20_000)
        assert looks == []
        async with widget.page.expect_response(_is_look):
            await widget.page.mouse.move(200, 200)


async def test_server_that_says_when_to_come_back_is_not_asked_before(browser: Browser, shop: Shop) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=429, headers={"Retry-After": "120"}, json={"code": "rate_limited"})

    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.page.get_by_role("button", name="Haircut").wait_for()
        await widget.page.clock.install()
        await widget.choose_day(day)
        await widget.page.route(_LOOKS, refuse)
        async with widget.page.expect_response(_is_look):
            await widget.page.clock.run_for(1_500)
        looks = _looks(visitor)

        await widget.page.clock.run_for(100_000)
        assert looks == []
        await widget.page.unroute(_LOOKS)
        async with widget.page.expect_response(_is_look):
            await widget.page.clock.run_for(60_000)


async def test_names_of_any_length_and_script_are_text_and_fit(browser: Browser, shop: Shop) -> None:
    async def rename(route: Route) -> None:
        answer = await route.fetch()
        storefront = await answer.json()
        for named in (storefront["business"], *storefront["services"], *storefront["resources"]):
            named["name"] = "<img src=x onerror=alert(1)> מספרה " + "Unbreakable" * 12
        await route.fulfill(response=answer, json=storefront)

    async with visiting(browser, shop.url, viewport={"width": 320, "height": 800}, locale="fa-IR") as visitor:
        await visitor.context.route("**/v1/storefront", rename)
        page = await visitor.open(shop.url)
        widget = Widget(page)
        await page.locator('[data-value="colour"]').click()
        await widget.times.first.wait_for()
        faults = await accessibility.faults(page)
        # Its months are those of the grid, whatever calendar is usual where the viewer is.
        first = await page.locator(".day").first.text_content()
        await widget.times.first.click()
        await expect(widget.heading).to_have_text("Your details")
        faults += await accessibility.faults(page)
        assert await page.locator("img").count() == 0

    assert faults == []
    assert first == "\u06f1"


async def test_texts_of_the_business_stand_where_they_are_of_use(browser: Browser, shop: Shop) -> None:
    written = {
        "services": "Wash and cut.\nCome <b>dry</b>.",
        "resources": "Speaks Hebrew. מדברת עברית",
        "locations": "Dizengoff 12\nThe blue door " + "Unbreakable" * 12,
    }

    async def describe(route: Route) -> None:
        answer = await route.fetch()
        storefront = await answer.json()
        for section, text in written.items():
            for described in storefront[section]:
                described["address" if section == "locations" else "description"] = text
        await route.fulfill(response=answer, json=storefront)

    async with visiting(browser, shop.url, viewport={"width": 390, "height": 800}) as visitor:
        await visitor.context.route("**/v1/storefront", describe)
        page = await visitor.open(shop.url)
        widget = Widget(page)
        colour = page.locator('[data-value="colour"]')
        # The name of a button is short; its description is read after it.
        await expect(colour).to_have_accessible_name("Colour 30 min · ₪90")
        await expect(colour).to_have_accessible_description("Wash and cut. Come <b>dry</b>.")
        assert await colour.locator(".described").inner_text() == written["services"]
        faults = await accessibility.faults(page)
        await colour.click()
        await widget.times.first.wait_for()
        await expect(page.locator("#resource-description")).to_have_count(0)
        await page.get_by_label("With").select_option("noa")
        await expect(page.get_by_label("With")).to_have_accessible_description(written["resources"])
        await expect(page.locator(".slots")).to_contain_text(re.compile(r"\d:\d\d"))
        faults += await accessibility.faults(page)
        await widget.times.first.click()
        await expect(widget.heading).to_have_text("Your details")
        assert await page.locator(".address").inner_text() == written["locations"]
        faults += await accessibility.faults(page)
        await widget.confirm()
        assert await page.locator(".address").inner_text() == written["locations"]
        assert await page.locator("b").count() == 0

    assert faults == []


async def test_start_in_two_cities_is_booked_where_the_visitor_chose_it(browser: Browser, shop: Shop) -> None:
    day, week = shop.new_day(), ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    before = (await shop.http.get("/v1/business")).json()
    places = {"main": ("07:00", "09:00"), "north": ("08:00", "10:00")}
    hours = {at: [{"days": week, "start": start, "end": end}] for at, (start, end) in places.items()}
    ben = {"key": "ben", "kind": "staff", "name": "Ben"}
    changed = {
        **before,
        "locations": [*before["locations"], {"key": "north", "name": "Haifa", "address": "Herzl 1"}],
        "resources": [
            *before["resources"],
            {**ben, "located": [{"location": at, "hours": mine} for at, mine in hours.items()]},
        ],
        "services": [
            *before["services"],
            {
                "key": "talk",
                "name": "Talk",
                "duration_minutes": 60,
                "price": {"amount_minor": 9000, "currency": "ILS"},
                "requires": [{"role": "host", "any_of": ["ben"]}],
            },
        ],
    }
    try:
        assert (await shop.http.put("/v1/business", json=changed)).status_code == 200
        # A storefront may be a little out of date; a service that the server does not know makes it look.
        assert (await shop.http.get("/v1/availability/next", params={"service": "talk"})).status_code == 200
        async with visiting(browser, shop.url) as visitor:
            widget = Widget(await visitor.open(shop.url))
            await widget.choose_day(day, service="Talk")
            await expect(widget.times).to_have_text(
                [re.compile(told) for told in ("7:00.*Dizengoff", "8:00.*Dizengoff", "8:00.*Haifa", "9:00.*Haifa")]
            )

            await widget.times.filter(has_text="8:00").filter(has_text="Haifa").click()
            await expect(widget.page.locator(".visit")).to_contain_text("Haifa")
            await expect(widget.page.locator(".address")).to_have_text("Herzl 1")
            await widget.confirm()

        assert [(one["start"][11:16], one["location"]) for one in await shop.appointments(day)] == [("08:00", "north")]
    finally:
        assert (await shop.http.put("/v1/business", json=before)).status_code == 200


async def test_description_stands_below_a_service_that_is_the_only_one(browser: Browser, shop: Shop) -> None:
    async def leave_one(route: Route) -> None:
        answer = await route.fetch()
        storefront = await answer.json()
        storefront["services"] = [storefront["services"][0] | {"description": "Wash and cut."}]
        await route.fulfill(response=answer, json=storefront)

    async with visiting(browser, shop.url) as visitor:
        await visitor.context.route("**/v1/storefront", leave_one)
        page = await visitor.open(shop.url)

        await expect(page.locator(".top .described")).to_have_text("Wash and cut.")


async def test_widget_books_from_a_page_of_another_origin(browser: Browser, shop: Shop) -> None:
    day = shop.new_day()
    script = f'<script src="{shop.url}/widget.js" data-key="{shop.live.publishable_key}" data-service="haircut" defer>'
    body = f"<h1>Our salon</h1>{script}</script>"
    policy = f"default-src 'none'; script-src {shop.url}; connect-src {shop.url}; img-src data:"
    with page_elsewhere(body, policy=policy) as elsewhere:
        async with visiting(browser, shop.url, elsewhere) as visitor:
            page = await visitor.open(elsewhere)
            widget = Widget(page)
            heard = await page.evaluate_handle(
                "() => { const heard = []; for (const name of ['held', 'confirmed', 'moved', 'cancelled'])"
                " addEventListener(`holdfast:${name}`, (event) => heard.push([name, event.detail])); return heard; }"
            )

            await widget.choose_day(day, service=None)
            await widget.hold("9:00")
            await widget.confirm()
            await widget.press("Move")
            await widget.choose_day(day, service=None)
            await widget.time("9:30").click()
            await widget.press("Move it")
            await widget.press("Cancel booking")
            await widget.press("Yes, cancel it")
            await expect(widget.heading).to_have_text("Your booking is cancelled")
            told = await heard.json_value()

    assert [name for name, _ in told] == ["held", "confirmed", "moved", "cancelled"]
    assert all("example.com" not in str(detail) and "Dana" not in str(detail) for _, detail in told)
    assert [one["status"] for one in await shop.appointments(day)] == ["cancelled"]


async def test_times_are_those_of_the_viewer_also_when_clocks_are_set_back(browser: Browser, shop: Shop) -> None:
    element = f'<holdfast-booking key="{shop.sandbox.publishable_key}" service="haircut"></holdfast-booking>'
    body = f'{element}<script src="{shop.url}/widget.js" defer></script>'
    with page_elsewhere(body, policy=f"default-src {shop.url}; img-src data:") as elsewhere:
        async with visiting(browser, shop.url, elsewhere, locale="en-US", timezone_id="America/New_York") as visitor:
            widget = Widget(await visitor.open(elsewhere))

            await widget.choose_day("2027-11-07", service=None)
            listed = await widget.times.all_inner_texts()
            await expect(widget.page.locator(".slots .hint")).to_have_text(
                "Times are those of your time zone (New York), and below them those of the place (Jerusalem)."
            )
            await widget.hold("1:30 AM EST")
            held = await widget.page.locator(".visit").inner_text()
            # By the clock of the sandbox, which is a year ahead: today it would be free for months.
            await expect(widget.page.locator("form .hint")).to_have_text("Cancelling costs ₪45.")

    spelled = [text.replace("\u202f", " ").split("\n")[0] for text in listed]
    assert spelled[:5] == ["1:00 AM EDT", "1:30 AM EDT", "1:00 AM EST", "1:30 AM EST", "2:00 AM"]
    assert "8:30 AM there" in listed[3].replace("\u202f", " ")
    assert "Sunday, November 7 at 1:30 AM" in held.replace("\u202f", " ")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_every_step_can_be_read_and_heard(browser: Browser, shop: Shop, scheme: str, width: int) -> None:
    day = shop.new_day()
    faults: dict[str, list[str]] = {}
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "reduced_motion": "reduce"}
    async with visiting(browser, shop.url, **look) as visitor:
        page = await visitor.open(shop.url)
        widget = Widget(page)

        await page.get_by_role("button", name="Colour").wait_for()
        faults["services"] = await accessibility.faults(page)
        await widget.choose_day(day, service="Colour")
        await expect(page.get_by_label("With")).to_have_value("")
        faults["times"] = await accessibility.faults(page)
        await widget.hold("8:00")
        await widget.press("Confirm booking")
        await expect(page.locator(".fault")).to_have_count(2)
        faults["details"] = await accessibility.faults(page)
        await widget.confirm()
        faults["booked"] = await accessibility.faults(page)
        await widget.press("Move")
        await widget.times.nth(1).click()
        faults["moving"] = await accessibility.faults(page)
        await widget.press("Keep it as it is")
        await widget.press("Cancel booking")
        faults["cancelling"] = await accessibility.faults(page)

    assert faults == {step: [] for step in faults}


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (429, "rate_limited", "That was a little fast. Please try again in 7 seconds."),
        (503, "holds_unavailable", "Times cannot be held for the moment."),
    ],
)
async def test_refusal_that_may_pass_is_told_and_can_be_tried_again(
    browser: Browser, shop: Shop, status: int, code: str, sentence: str
) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, headers={"Retry-After": "7"}, json={"code": code})

    day = shop.new_day()
    async with visiting(browser, shop.url) as visitor:
        widget = Widget(await visitor.open(shop.url))
        await widget.choose_day(day)

        await widget.page.route("**/v1/holds", refuse)
        await widget.time("9:00").click()
        await expect(widget.refusal).to_contain_text(sentence)
        await widget.page.unroute("**/v1/holds")
        await widget.press("Try again")

        await expect(widget.heading).to_have_text("Your details")
        await expect(widget.refusal).to_be_empty()


async def _lose_answers(page: Page, url: str) -> list[str]:
    """Answers are lost while there is anything in the list."""
    lost = ["yes"]

    async def lose(route: Route) -> None:
        if not lost:
            await route.continue_()
            return
        await route.fetch()
        await route.abort()

    await page.route(url, lose)
    return lost


def _is_look(response: Response) -> bool:
    return _LOOKS.search(response.url) is not None


def _looks(visitor: Visitor) -> list[str]:
    """The looks at a day from now on, as they are asked."""
    looks: list[str] = []
    visitor.context.on("request", lambda request: looks.append(request.url) if _LOOKS.search(request.url) else None)
    return looks


async def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on such an element, once there is one: before, Tab leads out of the widget."""
    await page.locator(selector).first.wait_for()
    for _ in range(60):
        if await page.evaluate(f"{_ACTIVE}?.matches({selector!r})"):
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {selector}")


async def _focused(page: Page, name: str) -> str:
    return str(await page.evaluate(f"{_ACTIVE}.dataset[{name!r}]"))


_LOOKS: Final = re.compile(r"/v1/availability\?")
_ACTIVE: Final = "document.activeElement?.shadowRoot?.activeElement"
