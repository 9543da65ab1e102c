"""Judgement of deliveries: what arrived at an endpoint that is well, compared with the feed of events."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from loadtests.faults.checks import Check
from loadtests.faults.receivers import Arrival
from loadtests.faults.rows import FeedEvent


def check_deliveries(feed: Sequence[FeedEvent], arrivals: Sequence[Arrival]) -> Check:
    """Every event arrived, none was invented, those of one subject came in order, and each is genuine."""
    return Check(
        promise="every event arrived at a webhook endpoint, in order per subject, and nothing else did",
        examined=len(feed),
        complaints=[*_missing(feed, arrivals), *_invented(feed, arrivals), *_disordered(feed, arrivals)],
        essential=True,
    )


def count_duplicates(arrivals: Sequence[Arrival]) -> int:
    """Arrivals of events that had arrived before."""
    return len(arrivals) - len({arrival.event_id for arrival in arrivals})


def _missing(feed: Sequence[FeedEvent], arrivals: Sequence[Arrival]) -> Iterator[str]:
    arrived = {arrival.event_id for arrival in arrivals}
    for event in feed:
        if event.id not in arrived:
            yield f"{event.id} about {event.subject} never arrived"


def _invented(feed: Sequence[FeedEvent], arrivals: Sequence[Arrival]) -> Iterator[str]:
    happened = {event.id for event in feed}
    for arrival in arrivals:
        if arrival.event_id not in happened:
            yield f"{arrival.event_id} arrived, and is not in the feed"
        if not arrival.is_genuine:
            yield f"{arrival.event_id} arrived with a signature that does not verify"


def _disordered(feed: Sequence[FeedEvent], arrivals: Sequence[Arrival]) -> Iterator[str]:
    """By the first arrival of each event."""
    place = {event.id: number for number, event in enumerate(feed)}
    came: defaultdict[str, list[str]] = defaultdict(list)
    for event_id, subject in dict.fromkeys((arrival.event_id, arrival.subject) for arrival in arrivals):
        if event_id in place:
            came[subject].append(event_id)
    for subject, ids in came.items():
        for earlier, later in pairwise(ids):
            if place[later] < place[earlier]:
                yield f"{later} about {subject} arrived after {earlier}, which happened later"
