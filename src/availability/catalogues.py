"""The catalogue of each business as this process remembers it."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Protocol

from availability.cache import AvailabilityCache
from availability.groundwork import Groundwork
from availability.presumption import Presumption
from catalogue.model import Catalogue
from kernel.ids import TenantId
from persistence.errors import RedisUnavailable

# Businesses remembered by one process; the one asked for longest ago is forgotten first. A large one takes megabytes.
REMEMBERED: Final = 500
# While Redis is away nobody tells of changes, so what is remembered is trusted only this long.
UNCHECKED_SECONDS: Final = 1.0


class CatalogueLoader(Protocol):
    """Reads a catalogue from Postgres."""

    async def load(self, tenant_id: TenantId) -> Catalogue:
        """The catalogue as committed now. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """A catalogue, and the version that Redis gave it before it was read from Postgres.

    Every answer of Redis carries the version it has now, so a process whose catalogue is out of date notices with its
    next request, whoever changed it.
    """

    groundwork: Groundwork
    presumption: Presumption
    version: str | None
    """None: Redis was away when it was read."""
    read_at: float
    """When it was read, by time.monotonic()."""

    @property
    def catalogue(self) -> Catalogue:
        """The set-up of the business."""
        return self.groundwork.catalogue

    def is_fresh(self) -> bool:
        """Whether it may be used although Redis does not say if it changed."""
        return time.monotonic() - self.read_at < UNCHECKED_SECONDS


class Catalogues:
    """Remembers catalogues until Redis shows another version of them."""

    def __init__(self, loader: CatalogueLoader, cache: AvailabilityCache) -> None:
        self._loader = loader
        self._cache = cache
        self._known: OrderedDict[TenantId, Known] = OrderedDict()
        self._loading: dict[TenantId, asyncio.Lock] = {}

    async def get(self, tenant_id: TenantId) -> Known:
        """The catalogue as remembered, else as loaded. Compare its version with the next answer of Redis.

        Raises StoreUnavailable when it must be loaded and Postgres does not answer.
        """
        known = self._known.get(tenant_id)
        if known is not None:
            self._known.move_to_end(tenant_id)
            return known
        # One load serves all who wait for it.
        lock = self._loading.setdefault(tenant_id, asyncio.Lock())
        try:
            async with lock:
                return self._known.get(tenant_id) or await self._load(tenant_id)
        finally:
            if not lock.locked():
                self._loading.pop(tenant_id, None)

    def forget(self, tenant_id: TenantId, known: Known) -> None:
        """Load anew at the next call, unless somebody already has."""
        if self._known.get(tenant_id) is known:
            del self._known[tenant_id]

    async def _load(self, tenant_id: TenantId) -> Known:
        try:
            version = (await self._cache.versions(tenant_id)).catalogue
        except RedisUnavailable:
            version = None
        read_at = time.monotonic()
        groundwork = Groundwork(await self._loader.load(tenant_id))
        known = Known(groundwork, Presumption(groundwork), version, read_at)
        self._known[tenant_id] = known
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known
