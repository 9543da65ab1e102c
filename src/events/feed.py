"""The feed: reading the events of a business in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from events.model import StoredEvent
from events.repository import EventRepository
from kernel.errors import ValidationFailed
from kernel.ids import EventId, TenantId
from persistence.unit_of_work import UnitOfWork

SCANNED: Final = 5000
"""Events that one page looks at for those of some types: a rare type is found over several pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Events in their order, and where the rest begins."""

    data: Sequence[StoredEvent]
    next_cursor: EventId | None
    """The id of the last event that was looked at; None at the end of the feed."""


class FeedService:
    """Use cases on the feed of a business. All raise StoreUnavailable."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def read(
        self,
        tenant_id: TenantId,
        *,
        after: EventId | None,
        patterns: Sequence[str] = (),
        subject: str | None = None,
        limit: int,
    ) -> FeedPage:
        """Read up to `limit` events after one, or from the oldest that is kept; no later one ever appears before them.

        Raises ValidationFailed when `after` is no event that is kept.
        """
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            repository = EventRepository(connection, tenant_id)
            place = await _place_of(repository, after, "after")
            found = await repository.find_after(
                place, patterns=patterns, subject=subject, limit=limit + 1, scanned=SCANNED
            )
            if len(found) > limit:
                return FeedPage(data=found[:limit], next_cursor=found[limit - 1].id)
            more = await repository.find_nth(place, SCANNED, subject=subject) if patterns else None
        return FeedPage(data=found, next_cursor=more)

    async def read_on(self, tenant_id: TenantId, place: int, limit: int) -> list[StoredEvent]:
        """Read all events after a place, of every type."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await EventRepository(connection, tenant_id).find_after(place, limit=limit)

    async def place(self, tenant_id: TenantId, after: EventId | None, *, pointer: str) -> int:
        """The place of an event, or of the newest one. Raises ValidationFailed, of `pointer`, when it is not kept."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            repository = EventRepository(connection, tenant_id)
            return await repository.newest() if after is None else await _place_of(repository, after, pointer)


async def _place_of(repository: EventRepository, after: EventId | None, pointer: str) -> int:
    if after is None:
        return 0
    place = await repository.find_place(after)
    if place is None:
        detail = "is no event that is still kept: read from the beginning, without it, and compare with what you have"
        raise ValidationFailed.of(pointer, detail)
    return place
