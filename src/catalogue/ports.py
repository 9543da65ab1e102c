"""The ports of the catalogue, which the layers above implement."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.affected import AffectedAppointments
from catalogue.desired import DesiredCatalogue
from catalogue.diff import CatalogueDiff
from catalogue.model.catalogue import Catalogue
from kernel.ids import CommitId, ResourceId, TenantId
from kernel.spans import Span


class CacheUpdater(Protocol):
    """Updates the cache right after a commit, so that a client reads its own write."""

    async def drop_changed(
        self,
        tenant_id: TenantId,
        commit_id: CommitId,
        *,
        catalogue: bool,
        time_off: Sequence[tuple[ResourceId, Span]],
    ) -> None:
        """Drop everything that one commit changed, in one call: a second call for the same commit may be missed.

        `catalogue`: the business, a location, a resource or a service changed. `time_off`: spans that were added or
        removed. Best effort: it never raises, and a missed change reaches the cache by the invalidations table.
        """
        ...


class AffectedFinder(Protocol):
    """Finds the appointments that a change of the catalogue affects."""

    async def find(
        self, connection: AsyncConnection, stored: Catalogue, desired: DesiredCatalogue, difference: CatalogueDiff
    ) -> AffectedAppointments:
        """The live appointments that fit before the change and no longer do after it, in the caller's transaction."""
        ...
