"""Cache coherence: the bitmaps in Redis follow what this process commits to Postgres."""

from collections.abc import Callable, Sequence

from availability.state.bitmap_cache import BitmapCache
from availability.state.missed_commits import MissedCommits
from kernel.ids import CommitId, ResourceId, TenantId
from kernel.spans import Span, utc_days
from persistence.errors import RedisUnavailable


class CacheSync:
    """Drops cached bitmaps after commits, and remembers the commits that Redis could not be told of."""

    def __init__(
        self, cache: BitmapCache, missed_commits: MissedCommits, forget_catalogue: Callable[[TenantId], None]
    ) -> None:
        """`forget_catalogue`: makes this process load the catalogue of a business anew."""
        self._cache = cache
        self._missed_commits = missed_commits
        self._forget_catalogue = forget_catalogue

    async def drop_changed(
        self,
        tenant_id: TenantId,
        commit_id: CommitId,
        *,
        catalogue: bool = False,
        time_off: Sequence[tuple[ResourceId, Span]] = (),
        claims: Sequence[tuple[ResourceId, Span]] = (),
    ) -> None:
        """Drop at once everything that one commit changed (see catalogue.ports). Never raises.

        While Redis is away the commit counts as missed: the rows it left behind reach the cache later, and until then
        this process does not trust the cache.
        """
        staff_days = {(resource_id, day) for resource_id, span in (*time_off, *claims) for day in utc_days(span)}
        try:
            await self._cache.settle(tenant_id, commit_id, catalogue=catalogue, staff_days=staff_days)
        except RedisUnavailable:
            self._missed_commits.note_missed(tenant_id)
            if catalogue:
                self._forget_catalogue(tenant_id)

    def note_missed(self, tenant_id: TenantId) -> None:
        """Distrust the cache of a business until Redis has heard of a commit that could not be settled."""
        self._missed_commits.note_missed(tenant_id)

    async def forget(self, tenant_id: TenantId, spans: Sequence[tuple[ResourceId, Span]]) -> None:
        """Drop bitmaps that turned out to be wrong. Raises RedisUnavailable."""
        staff_days = {(resource_id, day) for resource_id, span in spans for day in utc_days(span)}
        await self._cache.invalidate(tenant_id, None, catalogue=False, staff_days=staff_days)
