"""Whether resources serve more at once than they can, by the appointments alone: no claim is asked."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from loadtests.faults.checks import Check
from loadtests.faults.rows import LIVE, Appointment


def check_capacity(appointments: Iterable[Appointment], capacities: Mapping[str, int]) -> Check:
    """No resource has more customers at any minute than it has room for."""
    live = [one for one in appointments if one.status in LIVE]
    return Check(
        promise="no resource serves more at once than it can, by its appointments",
        examined=len(live),
        complaints=tuple(_oversold(live, capacities)),
    )


def _oversold(live: Sequence[Appointment], capacities: Mapping[str, int]) -> Iterator[str]:
    """Goes along the beginnings and ends of each resource's visits."""
    edges: defaultdict[str, list[tuple[datetime, int, str]]] = defaultdict(list)
    for one in live:
        for part in one.parts:
            edges[part.resource] += [(part.starts_at, one.party, one.id), (part.ends_at, -one.party, one.id)]
    for resource, found in sorted(edges.items()):
        room = capacities.get(resource)
        present: dict[str, int] = {}
        # Spans are half-open: at the same instant those who leave go first.
        for at, change, appointment_id in sorted(found, key=lambda edge: (edge[0], edge[1] > 0, edge[2])):
            present[appointment_id] = present.get(appointment_id, 0) + change
            taken = sum(present.values())
            if room is not None and change > 0 and taken > room:
                who = ", ".join(sorted(one for one, many in present.items() if many))
                yield f"{resource} has {taken} customers at {at:%Y-%m-%d %H:%M} and room for {room}: {who}"
