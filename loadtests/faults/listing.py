"""What servers list, compared with what is free by the claims in Postgres; the engine's own search is not asked."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loadtests.faults import business
from loadtests.faults.rows import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one server lists of one service."""

    server: str
    service: str
    starts: AbstractSet[datetime]


def find_free(claims: Iterable[Claim]) -> Mapping[str, AbstractSet[datetime]]:
    """Of each service, the starts at which one customer can be served."""
    taken: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        taken[claim.resource].append(claim)
    return {
        service["key"]: {start for start in business.grid(service) if _is_free(service, start, taken)}
        for service in business.document()["services"]
    }


def find_taken(listings: Iterable[Listing], free: Mapping[str, AbstractSet[datetime]]) -> Iterator[str]:
    """Starts that are listed and cannot be booked."""
    for one in listings:
        for start in sorted(one.starts - free[one.service]):
            yield f"{one.server} lists {one.service} at {start:%d %H:%M}, which is taken"


def find_missing(listings: Iterable[Listing], free: Mapping[str, AbstractSet[datetime]]) -> Iterator[str]:
    """Starts that could be booked and are not listed."""
    for one in listings:
        for start in sorted(free[one.service] - one.starts):
            yield f"{one.server} does not list {one.service} at {start:%d %H:%M}, which is free"


def _is_free(service: Mapping[str, Any], start: datetime, taken: Mapping[str, Sequence[Claim]]) -> bool:
    """Whether there is somebody for each role, from the first buffer to the last."""
    begin = start - timedelta(minutes=service.get("buffer_before_minutes", 0))
    end = start + timedelta(minutes=service["duration_minutes"] + service.get("buffer_after_minutes", 0))
    capacities = business.capacities()

    def has_lane(resource: str) -> bool:
        claims = taken.get(resource, ())
        lanes = {claim.lane_id for claim in claims if claim.starts_at < end and begin < claim.ends_at}
        return len(lanes) < capacities[resource]

    return all(any(has_lane(resource) for resource in role["any_of"]) for role in service["requires"])
