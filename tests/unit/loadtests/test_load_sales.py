"""Whether a resource serves more at once than it can, worked out without claims."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from loadtests.faults.rows import Appointment, Part
from loadtests.verify.sales import check_capacity

TEN: Final = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
ROOM: Final = {"ann": 1, "hall": 3}


def visit(
    number: int, *, resource: str = "ann", minute: int = 0, minutes: int = 30, party: int = 1, status: str = "confirmed"
) -> Appointment:
    starts_at = TEN + timedelta(minutes=minute)
    ends_at = starts_at + timedelta(minutes=minutes)
    return Appointment(
        id=f"apt_{number}",
        hold_id=f"hld_{number}",
        attempt=None,
        status=status,
        starts_at=starts_at,
        ends_at=ends_at,
        party=party,
        version=1,
        buffer_before_minutes=0,
        buffer_after_minutes=0,
        events=1,
        parts=[Part(resource=resource, starts_at=starts_at, ends_at=ends_at)],
    )


@pytest.mark.parametrize(
    "visits",
    [
        pytest.param([visit(1), visit(2, minute=30)], id="one after the other"),
        pytest.param([visit(1), visit(2, status="cancelled")], id="one is cancelled"),
        pytest.param([visit(number, resource="hall") for number in range(3)], id="as many as there is room for"),
        pytest.param(
            [visit(1, resource="hall", party=2), visit(2, resource="hall", minute=15)], id="a party and one more"
        ),
        pytest.param([visit(1), visit(2, resource="hall")], id="side by side"),
    ],
)
def test_visits_with_room_are_kept(visits: list[Appointment]) -> None:
    assert check_capacity(visits, ROOM).complaints == ()


@pytest.mark.parametrize(
    "visits",
    [
        pytest.param([visit(1), visit(2)], id="the same time"),
        pytest.param([visit(1), visit(2, minute=29)], id="one minute"),
        pytest.param([visit(1, minutes=120), visit(2, minute=30, minutes=15)], id="one within the other"),
        pytest.param([visit(number, resource="hall") for number in range(4)], id="one too many"),
        pytest.param([visit(1, resource="hall", party=2), visit(2, resource="hall", party=2)], id="two parties"),
        pytest.param([visit(1), visit(2, status="pending")], id="one waits for approval"),
    ],
)
def test_visits_without_room_are_told(visits: list[Appointment]) -> None:
    assert check_capacity(visits, ROOM).complaints


def test_complaint_names_who_is_there_at_once() -> None:
    (complaint,) = check_capacity([visit(1), visit(2, minute=15), visit(3, minute=60)], ROOM).complaints

    assert complaint == "ann has 2 customers at 2026-12-01 10:15 and room for 1: apt_1, apt_2"
