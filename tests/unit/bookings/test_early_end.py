"""Minutes that a visit keeps and frees when it ends early."""

from typing import Final

import pytest

from bookings.early_end import LaneInUse, StoredClaim, claims_from, lanes_over, split_claims
from holds.model import Part
from kernel.ids import ResourceId
from kernel.spans import Minute, Span

_NOA: Final = ResourceId("res_noa")
_ROOM: Final = ResourceId("res_room")


def _part(resource_id: ResourceId, start: Minute, end: Minute) -> Part:
    return Part(role="any", resource_id=resource_id, span=Span(start, end))


def _claim(lane_id: int, resource_id: ResourceId, start: Minute, end: Minute) -> StoredClaim:
    return StoredClaim(lane_id, resource_id, Span(start, end))


_PARTS: Final = (_part(_NOA, 0, 30), _part(_NOA, 70, 90), _part(_ROOM, 0, 90))
_CLAIMS: Final = (_claim(1, _NOA, -5, 35), _claim(1, _NOA, 65, 95), _claim(2, _ROOM, -10, 110))
"""Noa at the beginning and at the end with 5 minutes on each side, a room with 10 before and 20 after."""


@pytest.mark.parametrize(
    ("end", "buffers", "kept", "freed"),
    [
        # Nobody came: nothing is needed any more, not even the buffers.
        (0, False, [(1, -5, 0), (2, -10, 0)], [(1, 0, 35), (1, 65, 95), (2, 0, 110)]),
        (20, False, [(1, -5, 20), (2, -10, 20)], [(1, 20, 35), (1, 65, 95), (2, 20, 110)]),
        (92, False, [(1, -5, 35), (1, 65, 92), (2, -10, 92)], [(1, 92, 95), (2, 92, 110)]),
        (110, False, [(1, -5, 35), (1, 65, 95), (2, -10, 110)], []),
        # Somebody was there: each part that has begun keeps its buffer, which begins at once.
        (20, True, [(1, -5, 25), (2, -10, 40)], [(1, 25, 35), (1, 65, 95), (2, 40, 110)]),
        (32, True, [(1, -5, 35), (2, -10, 52)], [(1, 65, 95), (2, 52, 110)]),
        (67, True, [(1, -5, 35), (1, 65, 67), (2, -10, 87)], [(1, 67, 95), (2, 87, 110)]),
        (85, True, [(1, -5, 35), (1, 65, 90), (2, -10, 105)], [(1, 90, 95), (2, 105, 110)]),
        (90, True, [(1, -5, 35), (1, 65, 95), (2, -10, 110)], []),
    ],
)
def test_visit_that_ends_early_keeps_what_it_used(
    end: Minute,
    buffers: bool,  # noqa: FBT001 - a column
    kept: list[tuple[int, Minute, Minute]],
    freed: list[tuple[int, Minute, Minute]],
) -> None:
    sides = split_claims(_CLAIMS, _PARTS, end, keeps_buffers=buffers)

    assert [[(one.lane_id, one.span.start, one.span.end) for one in side] for side in sides] == [kept, freed]


def test_visit_with_a_gap_since_its_reopening_keeps_what_it_used_and_one_buffer() -> None:
    claims = (_claim(1, _ROOM, -10, 30), _claim(2, _ROOM, 40, 110))

    kept, freed = split_claims(claims, (_part(_ROOM, 0, 90),), 50, keeps_buffers=True)

    assert kept == [_claim(1, _ROOM, -10, 30), _claim(2, _ROOM, 40, 70)]
    assert freed == [_claim(2, _ROOM, 70, 110)]


@pytest.mark.parametrize(("now", "left"), [(-20, [(-10, 110)]), (30, [(30, 110)]), (110, [])])
def test_reopened_visit_wants_what_is_not_over(now: Minute, left: list[tuple[Minute, Minute]]) -> None:
    claims = claims_from(now, [_claim(2, _ROOM, -10, 110)])

    assert claims == [_claim(2, _ROOM, start, end) for start, end in left]


@pytest.mark.parametrize(
    ("end", "kept", "freed"),
    [
        (20, [(1, 0, 35)], [(1, 35, 60), (2, 60, 135)]),
        (70, [(1, 0, 60), (2, 60, 85)], [(2, 85, 135)]),
    ],
)
def test_pieces_of_one_place_keep_one_buffer_together(
    end: Minute, kept: list[tuple[int, Minute, Minute]], freed: list[tuple[int, Minute, Minute]]
) -> None:
    claims = (_claim(1, _ROOM, 0, 60), _claim(2, _ROOM, 60, 135))

    sides = split_claims(claims, (_part(_ROOM, 0, 120),), end, keeps_buffers=True)

    assert [[(one.lane_id, one.span.start, one.span.end) for one in side] for side in sides] == [kept, freed]


@pytest.mark.parametrize(
    ("count", "past_holds", "pieces", "found"),
    [
        (1, False, True, [(8, Span(0, 60))]),
        # Each goes on with the lane that is free the longest.
        (2, False, True, [(8, Span(0, 60)), (7, Span(0, 40)), (9, Span(40, 60))]),
        (2, False, False, []),
        (2, True, False, [(8, Span(0, 60)), (9, Span(0, 60))]),
        (3, True, True, []),
    ],
)
def test_whole_lanes_come_before_pieces_of_them(
    count: int, *, past_holds: bool, pieces: bool, found: list[tuple[int, Span]]
) -> None:
    lanes = [
        LaneInUse(7, claimed=[Span(40, 50), Span(55, 90)], held=[]),
        LaneInUse(8, claimed=[Span(-20, 0), Span(60, 70)], held=[]),
        LaneInUse(9, claimed=[], held=[Span(10, 20)]),
    ]

    assert lanes_over(Span(0, 60), lanes, count, past_holds=past_holds, allows_pieces=pieces) == found
