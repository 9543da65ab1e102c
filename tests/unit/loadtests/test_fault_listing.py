"""What `make faults` takes for free: to the minute, and on every lane."""

from datetime import UTC, datetime, time, timedelta
from typing import Final

import pytest

from loadtests.faults import business
from loadtests.faults.listing import Listing, find_free, find_missing, find_taken
from loadtests.faults.rows import Claim

TEN: Final = datetime.combine(business.days()[0], time(10, tzinfo=UTC))


def claim(resource: str, *, minutes: int, lane: int = 1, start: datetime = TEN) -> Claim:
    end = start + timedelta(minutes=minutes)
    return Claim(appointment_id="apt_1", resource=resource, lane_id=lane, starts_at=start, ends_at=end)


def busy(service: str, claims: list[Claim]) -> list[str]:
    """The starts that the claims have taken away."""
    gone = find_free([])[service] - find_free(claims)[service]
    return [f"{start:%H:%M}" for start in sorted(gone)]


def test_without_claims_every_start_until_closing_is_free() -> None:
    free = find_free([])

    assert {f"{max(free[service]):%H:%M}" for service in ("cut", "colour")} == {"17:30", "17:00"}
    assert len(free["class"]) == business.DAYS * 38


@pytest.mark.parametrize(
    ("service", "claims", "gone"),
    [
        pytest.param("cut", [claim("ann", minutes=30)], [], id="somebody else is free"),
        pytest.param(
            "cut",
            [claim("ann", minutes=30), claim("ben", minutes=30, lane=2)],
            ["09:30", "09:45", "10:00", "10:15"],
            id="with the buffer after",
        ),
        pytest.param("probe", [claim("tester", minutes=30)], ["10:00", "10:15"], id="spans touch"),
        pytest.param("class", [claim("hall", minutes=15), claim("hall", minutes=15, lane=2)], [], id="a lane is left"),
        pytest.param(
            "class",
            [claim("hall", minutes=15, lane=lane) for lane in (1, 2, 3)],
            ["09:30", "09:45", "10:00"],
            id="no lane is left",
        ),
        pytest.param(
            "colour",
            [claim("chair", minutes=15, lane=lane) for lane in (1, 2)],
            ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15"],
            id="staff, and no chair",
        ),
    ],
)
def test_claim_takes_the_starts_that_need_its_lane(service: str, claims: list[Claim], gone: list[str]) -> None:
    assert busy(service, claims) == gone


def test_listing_is_compared_in_both_directions() -> None:
    free = {"cut": {TEN}}
    other = TEN + timedelta(hours=1)

    def listing(*starts: datetime) -> list[Listing]:
        return [Listing(server="api-1", service="cut", starts=set(starts))]

    assert not [*find_taken(listing(TEN), free), *find_missing(listing(TEN), free)]
    assert len(list(find_taken(listing(TEN, other), free))) == 1
    assert not list(find_missing(listing(TEN, other), free))
    assert len(list(find_missing(listing(), free))) == 1
