"""The parts of a visit: busy minutes and what is blocked around them."""

from typing import Any

import pytest

from availability.rules.requirements import PartOffsets, VisitRole
from catalogue.model.requirements import Requirement
from tests.support.situations import service


def _entry(offset: int, minutes: int | None, before: int | None = None, after: int | None = None) -> Requirement:
    return Requirement(
        role="room",
        any_of=(),
        offset_minutes=offset,
        duration_minutes=minutes,
        buffer_before_minutes=before,
        buffer_after_minutes=after,
    )


def _parts(*entries: Requirement, visit: int = 60) -> tuple[tuple[int, int, int, int], ...]:
    """Blocked from, busy from, busy until, blocked until."""
    role = VisitRole(name="room", entries=entries, pool={}, is_at_visit=True)
    found: tuple[PartOffsets, ...] = role.parts(service(*entries, minutes=60, before=3, after=7), visit)
    return tuple((part.blocked_start, part.start, part.end, part.blocked_end) for part in found)


@pytest.mark.parametrize(
    ("entries", "parts"),
    [
        ([_entry(0, None)], [(-3, 0, 60, 67)]),
        ([_entry(0, None, 0, 15)], [(0, 0, 60, 75)]),
        ([_entry(0, None, None, 0)], [(-3, 0, 60, 60)]),
        ([_entry(10, 20)], [(10, 10, 30, 30)]),
        ([_entry(10, 20, 5, 15)], [(5, 10, 30, 45)]),
        # Those that touch are one part, with the outermost of their buffers.
        ([_entry(0, 30, None, 45), _entry(30, 30, 40, 0)], [(-10, 0, 60, 75)]),
        # Between two parts every minute is blocked once, by the former where both would.
        ([_entry(0, 10, None, 20), _entry(40, None, 20, None)], [(-3, 0, 10, 30), (30, 40, 60, 67)]),
        ([_entry(0, 10, None, 50), _entry(40, None)], [(-3, 0, 10, 40), (40, 40, 60, 67)]),
        # A buffer that reaches past the next part goes on after it, and one from behind it before it.
        (
            [_entry(0, 10, 0, 40), _entry(20, 10), _entry(55, 5, 50, 0)],
            [(0, 0, 10, 20), (20, 20, 30, 50), (50, 55, 60, 60)],
        ),
    ],
)
def test_parts_are_blocked_with_their_own_buffers_or_those_of_the_service(entries: Any, parts: Any) -> None:
    assert _parts(*entries) == tuple(parts)


def test_service_buffer_belongs_to_the_entry_at_which_a_shorter_visit_ends() -> None:
    assert _parts(_entry(0, None), visit=40) == ((-3, 0, 40, 47),)
    assert _parts(_entry(0, 50, None, 5), visit=40) == ((-3, 0, 40, 45),)
    assert _parts(_entry(0, 10), _entry(50, None), visit=40) == ()
