"""The shares of a business's time that visitors may take lately, by holds and bookings together."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from availability.rules.catalogue_index import CatalogueIndex
from catalogue.model.rules.hold_life import HoldLife
from holds.budgets import digest_of
from holds.model import Visitor
from holds.store import Share
from kernel.zones import zone

DAYS: Final = 15
"""Today and the two weeks after it, in which visitors without a proof may take a share."""
LEAST_VISITS: Final = 2
"""A couple may come on one day, however small the shop is."""
LEAST_UNPROVEN: Final = 5
"""So many visits of an hour tell nothing, however small the shop is."""
_ANY: Final = 10**9
"""More minutes than there are: what counts, and is refused by nobody."""


def shares_of(
    index: CatalogueIndex, life: HoldLife, visitor: Visitor | None, *, start: datetime, now: datetime, secret: bytes
) -> Sequence[Share]:
    """The shares that a visit counts in; none for the business itself.

    One is that of the address on the day of the start, by the clock of the business. Visits without a proof in the next
    two weeks count in another, of all visitors; who cannot give one is not refused for its sake.
    """
    if visitor is None:
        return ()
    here = zone(index.catalogue.business.timezone)
    day, today = start.astimezone(here).date(), now.astimezone(here).date()
    shares = []
    if visitor.address is not None:
        most = index.bookable_minutes(day, 1) * life.max_share_percent // 100
        name = f"share:{digest_of(visitor.address, secret)}:{day:%Y%m%d}"
        shares.append(Share(name=name, most=most, least=LEAST_VISITS))
    if not visitor.is_proven and (day - today).days < DAYS:
        most = index.bookable_minutes(today, DAYS) * life.max_unproven_percent // 100
        shares.append(Share(name="unproven", most=most if visitor.may_be_asked else _ANY, least=LEAST_UNPROVEN))
    return shares
