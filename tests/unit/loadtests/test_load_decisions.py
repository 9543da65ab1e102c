"""What simulated visitors decide: by the shares that are written down, and the same again for the same seed."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from loadtests.business import SALE, Offer, document, site
from loadtests.visitors.assumptions import BROWSING, CHANGING, CHECKING_OUT
from loadtests.visitors.decisions import (
    Change,
    Ending,
    choose_day,
    choose_offer,
    choose_start,
    plan_change,
    plan_checkout,
    sale_day,
    sale_number,
)

DAYS = [date(2026, 12, 1) + timedelta(days=number) for number in range(31)]
STARTS = [f"2026-12-01T{hour:02}:00:00Z" for hour in range(8, 18)]


def seeded(seed: int = 1) -> random.Random:
    return random.Random(seed)  # noqa: S311 - chance that can be had again


def test_same_seed_makes_the_same_visitors() -> None:
    def some(seed: int) -> list[object]:
        chance = seeded(seed)
        return [plan_checkout(chance, CHECKING_OUT) for _ in range(50)]

    assert some(7) == some(7)
    assert some(7) != some(8)


def test_endings_come_as_often_as_assumed() -> None:
    chance, many = seeded(), 20_000

    counted = Counter(plan_checkout(chance, CHECKING_OUT).ending for _ in range(many))

    assert counted[Ending.CONFIRM] / many == pytest.approx(CHECKING_OUT.confirms, abs=0.02)
    assert counted[Ending.LEAVE] / many == pytest.approx(CHECKING_OUT.leaves, abs=0.02)
    assert counted[Ending.RELEASE] / many == pytest.approx(CHECKING_OUT.releases, abs=0.02)
    assert counted[Ending.RETURN_LATE] / many == pytest.approx(CHECKING_OUT.returns_late, abs=0.02)


def test_changes_come_as_often_as_assumed() -> None:
    chance, many = seeded(), 20_000

    counted = Counter(plan_change(chance, CHANGING) for _ in range(many))

    assert counted[Change.RESCHEDULE] / many == pytest.approx(CHANGING.reschedules, abs=0.02)
    assert counted[Change.CANCEL] / many == pytest.approx(CHANGING.cancels, abs=0.02)


def test_endings_of_a_checkout_share_one() -> None:
    rates = CHECKING_OUT

    assert rates.confirms + rates.leaves + rates.releases + rates.returns_late == pytest.approx(1.0)


def test_near_days_are_wanted_most() -> None:
    chance = seeded()

    counted = Counter(choose_day(chance, DAYS, BROWSING) for _ in range(5_000))

    assert counted[DAYS[0]] > counted[DAYS[7]] > counted[DAYS[20]]


def test_nothing_is_chosen_where_nothing_is_free() -> None:
    chance = seeded()

    assert choose_day(chance, [], BROWSING) is None
    assert choose_start(chance, [], BROWSING) is None


def test_first_starts_are_wanted_more_than_others() -> None:
    chance = seeded()

    counted = Counter(choose_start(chance, STARTS, BROWSING) for _ in range(5_000))

    assert counted[STARTS[0]] > 1.5 * counted[STARTS[-1]] > 0


def test_party_is_at_most_what_the_offer_has_room_for() -> None:
    chance, offers = seeded(), [Offer(key="class", largest_party=2)]

    assert {choose_offer(chance, offers) for _ in range(50)} == {("class", 1), ("class", 2)}


def test_everybody_waits_for_the_same_sale() -> None:
    number, seconds = sale_number(1003.5, 10.0)

    assert (number, seconds) == (101, 6.5)
    assert sale_number(1009.9, 10.0)[0] == number


def test_each_sale_has_a_day_of_its_own() -> None:
    days = [sale_day(number, DAYS[0], 31) for number in range(100, 131)]

    assert sorted(days) == DAYS


def test_business_of_the_test_is_understood() -> None:
    found = site(document())

    assert found.sale == SALE
    assert found.capacities["stage"] == 4
    assert {offer.key: offer.largest_party for offer in found.offers} == {
        "haircut": 1,
        "beard": 1,
        "colour": 1,
        "consultation": 1,
        "class": 2,
    }
    assert len(found.staff) == 20


def test_services_whose_answers_say_too_little_are_left_out() -> None:
    found = document()
    found["services"][0]["rules"] = {"approval": True}
    found["services"][1]["requires"][0]["offset_minutes"] = 5

    assert {offer.key for offer in site(found).offers} == {"colour", "consultation", "class"}


def test_hours_that_somebody_has_set_are_known() -> None:
    found = document()
    found["resources"][0]["overrides"] = [{"date": "2026-12-24", "spans": []}]

    assert site(found).own_hours == {("stylist-01", "2026-12-24")}
    assert site(document()).own_hours == frozenset()


def test_business_that_offers_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="offers nothing"):
        site(document() | {"services": []})


def test_sale_of_an_unknown_service_is_refused() -> None:
    with pytest.raises(ValueError, match="no service 'dance'"):
        site(document(), sale="dance")
