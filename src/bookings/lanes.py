"""Lanes of claims, by the keys of their rows in Postgres."""

from typing import NamedTuple

from availability.rules.sessions import Session
from catalogue.model.catalogue import Catalogue
from catalogue.model.resources import Resource
from holds.model import Hold
from kernel.spans import Span, to_datetime


class StoredSession(NamedTuple):
    """A session of an exclusive resource as the claims of it have it: two that overlap must have the same token."""

    lane_id: int
    """The key of the resource's first lane, which stands for all of it."""
    token: str
    """See availability.rules.sessions.Session."""


class LaneSpan(NamedTuple):
    """Minutes of a lane, with buffers."""

    lane_id: int
    """The key of the lane's row."""
    span: Span
    session: StoredSession | None = None

    def excludes(self, other: "LaneSpan") -> bool:
        """True if the constraints let only one of the two be claimed."""
        if not self.span.overlaps(other.span):
            return False
        if self.lane_id == other.lane_id:
            return True
        mine, theirs = self.session, other.session
        return mine is not None and theirs is not None and mine.lane_id == theirs.lane_id and mine.token != theirs.token


def lane_spans(catalogue: Catalogue, hold: Hold) -> list[LaneSpan]:
    """Look up the rows of the lanes that the claims of the hold name by resource and number."""
    session = Session(hold.service_id, hold.span.start)
    found = [(catalogue.resource_by_id[claim.resource_id], claim) for claim in hold.claims]
    return [
        LaneSpan(resource.lanes[claim.lane - 1].id, claim.span, _stored(resource, session)) for resource, claim in found
    ]


def lane_row(lane: LaneSpan) -> dict[str, object]:
    """Encode a claim as the columns of its row that are its own."""
    row: dict[str, object] = {
        "lane_id": lane.lane_id,
        "starts_at": to_datetime(lane.span.start),
        "ends_at": to_datetime(lane.span.end),
    }
    if lane.session is not None:
        row |= {"session_lane_id": lane.session.lane_id, "session": lane.session.token}
    return row


def _stored(resource: Resource, session: Session) -> StoredSession | None:
    return None if resource.exclusive is None else StoredSession(resource.lanes[0].id, session.token)
