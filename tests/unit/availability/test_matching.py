"""Needs that contend for resources are met whenever there is a way."""

from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from availability.rules.matching import Demand, can_be_met, matchings, usable_options
from kernel.ids import ResourceId

_IDS = [ResourceId(letter) for letter in "abcde"]
_wishes = st.lists(
    st.builds(Demand, st.lists(st.sampled_from(_IDS), unique=True).map(tuple), st.integers(0, 2)), max_size=3
)


def test_matching_gives_way_where_a_greedy_pick_would_fail() -> None:
    anybody, only_a = Demand((_IDS[0], _IDS[1]), 1), Demand((_IDS[0],), 1)

    assert list(matchings([anybody, only_a])) == [[["b"], ["a"]]]


@given(_wishes)
def test_matchings_are_all_the_ways_in_order(wishes: list[Demand]) -> None:
    ways = product(*(combinations(wish.options, wish.count) for wish in wishes))
    expected = [
        [list(chosen) for chosen in way] for way in ways if len(set().union(*way)) == sum(wish.count for wish in wishes)
    ]

    assert list(matchings(wishes)) == expected
    assert can_be_met(wishes) is bool(expected)


@given(
    st.lists(st.builds(Demand, st.lists(st.sampled_from(_IDS), unique=True).map(tuple), st.integers(1, 2)), max_size=3)
)
def test_usable_options_are_those_that_occur_in_some_way(wishes: list[Demand]) -> None:
    options = [sum(1 << _IDS.index(option) for option in wish.options) for wish in wishes]
    expected = list(matchings(wishes))

    for place in range(len(wishes)):
        usable = usable_options(options, [wish.count for wish in wishes], [place])

        assert {one for number, one in enumerate(_IDS) if usable >> number & 1} == {
            option for way in expected for option in way[place]
        }


def test_matching_is_refused_at_once_when_many_contend_for_too_few() -> None:
    everybody = tuple(ResourceId(str(number)) for number in range(60))

    ways = matchings([Demand(everybody, 20), Demand(everybody[:5], 3), Demand(everybody[:5], 3)])

    assert next(ways, None) is None
