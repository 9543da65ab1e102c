"""The ways to serve a visit come best first, each with all that it claims."""

from dataclasses import replace
from datetime import UTC, datetime

from availability.rules.allocations import MAX_ALLOCATIONS, Allocation
from catalogue.model.assign import Assign
from catalogue.model.requirements import ResourceTerms
from kernel.ids import ResourceId
from kernel.money import Money
from tests.support.situations import Shop, entry, minute, service, span, staff


def _who(allocations: tuple[Allocation, ...]) -> list[list[str]]:
    return [[claim.resource_id for claim in allocation.claims] for allocation in allocations]


def test_allocation_says_what_is_claimed() -> None:
    shop = Shop(service(entry("yoga"), before=5, after=10), staff("yoga", capacity=3))
    shop.take("yoga", "10:00-10:05", lane=2)

    (allocation,) = shop.offers(shop.query(party=2)).allocations(minute("09:00"))

    (claim,) = allocation.claims
    assert allocation.visit == claim.part == span("09:00-10:00")
    assert claim.blocked == span("08:55-10:10")
    assert (claim.role, claim.resource_id, claim.lanes, claim.free_lanes) == ("staff", "yoga", 2, (1, 3))


def test_allocations_are_none_when_the_start_is_not_offered() -> None:
    shop = Shop(service(entry("noa")), staff("noa"))
    shop.take("noa", "09:00-10:00")

    assert shop.offers().allocations(minute("09:00")) == ()
    assert shop.offers().allocations(minute("10:01")) == ()


def test_least_booked_comes_first() -> None:
    offered = replace(service(entry("noa", "dan", "gil")), assign=Assign.LEAST_BOOKED)
    shop = Shop(offered, *map(staff, ("noa", "dan", "gil")))
    shop.take("noa", "10:00-11:00")
    shop.take("dan", "10:00-10:30", time_off=["11:00-12:00"])

    assert _who(shop.offers().allocations(minute("09:00"))) == [["gil"], ["dan"], ["noa"]]


def test_longest_unassigned_comes_first_in_round_robin() -> None:
    offered = replace(service(entry("noa", "dan", "gil")), assign=Assign.ROUND_ROBIN)
    shop = Shop(offered, *map(staff, ("noa", "dan", "gil")))
    last = {ResourceId("noa"): datetime(2026, 5, 2, tzinfo=UTC), ResourceId("gil"): datetime(2026, 5, 1, tzinfo=UTC)}

    assert _who(shop.offers().allocations(minute("09:00"), last)) == [["dan"], ["gil"], ["noa"]]


def test_first_role_changes_last() -> None:
    offered = service(entry("noa", "dan"), entry("one", "two", role="room"))
    shop = Shop(offered, *map(staff, ("noa", "dan", "one", "two")))

    ways = _who(shop.offers().allocations(minute("09:00")))

    assert ways == [["noa", "one"], ["noa", "two"], ["dan", "one"], ["dan", "two"]]


def test_first_and_last_part_carry_the_buffers() -> None:
    offered = service(
        entry("noa", minutes=30), entry("noa", offset=70), entry("room", role="room"), minutes=90, before=5, after=10
    )
    shop = Shop(offered, staff("noa"), staff("room"))

    (allocation,) = shop.offers().allocations(minute("09:00"))

    assert [(claim.role, claim.resource_id, claim.blocked) for claim in allocation.claims] == [
        ("staff", "noa", span("08:55-09:30")),
        ("staff", "noa", span("10:10-10:40")),
        ("room", "room", span("08:55-10:40")),
    ]


def test_duration_and_price_are_those_of_the_resource_chosen() -> None:
    price = Money(amount_minor=2500, currency="EUR")
    terms = {ResourceId("dan"): ResourceTerms(duration_minutes=90, price=price)}
    shop = Shop(service(replace(entry("dan", "noa"), terms=terms)), staff("noa"), staff("dan"))

    dan, noa = shop.offers().allocations(minute("09:00"))

    assert (dan.visit, dan.price) == (span("09:00-10:30"), price)
    assert (noa.visit, noa.price) == (span("09:00-10:00"), shop.service.price)


def test_visit_lasts_as_long_as_the_slowest_of_those_chosen() -> None:
    minutes = {"noa": 90, "dan": 30}
    terms = {ResourceId(key): ResourceTerms(duration_minutes=duration) for key, duration in minutes.items()}
    pair = replace(entry("noa", "dan", "gil", count=2), terms=terms)
    shop = Shop(service(pair), *map(staff, ("noa", "dan", "gil")))

    allocations = shop.offers().allocations(minute("09:00"))

    assert _who(allocations) == [["noa", "dan"], ["noa", "gil"], ["dan", "gil"]]
    assert [allocation.visit.minutes for allocation in allocations] == [90, 90, 30]


def test_requested_resource_is_kept_and_the_rest_of_the_count_is_free() -> None:
    shop = Shop(service(entry("noa", "dan", "gil", count=2)), *map(staff, ("noa", "dan", "gil")))

    ways = _who(shop.offers(shop.query(requested_resources=["dan"])).allocations(minute("09:00")))

    assert ways == [["noa", "dan"], ["dan", "gil"]]


def test_allocations_are_bounded() -> None:
    names = [f"s{number}" for number in range(20)]
    shop = Shop(service(entry(*names, count=3)), *map(staff, names))

    assert len(shop.offers().allocations(minute("09:00"))) == MAX_ALLOCATIONS


def test_allocations_that_are_cut_let_many_find_somebody_each() -> None:
    """The best of 400 pairs all have the first of the staff: once she is taken, they would all be lost."""
    staff_names, rooms = [f"s{number:02}" for number in range(20)], [f"r{number:02}" for number in range(20)]
    shop = Shop(service(entry(*staff_names), entry(*rooms, role="room")), *map(staff, [*staff_names, *rooms]))

    ways = _who(shop.offers().allocations(minute("09:00")))

    assert ways == sorted(ways)
    assert ways[:20] == [["s00", room] for room in rooms]
    left = 20
    while ways:
        taken, left = set(ways[0]), left - 1
        ways = [way for way in ways if taken.isdisjoint(way)]
    assert left == 0


def test_ways_that_keep_the_present_resources_are_among_those_that_are_cut_and_come_first() -> None:
    names = {role: [f"{role}{number:02}" for number in range(20)] for role in ("staff", "room", "device")}
    offered = service(*[entry(*mine, role=role) for role, mine in names.items()])
    shop = Shop(offered, *map(staff, [name for mine in names.values() for name in mine]))
    present = frozenset({(role, ResourceId(f"{role}1{number}")) for number, role in enumerate(names)})
    query = replace(shop.query(), present=present)

    everybody = _who(shop.offers(query).allocations(minute("09:00")))
    shop.take("room11", "09:00-10:00")
    without_room = _who(shop.offers(query).allocations(minute("09:00")))
    shop.take("staff10", "09:00-10:00")
    with_device = _who(shop.offers(query).allocations(minute("09:00")))

    assert len(everybody) == MAX_ALLOCATIONS
    assert everybody[0] == ["staff10", "room11", "device12"]
    assert without_room[0] == ["staff10", "room00", "device12"]
    assert with_device[0] == ["staff00", "room00", "device12"]


def test_of_a_pair_the_one_who_is_free_stays() -> None:
    names = [f"s{number:02}" for number in range(20)]
    shop = Shop(service(entry(*names, count=2)), *map(staff, names))
    present = frozenset({("staff", ResourceId("s12")), ("staff", ResourceId("s17"))})
    shop.take("s12", "09:00-10:00")

    ways = _who(shop.offers(replace(shop.query(), present=present)).allocations(minute("09:00")))

    assert set(ways[0]) == {"s17", "s00"}
