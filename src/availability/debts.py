"""What the cache has not heard of, because Redis did not answer after a commit of this process."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from availability.cache import AvailabilityCache
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable
from persistence.invalidations import Invalidation, InvalidationRepository

# Businesses remembered one by one; beyond it Redis as a whole is not trusted. A megabyte or two.
REMEMBERED: Final = 10_000
# Rows read at once, and told to Redis in one call per business.
BATCH: Final = 1000


class Debts:
    """Remembers for whom Redis must hear of commits before its bitmaps are trusted again.

    What it must hear stands in the rows that the commits left behind; a row that is gone was worked off. So nothing is
    lost by a crash, and paying twice only costs a refill.
    """

    def __init__(self, rows: InvalidationRepository, distrust: Callable[[], None]) -> None:
        """`distrust` has Redis count as lost, so that everything is paid before it counts as back."""
        self._rows = rows
        self._distrust = distrust
        # Numbered, because what is owed while we pay is not paid thereby.
        self._latest = 0
        self._owed: dict[TenantId, int] = {}
        self._everything = 0
        self._paying = asyncio.Lock()

    def owe(self, tenant_id: TenantId) -> None:
        """A commit of this process was not settled."""
        self._latest += 1
        self._owed[tenant_id] = self._latest
        if len(self._owed) > REMEMBERED:
            self.owe_everything()
            self._distrust()

    def owe_everything(self) -> None:
        """Redis is lost: commits of any process may be missing when it is back."""
        self._latest += 1
        self._everything = self._latest
        self._owed.clear()

    async def pay(self, tenant_id: TenantId, cache: AvailabilityCache) -> None:
        """Return when the cache has heard of every commit of this process for the business.

        Raises RedisUnavailable or StoreUnavailable; then the cache must not be trusted.
        """
        while tenant_id in self._owed or self._everything:
            if self._everything:
                raise RedisUnavailable("what was missed is not made good yet")
            async with self._paying:
                debt = self._owed.get(tenant_id)
                if debt is not None:
                    await self._work_off(tenant_id, cache)
                    if self._owed.get(tenant_id) == debt:
                        del self._owed[tenant_id]

    async def pay_everything(self, cache: AvailabilityCache) -> None:
        """Return when the cache has heard of every commit of any process before this call. Raises as `pay` does."""
        while self._everything:
            async with self._paying:
                debt = self._everything
                await self._work_off(None, cache)
                if self._everything == debt:
                    self._everything = 0

    async def _work_off(self, tenant_id: TenantId | None, cache: AvailabilityCache) -> None:
        """Drop what the committed rows name. They are left to the invalidator, which may be at them already."""
        after = 0
        while True:
            rows = await self._rows.find_oldest(BATCH, after=after, tenant_id=tenant_id)
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
