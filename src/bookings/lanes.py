"""Lanes of claims, by the keys of their rows in Postgres."""

from collections.abc import Sequence

from catalogue.model.catalogue import Catalogue
from holds.model import LaneClaim
from kernel.spans import Span

LaneSpan = tuple[int, Span]
"""The key of a lane's row, and minutes of the lane with buffers."""


def lane_spans(catalogue: Catalogue, claims: Sequence[LaneClaim]) -> list[LaneSpan]:
    """Look up the rows of the lanes that the claims name by resource and number."""
    return [(catalogue.resource_by_id[claim.resource_id].lanes[claim.lane - 1].id, claim.span) for claim in claims]
