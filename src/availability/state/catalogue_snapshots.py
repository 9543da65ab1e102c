"""The catalogue of each business as this process remembers it."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Protocol

from availability.rules.catalogue_candidates import CatalogueCandidates
from availability.rules.catalogue_index import CatalogueIndex
from availability.state.bitmap_cache import BitmapCache
from catalogue.model.catalogue import Catalogue
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable

# Businesses remembered by one process; the one asked for longest ago is forgotten first. A large one takes megabytes.
REMEMBERED: Final = 500
# While Redis is away nobody tells of changes, so what is remembered is trusted only this long.
UNCHECKED_SECONDS: Final = 1.0


class CatalogueSource(Protocol):
    """Reads a catalogue from Postgres."""

    async def load(self, tenant_id: TenantId) -> Catalogue:
        """The catalogue as committed now. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class CatalogueSnapshot:
    """A catalogue, and the version that Redis gave it before it was read from Postgres.

    Every answer of Redis carries the version it has now, so a process whose catalogue is out of date notices with its
    next request, whoever changed it.
    """

    index: CatalogueIndex
    candidates: CatalogueCandidates
    version: str | None
    """None: Redis was away when it was read."""
    read_at: float
    """When it was read, by time.monotonic()."""

    @property
    def catalogue(self) -> Catalogue:
        """The set-up of the business."""
        return self.index.catalogue

    def is_fresh(self) -> bool:
        """Whether it may be used although Redis does not say if it changed."""
        return time.monotonic() - self.read_at < UNCHECKED_SECONDS


class CatalogueSnapshots:
    """Remembers catalogues until Redis shows another version of them."""

    def __init__(self, loader: CatalogueSource, cache: BitmapCache) -> None:
        self._loader = loader
        self._cache = cache
        self._snapshots: OrderedDict[TenantId, CatalogueSnapshot] = OrderedDict()
        self._loading: dict[TenantId, asyncio.Lock] = {}

    async def get(self, tenant_id: TenantId) -> CatalogueSnapshot:
        """The catalogue as remembered, else as loaded. Compare its version with the next answer of Redis.

        Raises StoreUnavailable when it must be loaded and Postgres does not answer.
        """
        snapshot = self._snapshots.get(tenant_id)
        if snapshot is not None:
            self._snapshots.move_to_end(tenant_id)
            return snapshot
        # One load serves all who wait for it.
        lock = self._loading.setdefault(tenant_id, asyncio.Lock())
        try:
            async with lock:
                return self._snapshots.get(tenant_id) or await self._load(tenant_id)
        finally:
            if not lock.locked():
                self._loading.pop(tenant_id, None)

    def forget(self, tenant_id: TenantId, snapshot: CatalogueSnapshot) -> None:
        """Load anew at the next call, unless somebody already has."""
        if self._snapshots.get(tenant_id) is snapshot:
            del self._snapshots[tenant_id]

    async def _load(self, tenant_id: TenantId) -> CatalogueSnapshot:
        try:
            version = (await self._cache.versions(tenant_id)).catalogue
        except RedisUnavailable:
            version = None
        read_at = time.monotonic()
        index = CatalogueIndex(await self._loader.load(tenant_id))
        snapshot = CatalogueSnapshot(index, CatalogueCandidates(index), version, read_at)
        self._snapshots[tenant_id] = snapshot
        if len(self._snapshots) > REMEMBERED:
            self._snapshots.popitem(last=False)
        return snapshot
