"""What is offered, in the cases that people ask about; the property tests cover the rest."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from availability.model import Reason
from availability.rules.eligibility import StartQuery
from catalogue.model.grid import Align, Grid
from catalogue.model.requirements import ResourceTerms
from catalogue.model.resources import LaneKind, Seats
from catalogue.model.rules.level import Rules
from catalogue.model.rules.rule import UNSET, Unset
from catalogue.model.rules.window import FixedWindow
from kernel.ids import ResourceId
from kernel.spans import Span
from tests.support.situations import MONDAY, Shop, entry, minute, readings, service, span, staff


def _offered(shop: Shop, question: StartQuery | None = None) -> list[str]:
    return readings(shop.offers(question).starts())


def test_starts_fill_the_working_time() -> None:
    shop = Shop(service(entry("noa")), staff("noa", "09:00-12:00", "13:00-14:30"))

    assert _offered(shop) == ["09:00", "10:00", "11:00", "13:00"]


@pytest.mark.parametrize(
    ("before", "after", "claims", "expected"),
    [
        pytest.param(0, 0, ["10:00-10:30"], ["09:00", "09:30", "10:30"], id="back to back"),
        pytest.param(0, 10, ["10:00-10:40"], ["09:00"], id="own after-buffer meets the claim"),
        pytest.param(10, 0, ["10:00-10:30"], ["09:00", "09:30"], id="own before-buffer meets the claim"),
        pytest.param(0, 10, ["11:00-11:30"], ["09:00", "09:30", "10:00"], id="only the last is too close"),
        pytest.param(60, 60, [], ["09:00", "09:30", "10:00", "10:30"], id="buffers reach outside the hours"),
    ],
)
def test_buffers_keep_claims_apart(before: int, after: int, claims: list[str], expected: list[str]) -> None:
    shop = Shop(service(entry("noa"), minutes=30, before=before, after=after), staff("noa", "09:00-11:00"))
    shop.take("noa", *claims)

    assert _offered(shop) == expected


def test_buffers_stay_inside_the_hours_when_the_service_says_so() -> None:
    offered = replace(service(entry("noa"), minutes=30, before=10, after=10), buffers_inside_hours=True)

    assert _offered(Shop(offered, staff("noa", "09:00-11:00"))) == ["09:30", "10:00"]


def test_appointment_runs_from_one_date_into_the_next_when_open_around_the_clock() -> None:
    shop = Shop(service(entry("noa"), minutes=100), staff("noa", "00:00-24:00"))

    offers = _offered(shop)

    assert offers[:2] == ["00:00", "01:40"]
    assert offers[-1] == "23:20"


@pytest.mark.parametrize(("seconds", "first"), [(0, "10:00"), (1, "11:00")])
def test_notice_leaves_its_very_boundary_bookable(seconds: int, first: str) -> None:
    offered = replace(service(entry("noa")), rules=Rules(lead_time_minutes=60))
    shop = Shop(offered, staff("noa"))

    now = datetime(2026, 6, 1, 9, 0, seconds, tzinfo=UTC)

    assert _offered(shop, shop.query(now=now))[0] == first


def test_gap_grid_leaves_no_hole_after_an_appointment() -> None:
    shop = Shop(service(entry("noa"), minutes=30, grid=Grid(align=Align.GAP)), staff("noa", "09:00-11:00"))
    shop.take("noa", "09:10-09:50")

    assert _offered(shop) == ["09:50", "10:30"]


@pytest.mark.parametrize(("party", "expected"), [(1, ["09:00", "09:30", "10:00", "10:30"]), (2, ["09:50", "10:30"])])
def test_gap_grid_counts_from_where_there_is_room_for_the_party(party: int, expected: list[str]) -> None:
    offered = service(entry("yoga"), minutes=30, grid=Grid(align=Align.GAP))
    shop = Shop(offered, staff("yoga", "09:00-11:00", capacity=2))
    shop.take("yoga", "09:10-09:50")

    assert _offered(shop, shop.query(party=party)) == expected


def test_hold_hides_a_start_from_others() -> None:
    shop = Shop(service(entry("noa")), staff("noa"))
    shop.take("noa", held=["10:15-10:30"])

    assert _offered(shop) == ["09:00", "11:00"]


def test_pool_offers_a_start_while_somebody_is_left() -> None:
    shop = Shop(service(entry("dan", "noa")), staff("noa"), staff("dan"))
    shop.take("noa", "09:00-10:00")
    shop.take("dan", "10:00-11:00")

    offers = list(shop.offers().slots())

    assert [offer.resource_ids for offer in offers] == [("dan",), ("noa",), ("dan", "noa")]
    assert [offer.remaining for offer in offers] == [1, 1, 2]


@pytest.mark.parametrize(
    ("party", "starts", "remaining"), [(1, ["09:00", "10:00", "11:00"], [1, 2, 3]), (3, ["11:00"], [3]), (4, [], [])]
)
def test_class_offers_a_start_while_there_is_room_for_the_party(
    party: int, starts: list[str], remaining: list[int]
) -> None:
    shop = Shop(service(entry("yoga")), staff("yoga", capacity=3))
    shop.take("yoga", "09:00-10:00", lane=1)
    shop.take("yoga", "09:30-10:30", lane=2)

    offers = list(shop.offers(shop.query(party=party)).slots())

    assert readings([offer.start for offer in offers]) == starts
    assert [offer.remaining for offer in offers] == remaining


@pytest.mark.parametrize(("lane_kind", "offered"), [(LaneKind.NAMED, []), (LaneKind.ALIKE, ["09:00"])])
def test_lane_must_be_free_for_the_whole_visit_when_it_is_named(lane_kind: LaneKind, offered: list[str]) -> None:
    yoga = replace(staff("yoga", "09:00-10:00", capacity=2), lane_kind=lane_kind)
    shop = Shop(service(entry("yoga")), yoga)
    shop.take("yoga", "09:00-09:30", lane=1)
    shop.take("yoga", "09:30-10:00", lane=2)

    assert _offered(shop) == offered


@pytest.mark.parametrize(
    ("taken", "held", "expected"),
    [
        pytest.param(["09:00-10:00"], [], ["10:00", "11:00"], id="claimed"),
        pytest.param([], ["09:00-10:00"], ["10:00", "11:00"], id="held"),
        pytest.param(["10:59-11:00"], [], ["09:00", "11:00"], id="claimed for a minute"),
        pytest.param([], [], ["09:00", "10:00", "11:00"], id="free"),
    ],
)
def test_what_is_taken_beyond_the_capacity_takes_up_a_place(
    taken: list[str], held: list[str], expected: list[str]
) -> None:
    shop = Shop(service(entry("yoga")), staff("yoga", capacity=1, lanes=2))
    shop.take("yoga", *taken, held=held, lane=2)

    assert _offered(shop) == expected
    assert all(offer.remaining == 1 for offer in shop.offers().slots())
    assert {readings([start])[0] for start in shop.offers().starts() if shop.offers().allocations(start)} == {*expected}


def test_places_left_count_what_is_taken_beyond_the_capacity() -> None:
    shop = Shop(service(entry("yoga")), staff("yoga", capacity=3, lanes=5))
    shop.take("yoga", "09:00-09:30", "10:00-11:00", lane=4)
    shop.take("yoga", "09:30-10:30", lane=5)
    shop.take("yoga", "10:00-11:00", lane=1)

    assert [offer.remaining for offer in shop.offers().slots()] == [2, 3]
    assert readings(shop.offers(shop.query(party=3)).starts()) == ["11:00"]


def test_gap_grid_counts_what_is_taken_beyond_the_capacity() -> None:
    offered = service(entry("yoga"), minutes=30, grid=Grid(align=Align.GAP))
    shop = Shop(offered, staff("yoga", "09:00-11:00", capacity=2, lanes=3))
    shop.take("yoga", "09:10-09:50", lane=3)

    assert _offered(shop) == ["09:00", "09:30", "10:00", "10:30"]
    assert _offered(shop, shop.query(party=2)) == ["09:50", "10:30"]


def test_lanes_beyond_the_capacity_are_not_offered() -> None:
    shop = Shop(service(entry("yoga")), staff("yoga", capacity=1, lanes=2))
    shop.take("yoga", "09:00-10:00", lane=1)

    assert _offered(shop) == ["10:00", "11:00"]


def test_several_roles_are_met_at_once() -> None:
    offered = service(entry("noa", "dan"), entry("room", role="room"))
    shop = Shop(offered, staff("noa"), staff("dan"), staff("room", kind="room"))
    shop.take("noa", "09:00-10:00")
    shop.take("room", "10:00-11:00")

    offers = list(shop.offers().slots())

    assert [(*readings([offer.start]), offer.resource_ids, offer.remaining) for offer in offers] == [
        ("09:00", ("dan",), 1),
        ("11:00", ("noa", "dan"), 1),
    ]


def test_role_is_free_between_its_parts() -> None:
    offered = service(entry("noa", minutes=30), entry("noa", offset=70), minutes=90, grid=Grid(step_minutes=30))
    shop = Shop(offered, staff("noa", "09:00-12:00"))
    shop.take("noa", "09:30-10:10")

    assert _offered(shop) == ["09:00", "10:30"]


def test_pools_that_overlap_are_matched() -> None:
    offered = service(entry("noa", "dan", role="lead"), entry("noa", role="second"))
    shop = Shop(offered, staff("noa"), staff("dan"))

    offers = list(shop.offers().slots())

    assert {offer.resource_ids for offer in offers} == {("dan",)}


def test_somebody_slower_is_offered_where_the_longer_visit_fits() -> None:
    slow = replace(entry("noa", "dan"), terms={ResourceId("dan"): ResourceTerms(duration_minutes=90)})
    shop = Shop(service(slow, grid=Grid(step_minutes=60)), staff("noa"), staff("dan"))

    offers = list(shop.offers().slots())

    assert [(*readings([offer.start, offer.end]), offer.resource_ids, offer.remaining) for offer in offers] == [
        ("09:00", "10:00", ("noa",), 1),
        ("09:00", "10:30", ("dan",), 1),
        ("10:00", "11:00", ("noa",), 1),
        ("10:00", "11:30", ("dan",), 1),
        ("11:00", "12:00", ("noa",), 1),
    ]


def test_slot_is_listed_once_for_each_end() -> None:
    minutes = {"dan": 90, "gil": 60, "tal": 90}
    terms = {ResourceId(key): ResourceTerms(duration_minutes=mine) for key, mine in minutes.items()}
    slow = replace(entry("dan", "noa", "gil", "tal"), terms=terms)
    people = [staff("dan", capacity=3), *map(staff, ("noa", "gil")), staff("tal", capacity=2)]
    shop = Shop(service(slow, grid=Grid(step_minutes=60)), *people)
    shop.take("dan", "09:00-09:10")

    offers = list(shop.offers(shop.query(span("09:00-09:01"))).slots())

    assert [(*readings([offer.end]), offer.resource_ids, offer.remaining) for offer in offers] == [
        ("10:00", ("noa", "gil"), 2),
        ("10:30", ("dan", "tal"), 4),
    ]


def test_scarcer_role_limits_the_places_of_each_end() -> None:
    slow = replace(entry("yoga", "dan"), terms={ResourceId("dan"): ResourceTerms(duration_minutes=90)})
    yoga, dan = staff("yoga", capacity=5), staff("dan", capacity=2)
    shop = Shop(service(slow, entry("one", "two", "six", role="room")), yoga, dan, *map(staff, ("one", "two", "six")))
    shop.take("one", "10:00-12:00")

    offers = list(shop.offers(shop.query(span("09:00-09:01"))).slots())

    assert [(offer.resource_ids, offer.remaining) for offer in offers] == [(("yoga",), 3), (("dan",), 2)]


def test_whoever_serves_longer_takes_along_who_would_be_quicker() -> None:
    slow = replace(entry("noa", "gil", "dan", count=2), terms={ResourceId("dan"): ResourceTerms(duration_minutes=90)})
    shop = Shop(service(slow), *map(staff, ("noa", "gil", "dan")))

    offers = list(shop.offers(shop.query(span("09:00-09:01"))).slots())

    assert [(offer.end - offer.start, offer.resource_ids, offer.remaining) for offer in offers] == [
        (60, ("noa", "gil"), 1),
        (90, ("dan",), 1),
    ]


def test_room_is_needed_for_as_long_as_somebody_slow_takes() -> None:
    slow = replace(entry("noa", "dan"), terms={ResourceId("dan"): ResourceTerms(duration_minutes=90)})
    shop = Shop(service(entry("room", role="room"), slow), *map(staff, ("noa", "dan", "room")))
    shop.take("room", "10:15-10:30")
    shop.take("noa", "09:00-12:00")

    assert _offered(shop) == []


@pytest.mark.parametrize(("count", "remaining"), [(1, 5), (2, 2), (3, 1)])
def test_place_takes_as_many_resources_as_the_service_counts(count: int, remaining: int) -> None:
    names = ["noa", "dan", "gil", "tal", "ran"]
    shop = Shop(service(entry(*names, count=count)), *map(staff, names))

    assert {offer.remaining for offer in shop.offers().slots()} == {remaining}


def test_entry_that_begins_when_the_visit_is_over_is_never_met() -> None:
    shop = Shop(service(entry("noa"), entry("room", role="room", offset=60), minutes=60), staff("noa"), staff("room"))

    assert _offered(shop) == []


def test_room_counts_once_though_its_visit_may_last_shorter_or_longer() -> None:
    slow = replace(entry("yoga", "dan"), terms={ResourceId("dan"): ResourceTerms(duration_minutes=90)})
    yoga, dan = staff("yoga", capacity=5), staff("dan", capacity=5)
    shop = Shop(service(entry("room", role="room"), slow), yoga, dan, staff("room"))

    first = next(shop.offers().slots())

    assert first.remaining == 1


@pytest.mark.parametrize(
    ("requested_resources", "served"),
    [
        ((), {("noa", "dan")}),
        (("dan",), {("dan",)}),
        (("noa", "dan"), {("noa", "dan")}),
        (("dan", "nobody"), {("dan",)}),
        (("nobody",), set()),
    ],
)
def test_requested_resources_are_the_only_ones_offered(
    requested_resources: tuple[str, ...], served: set[tuple[str, ...]]
) -> None:
    shop = Shop(service(entry("noa", "dan")), staff("noa"), staff("dan"))

    offers = shop.offers(shop.query(requested_resources=requested_resources)).slots()

    assert {offer.resource_ids for offer in offers} == served


def test_daily_limit_keeps_a_resource_out_for_the_day() -> None:
    shop = Shop(service(entry("noa", "dan")), staff("noa"), staff("dan"))
    shop.take("noa", full_dates=[MONDAY])

    assert {offer.resource_ids for offer in shop.offers().slots()} == {("dan",)}


def test_minutes_to_list_reach_as_far_as_buffers_and_the_slowest() -> None:
    slow = replace(entry("noa"), terms={ResourceId("noa"): ResourceTerms(duration_minutes=90)})
    shop = Shop(service(slow, before=5, after=10), staff("noa"))

    needed = shop.groundwork.listing_window(shop.service, span("09:00-10:00"))

    assert needed == Span(minute("08:55"), minute("09:59") + 90 + 10)


def test_minutes_to_list_reach_as_far_as_the_slowest_of_the_tables() -> None:
    slow = replace(entry("hall"), terms={ResourceId("hall"): ResourceTerms(duration_minutes=90)})
    shop = Shop(service(slow), replace(staff("hall"), seats=Seats(least=2, most=4)))

    needed = shop.groundwork.listing_window(shop.service, span("09:00-10:00"))

    assert needed == Span(minute("09:00"), minute("09:59") + 90)


def test_minutes_to_list_cover_all_starts_of_the_spans_of_working_time_for_a_gap_grid() -> None:
    shop = Shop(service(entry("noa"), before=5, after=10, grid=Grid(align=Align.GAP)), staff("noa", "08:00-20:00"))

    needed = shop.groundwork.listing_window(shop.service, span("12:00-13:00"))

    assert needed == Span(minute("07:55"), minute("19:59") + 60 + 10)


@pytest.mark.parametrize(
    ("before", "after", "taken", "expected"),
    [
        pytest.param(10, 0, ["10:00-10:50"], ["09:00", "11:00"], id="exact fit with the buffer before"),
        pytest.param(0, 5, ["10:05-11:00"], ["09:00", "11:00"], id="exact fit with the buffer after"),
        pytest.param(0, 5, ["10:00-11:00"], ["11:00"], id="no room for the buffer"),
        pytest.param(5, 5, ["09:00-09:45"], ["09:50", "11:00"], id="fits in before closing with its buffer outside"),
        pytest.param(10, 0, ["10:00-10:30"], ["09:00", "10:40", "11:00"], id="a gap cannot be avoided"),
    ],
)
def test_gap_grid_counts_gaps_between_visits_with_their_buffers(
    before: int, after: int, taken: list[str], expected: list[str]
) -> None:
    shop = Shop(service(entry("noa"), before=before, after=after, grid=Grid(align=Align.GAP)), staff("noa"))
    shop.take("noa", *taken)

    assert _offered(shop) == expected


def test_least_gap_that_is_set_is_left_at_any_rate() -> None:
    grid = Grid(align=Align.GAP, step_minutes=15, minimum_gap_minutes=45)
    shop = Shop(service(entry("noa"), grid=grid), staff("noa"))

    shop.take("noa", "10:45-11:00")
    assert _offered(shop) == ["09:00", "09:45", "11:00"]

    # Before it there is no room for an hour and another 45 minutes.
    shop.take("noa", "10:30-10:45")
    assert _offered(shop) == ["11:00"]


def test_holds_of_others_move_a_gap_grid() -> None:
    shop = Shop(service(entry("noa"), grid=Grid(align=Align.GAP)), staff("noa", "09:00-12:30"))
    assert _offered(shop) == ["09:00", "10:00", "11:30"]

    shop.take("noa", held=["09:00-09:30"])

    assert _offered(shop) == ["09:30", "10:30", "11:30"]


def test_gap_grid_of_unequal_lengths_looks_at_the_gap_of_each() -> None:
    slow = replace(entry("noa", "dan"), terms={ResourceId("dan"): ResourceTerms(duration_minutes=90)})
    shop = Shop(service(slow, grid=Grid(align=Align.GAP, step_minutes=30)), staff("noa"), staff("dan"))

    found = {offer.start: offer.resource_ids for offer in shop.offers().slots()}

    # Nine hours to twelve: three of an hour, or two of an hour and a half.
    assert {start: keys for start, keys in found.items() if "dan" in keys}.keys() <= {minute("09:00"), minute("10:30")}


@pytest.mark.parametrize("align", list(Align))
def test_last_start_is_long_enough_before_work_ends(align: Align) -> None:
    grid = Grid(align=align, step_minutes=30, last_start_minutes=90)
    shop = Shop(service(entry("noa"), minutes=30, grid=grid), staff("noa"))

    assert _offered(shop) == ["09:00", "09:30", "10:00", "10:30"]
    assert shop.explanation().reason_for_start(minute("11:00")) is Reason.OFF_GRID


def test_fixed_starts_are_offered_and_no_others() -> None:
    grid = Grid(align=Align.CLOCK, at=(9 * 60 + 10, 10 * 60 + 45, 20 * 60))
    shop = Shop(service(entry("noa"), minutes=30, grid=grid), staff("noa"))

    assert _offered(shop) == ["09:10", "10:45"]


def test_minutes_to_place_cover_the_local_day() -> None:
    shop = Shop(service(entry("noa")), staff("noa"))

    needed = shop.groundwork.placement_window(shop.service, minute("12:00"))

    assert needed == Span(minute("00:00"), minute("00:00") + 1440)


def test_nearer_level_of_a_rule_wins() -> None:
    offered = replace(service(entry("noa", "dan")), rules=Rules(lead_time_minutes=120))
    shop = Shop(offered, replace(staff("noa"), rules=Rules(lead_time_minutes=0)), staff("dan"))
    question = shop.query(now=datetime(2026, 6, 1, 9, 0, tzinfo=UTC))

    offers = list(shop.offers(question).slots())

    assert [(readings([offer.start])[0], offer.resource_ids) for offer in offers] == [
        ("09:00", ("noa",)),
        ("10:00", ("noa",)),
        ("11:00", ("noa", "dan")),
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules(), ["09:00", "10:00", "11:00"]),
        (Rules(lead_time_minutes=120), ["11:00"]),
        (Rules(window=FixedWindow(from_date=None, until_date=date(2026, 5, 31))), []),
    ],
)
def test_resource_in_any_role_keeps_the_rules_it_sets_itself(rules: Rules, expected: list[str]) -> None:
    offered = replace(service(entry("noa"), entry("room", role="room")), rules=Rules(lead_time_minutes=0))
    shop = Shop(offered, staff("noa"), replace(staff("room"), rules=rules))

    assert _offered(shop, shop.query(now=datetime(2026, 6, 1, 9, 0, tzinfo=UTC))) == expected


def test_notice_of_a_service_does_not_bind_the_room() -> None:
    offered = replace(service(entry("noa"), entry("room", role="room")), rules=Rules(lead_time_minutes=120))
    shop = Shop(offered, replace(staff("noa"), rules=Rules(lead_time_minutes=0)), staff("room"))

    assert _offered(shop, shop.query(now=datetime(2026, 6, 1, 9, 0, tzinfo=UTC))) == ["09:00", "10:00", "11:00"]


@pytest.mark.parametrize(
    ("business", "own", "resource", "expected"),
    [
        (True, UNSET, UNSET, ["09:30", "10:00"]),
        (True, False, UNSET, ["09:00", "09:30", "10:00", "10:30"]),
        (False, True, UNSET, ["09:30", "10:00"]),
        (UNSET, True, False, ["09:00", "09:30", "10:00", "10:30"]),
        (UNSET, UNSET, True, ["09:30", "10:00"]),
    ],
)
def test_buffers_inside_the_hours_can_be_asked_for_at_each_level(
    *, business: bool | Unset, own: bool | Unset, resource: bool | Unset, expected: list[str]
) -> None:
    offered = service(entry("noa"), minutes=30, before=10, after=10)
    offered = replace(offered, rules=Rules(buffers_inside_hours=own))
    noa = replace(staff("noa", "09:00-11:00"), rules=Rules(buffers_inside_hours=resource))
    shop = Shop(offered, noa, business=Rules(buffers_inside_hours=business))

    assert _offered(shop) == expected


def test_daily_limit_counts_where_the_share_of_the_resource_begins() -> None:
    """A room that is needed after midnight is not needed on the day before."""
    offered = service(
        entry("noa"), entry("room", role="room", offset=60, minutes=30), minutes=90, grid=Grid(step_minutes=30)
    )
    shop = Shop(offered, staff("noa", "22:00-01:00"), staff("room", "00:00-24:00"))
    shop.take("room", full_dates=[MONDAY])

    assert _offered(shop) == ["23:00", "23:30"]


def test_full_day_of_a_service_is_explained() -> None:
    shop = Shop(service(entry("noa")), staff("noa"))
    question = replace(shop.query(), full_minutes=(span("00:00-23:59"),))

    assert _offered(shop, question) == []
    assert shop.explanation(question).reason_for_start(minute("10:00")) is Reason.DAILY_LIMIT


def test_visit_that_keeps_its_start_meets_no_rule_about_the_start_again() -> None:
    fixed = FixedWindow(from_date=MONDAY.replace(month=7), until_date=None)
    far = Rules(lead_time_minutes=10**6, window=fixed)
    shop = Shop(service(entry("noa")), staff("noa"), business=far)
    shop.take("noa", "10:00-11:00")

    def offered(start: str) -> list[str]:
        asked = shop.query(Span(minute(start), minute(start) + 1))
        return _offered(shop, replace(asked, keeps_start=True))

    assert _offered(shop) == []
    assert (offered("09:00"), offered("11:00")) == (["09:00"], ["11:00"])
    # Neither claims nor working time are met for good.
    assert (offered("10:30"), offered("11:30")) == ([], [])
    reason = shop.explanation(replace(shop.query(), keeps_start=True)).reason_for_start(minute("10:30"))
    assert reason is Reason.FULLY_BOOKED
