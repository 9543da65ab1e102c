"""The commits that Redis has not heard of, because it did not answer after them."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from availability.state.bitmap_cache import BitmapCache
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable
from persistence.invalidations import Invalidation, InvalidationQueue

# Businesses remembered one by one; beyond it Redis as a whole is not trusted. A megabyte or two.
REMEMBERED: Final = 10_000
# Rows read at once, and told to Redis in one call per business.
BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitions:
    """The partitions of a Redis Cluster, and the one of each business."""

    everywhere: Iterable[int]
    """The numbers of all partitions."""
    of: Callable[[TenantId], int]
    """The partition of a business, whichever server has it."""


class MissedCommits:
    """Remembers for whom Redis must hear of commits before its bitmaps are trusted again.

    What it must hear stands in the rows that the commits left behind; a row that is gone was worked off. So nothing is
    lost by a crash, and catching up twice only costs a refill.

    A cluster may lose one partition after another while the rest is trusted. Then there is no moment at which Redis as
    a whole is back, so each business of a lost partition is caught up when it is next asked about.
    """

    def __init__(
        self,
        rows: InvalidationQueue,
        distrust: Callable[[], None] = lambda: None,
        *,
        partitions: Partitions | None = None,
    ) -> None:
        """`distrust` declares Redis lost, so that everything is caught up before it counts as back.

        `partitions`: those of a Redis Cluster; None for a single server.
        """
        self._invalidations = rows
        self._declare_redis_lost = distrust
        self._partitions = partitions
        # Numbered: a commit missed while we catch up is not covered by that.
        self._latest = 0
        self._missed: dict[TenantId, int] = {}
        self._lost_partitions: dict[int, int] = {}
        self._caught_up: dict[TenantId, int] = {}
        self._everything = 0
        self._catching_up = asyncio.Lock()

    def note_missed(self, tenant_id: TenantId) -> None:
        """A commit of this process was not settled."""
        self._latest += 1
        self._missed[tenant_id] = self._latest
        if len(self._missed) > REMEMBERED and self._partitions is not None:
            self._missed.clear()
            self.note_partitions_missed(self._partitions.everywhere)
        elif len(self._missed) > REMEMBERED:
            self.note_all_missed()
            self._declare_redis_lost()

    def note_all_missed(self) -> None:
        """Redis is lost: commits of any process may be missing when it is back."""
        self._latest += 1
        self._everything = self._latest
        self._missed.clear()

    def note_partitions_missed(self, partitions: Iterable[int]) -> None:
        """Partitions are lost: commits of any process for their businesses may be missing when they are back."""
        self._latest += 1
        self._lost_partitions.update(dict.fromkeys(partitions, self._latest))

    async def catch_up(self, tenant_id: TenantId, cache: BitmapCache) -> None:
        """Return when the cache has heard of every commit of this process for the business.

        Raises RedisUnavailable or StoreUnavailable; then the cache must not be trusted.
        """
        if not (self._missed or self._lost_partitions or self._everything):
            return
        while self._missed_number(tenant_id) or self._everything:
            if self._everything:
                raise RedisUnavailable("what was missed is not made good yet")
            async with self._catching_up:
                number = self._missed_number(tenant_id)
                if number:
                    await self._drop_noted(tenant_id, cache)
                    self._note_caught_up(tenant_id, number)

    async def catch_up_all(self, cache: BitmapCache) -> None:
        """Return when the cache has heard of every commit of any process before this call; raises as `catch_up`."""
        while self._everything:
            async with self._catching_up:
                number = self._everything
                await self._drop_noted(None, cache)
                if self._everything == number:
                    self._everything = 0

    def _missed_number(self, tenant_id: TenantId) -> int:
        """The number of the latest missed commit of the business, or 0."""
        number = self._missed.get(tenant_id, 0)
        if self._lost_partitions and self._partitions is not None:
            lost = self._lost_partitions.get(self._partitions.of(tenant_id), 0)
            if lost > self._caught_up.get(tenant_id, 0):
                number = max(number, lost)
        return number

    def _note_caught_up(self, tenant_id: TenantId, number: int) -> None:
        if self._missed.get(tenant_id, number + 1) <= number:
            del self._missed[tenant_id]
        if self._lost_partitions:
            if len(self._caught_up) >= REMEMBERED:
                # A business that is forgotten here is caught up once more.
                self._caught_up.clear()
            self._caught_up[tenant_id] = number

    async def _drop_noted(self, tenant_id: TenantId | None, cache: BitmapCache) -> None:
        """Drop the bitmaps that the committed rows name. The rows are left to the invalidator."""
        after = 0
        while True:
            rows = await self._invalidations.find_oldest(BATCH, after=after, tenant_id=tenant_id)
            for named, changes in _by_tenant(rows).items():
                await cache.invalidate(
                    named,
                    None,
                    catalogue=any(change.resource_id is None for change in changes),
                    staff_days={
                        (change.resource_id, day)
                        for change in changes
                        if change.resource_id is not None
                        for day in change.days
                    },
                )
            if len(rows) < BATCH:
                return
            after = rows[-1].id


def _by_tenant(rows: Iterable[Invalidation]) -> Mapping[TenantId, list[Invalidation]]:
    grouped: defaultdict[TenantId, list[Invalidation]] = defaultdict(list)
    for row in rows:
        grouped[row.tenant_id].append(row)
    return grouped
