"""What the cache has not heard of, because Redis did not answer after a commit of this process."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from availability.cache import AvailabilityCache
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable
from persistence.invalidations import Invalidation, InvalidationRepository

# Businesses remembered one by one; beyond it Redis as a whole is not trusted. A megabyte or two.
REMEMBERED: Final = 10_000
# Rows read at once, and told to Redis in one call per business.
BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """How businesses are spread over a cluster."""

    everywhere: Iterable[int]
    """All of its parts."""
    of: Callable[[TenantId], int]
    """The part that a business is in, whichever server has that part."""


class Debts:
    """Remembers for whom Redis must hear of commits before its bitmaps are trusted again.

    What it must hear stands in the rows that the commits left behind; a row that is gone was worked off. So nothing is
    lost by a crash, and paying twice only costs a refill.

    Of a cluster, one part after the other may be lost, while the others are trusted. Then there is no moment at which
    Redis as a whole is back, so each business of a lost part is paid when it is next asked about.
    """

    def __init__(
        self,
        rows: InvalidationRepository,
        distrust: Callable[[], None] = lambda: None,
        *,
        parts: Parts | None = None,
    ) -> None:
        """`distrust` has Redis count as lost, so that everything is paid before it counts as back.

        `parts`: it is a cluster.
        """
        self._rows = rows
        self._distrust = distrust
        self._parts = parts
        # Numbered, because what is owed while we pay is not paid thereby.
        self._latest = 0
        self._owed: dict[TenantId, int] = {}
        self._lost_parts: dict[int, int] = {}
        self._paid: dict[TenantId, int] = {}
        self._everything = 0
        self._paying = asyncio.Lock()

    def owe(self, tenant_id: TenantId) -> None:
        """A commit of this process was not settled."""
        self._latest += 1
        self._owed[tenant_id] = self._latest
        if len(self._owed) > REMEMBERED and self._parts is not None:
            self._owed.clear()
            self.owe_parts(self._parts.everywhere)
        elif len(self._owed) > REMEMBERED:
            self.owe_everything()
            self._distrust()

    def owe_everything(self) -> None:
        """Redis is lost: commits of any process may be missing when it is back."""
        self._latest += 1
        self._everything = self._latest
        self._owed.clear()

    def owe_parts(self, parts: Iterable[int]) -> None:
        """Parts of Redis are lost: commits of any process for their businesses may be missing when they are back."""
        self._latest += 1
        self._lost_parts.update(dict.fromkeys(parts, self._latest))

    async def pay(self, tenant_id: TenantId, cache: AvailabilityCache) -> None:
        """Return when the cache has heard of every commit of this process for the business.

        Raises RedisUnavailable or StoreUnavailable; then the cache must not be trusted.
        """
        while self._debt(tenant_id) or self._everything:
            if self._everything:
                raise RedisUnavailable("what was missed is not made good yet")
            async with self._paying:
                debt = self._debt(tenant_id)
                if debt:
                    await self._work_off(tenant_id, cache)
                    self._note_paid(tenant_id, debt)

    async def pay_everything(self, cache: AvailabilityCache) -> None:
        """Return when the cache has heard of every commit of any process before this call. Raises as `pay` does."""
        while self._everything:
            async with self._paying:
                debt = self._everything
                await self._work_off(None, cache)
                if self._everything == debt:
                    self._everything = 0

    def _debt(self, tenant_id: TenantId) -> int:
        """The number of the latest debt to the business, or 0."""
        debt = self._owed.get(tenant_id, 0)
        if self._lost_parts and self._parts is not None:
            lost = self._lost_parts.get(self._parts.of(tenant_id), 0)
            if lost > self._paid.get(tenant_id, 0):
                debt = max(debt, lost)
        return debt

    def _note_paid(self, tenant_id: TenantId, debt: int) -> None:
        if self._owed.get(tenant_id, debt + 1) <= debt:
            del self._owed[tenant_id]
        if self._lost_parts:
            if len(self._paid) >= REMEMBERED:
                # Whoever is forgotten is paid once more.
                self._paid.clear()
            self._paid[tenant_id] = debt

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
