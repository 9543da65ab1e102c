"""What the catalogue asks of the layers above it."""

from collections.abc import Sequence
from typing import Protocol

from kernel.ids import CommitId, ResourceId, TenantId
from kernel.spans import Span


class CatalogueChanged(Protocol):
    """Hears of each change right after its commit, so that a client reads its own write."""

    async def changed(
        self,
        tenant_id: TenantId,
        commit_id: CommitId,
        *,
        catalogue: bool,
        time_off: Sequence[tuple[ResourceId, Span]],
    ) -> None:
        """Say everything one operation changed, in one call: a second call for the same operation may be missed.

        `catalogue`: the business, a location, a resource or a service was set up differently. `time_off`: spans that
        came or went. Best effort: it never raises, and what it misses reaches the cache by the invalidations table.
        """
        ...
