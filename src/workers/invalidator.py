"""Invalidation of cached bitmaps and catalogues that committed changes made untrue."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from availability.state.bitmap_cache import BitmapCache, StaffDay
from kernel.ids import CommitId, TenantId
from persistence.errors import RedisUnavailable
from persistence.invalidations import Invalidation, InvalidationQueue
from persistence.set_aside import set_aside
from telemetry.measures import INVALIDATION_LAG, INVALIDATIONS, INVALIDATIONS_SETTLED
from telemetry.metrics import Metrics

# Rows read, told to Redis and deleted at once.
BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidationReport:
    """Result of one run, in rows."""

    rows: int
    settled_before: int
    """Rows of commits that the engine had settled itself."""


class Invalidator:
    """Tells Redis of every committed change at least once: rows are deleted after Redis has answered."""

    def __init__(self, repository: InvalidationQueue, cache: BitmapCache, metrics: Metrics) -> None:
        self._repository = repository
        self._cache = cache
        self._metrics = metrics

    async def drain(self, stop: asyncio.Event | None = None) -> None:
        """Work off every row there is, but for those of a part of Redis that is lost. Raises as `run_once` does.

        It ends after the page it is at when `stop` is set: the rows stay, and the next one to be elected goes on.
        """
        told, after = 0, 0
        lost: dict[TenantId, RedisUnavailable] = {}
        while stop is None or not stop.is_set():
            # A backlog that cannot be told is not read again and again: its businesses are left out from here on.
            page = await self._work_off(after, without=lost.keys())
            told, after, lost = told + page.told, page.last, lost | page.lost
            if page.rows < BATCH:
                break
        if lost and not told:
            raise next(iter(lost.values()))

    async def run_once(self) -> InvalidationReport:
        """Work off up to BATCH rows. Raises StoreUnavailable, or RedisUnavailable when Redis could be told of none.

        Nothing is forgotten that Redis was not told of.
        """
        page = await self._work_off(0)
        if page.lost and not page.told:
            raise next(iter(page.lost.values()))
        return InvalidationReport(rows=page.rows, settled_before=page.settled_before)

    async def _work_off(self, after: int, *, without: Collection[TenantId] = ()) -> "_Page":
        """Tell Redis of a page of rows. A business whose master is lost keeps its own; others do not wait for it."""
        rows = await self._repository.find_oldest(BATCH, after=after, without=without)
        if not after:
            age = (datetime.now(UTC) - rows[0].created_at).total_seconds() if rows else 0.0
            self._metrics.set(INVALIDATION_LAG, max(round(age, 3), 0.0))
        told: list[int] = []
        settled = 0
        lost: dict[TenantId, RedisUnavailable] = {}
        for tenant_id, commits in _by_commit(rows).items():
            try:
                with set_aside(self._metrics, "invalidator", business=str(tenant_id)):
                    settled += await self._tell(tenant_id, commits)
                    told += [change.id for changes in commits.values() for change in changes]
            except RedisUnavailable as error:
                lost[tenant_id] = error
        if told:
            await self._repository.delete(told)
            self._metrics.add(INVALIDATIONS, len(told))
            self._metrics.add(INVALIDATIONS_SETTLED, settled)
        return _Page(
            rows=len(rows), told=len(told), settled_before=settled, last=rows[-1].id if rows else after, lost=lost
        )

    async def _tell(self, tenant_id: TenantId, commits: Mapping[CommitId | None, Sequence[Invalidation]]) -> int:
        """Tell Redis what the commits of one business changed; how many rows needed no telling.

        Nearly all that the engine writes was settled by then, so that is asked of all commits at once.
        """
        done = await self._cache.settled_commits(tenant_id, [one for one in commits if one is not None])
        settled = 0
        for commit_id, changes in commits.items():
            dropped = commit_id not in done and await self._cache.invalidate(
                tenant_id,
                commit_id,
                catalogue=any(change.resource_id is None for change in changes),
                staff_days=_staff_days(changes),
            )
            settled += 0 if dropped else len(changes)
        return settled


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """Result of telling Redis of some rows."""

    rows: int
    told: int
    """Rows that Redis has heard of."""
    settled_before: int
    last: int
    """The id of the last row."""
    lost: dict[TenantId, RedisUnavailable]
    """The reason why Redis was not told of the others, by business."""


_Commits = defaultdict[CommitId | None, list[Invalidation]]


def _by_commit(rows: Iterable[Invalidation]) -> Mapping[TenantId, _Commits]:
    grouped: defaultdict[TenantId, _Commits] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        grouped[row.tenant_id][row.commit_id].append(row)
    return grouped


def _staff_days(changes: Iterable[Invalidation]) -> set[StaffDay]:
    return {(change.resource_id, day) for change in changes if change.resource_id is not None for day in change.days}
