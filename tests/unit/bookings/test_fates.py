"""How each appointment of a group fared, by the rows that the statement inserted."""

from typing import Any, cast

import pytest

from bookings.fates import Fate, fates_of
from bookings.lanes import LaneSpan, StoredSession
from bookings.new_appointments import InsertResult, NewAppointment
from kernel.ids import AppointmentId, CustomerId
from kernel.spans import Span

MORNING, NOON = Span(540, 600), Span(570, 630)
YOGA, PILATES = StoredSession(1, "::1"), StoredSession(1, "::2")


class _Group:
    """New appointments by the lanes they want, and the number of lanes that each got; None: no row at all."""

    def __init__(self, *wanted: tuple[list[Any], int | None]) -> None:
        self.group = [
            cast("NewAppointment", _New(AppointmentId(f"apt_{number}"), lanes))
            for number, (lanes, _) in enumerate(wanted)
        ]
        self.inserted = {
            new.id: InsertResult(CustomerId("cus_1"), claims)
            for new, (_, claims) in zip(self.group, wanted, strict=True)
            if claims is not None
        }


class _New:
    def __init__(self, appointment_id: AppointmentId, lanes: list[Any]) -> None:
        self.id, self.lanes = appointment_id, [LaneSpan(*lane) for lane in lanes]


_LEFT = [(1, MORNING), (2, NOON)]
_RIGHT = [(1, NOON), (2, MORNING)]


@pytest.mark.parametrize(
    ("wanted", "fates"),
    [
        pytest.param([([(1, MORNING)], 1), ([(2, MORNING)], 1)], [Fate.WHOLE, Fate.WHOLE], id="apart"),
        pytest.param([([(1, MORNING)], None), ([(1, NOON)], 1)], [Fate.ABSENT, Fate.WHOLE], id="absent"),
        pytest.param([([(1, MORNING)], 0), ([(2, MORNING)], 1)], [Fate.TAKEN, Fate.WHOLE], id="an old claim"),
        pytest.param([([(1, MORNING)], 1), ([(1, NOON)], 0)], [Fate.WHOLE, Fate.BEATEN], id="one beats the other"),
        pytest.param(
            [([(1, Span(540, 570))], 1), ([(1, Span(570, 600))], 0)], [Fate.WHOLE, Fate.TAKEN], id="they only touch"
        ),
        pytest.param([(_LEFT, 1), (_RIGHT, 1)], [Fate.UNCLEAR, Fate.UNCLEAR], id="each loses to the other"),
        pytest.param([(_LEFT, 1), ([(2, NOON)], 0)], [Fate.UNCLEAR, Fate.UNCLEAR], id="lost to a lost one"),
        pytest.param(
            [([(1, MORNING)], 1), ([(1, NOON), (2, NOON)], 1), ([(2, NOON)], 0)],
            [Fate.WHOLE, Fate.BEATEN, Fate.UNCLEAR],
            id="lost to a beaten one",
        ),
        pytest.param([([(1, MORNING)], None)], [Fate.ABSENT], id="absent alone"),
        pytest.param(
            [([(1, MORNING, YOGA)], 1), ([(2, NOON, PILATES)], 0), ([(3, NOON, YOGA)], 1)],
            [Fate.WHOLE, Fate.BEATEN, Fate.WHOLE],
            id="beaten by another session",
        ),
        pytest.param(
            [([(1, MORNING, YOGA)], 1), ([(2, NOON, StoredSession(2, "::2"))], 0)],
            [Fate.WHOLE, Fate.TAKEN],
            id="another session of another resource",
        ),
    ],
)
def test_fate_follows_from_the_rows(wanted: Any, fates: list[Fate]) -> None:
    group = _Group(*wanted)

    assert fates_of(group.group, group.inserted) == fates
