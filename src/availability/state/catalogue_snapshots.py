"""The catalogues that this process keeps in memory, one per business."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from availability.rules.catalogue_candidates import CatalogueCandidates
from availability.rules.catalogue_index import CatalogueIndex
from availability.rules.visit_duration import index_with_choices, lasts
from availability.state.bitmap_cache import BitmapCache
from catalogue.model.catalogue import Catalogue
from catalogue.model.choices import NO_CHOICES, Choices
from kernel.errors import StoreUnavailable
from kernel.ids import ServiceId, TenantId
from persistence.errors import RedisUnavailable

# Businesses remembered by one process; the one asked for longest ago is forgotten first. A large one takes megabytes.
REMEMBERED: Final = 500
# While Redis is away nobody tells of changes, so what is remembered is trusted only this long.
UNCHECKED_SECONDS: Final = 1.0


# Archived objects in one snapshot: those that appointments and holds have named since it was read.
ARCHIVED_REMEMBERED: Final = 1000


class CatalogueSource(Protocol):
    """Reads a catalogue from Postgres."""

    async def load(self, tenant_id: TenantId) -> Catalogue:
        """The catalogue as committed now, without what is archived. Raises StoreUnavailable."""
        ...

    async def load_named(self, tenant_id: TenantId, names: Collection[str]) -> Catalogue:
        """The objects of those ids, archived or not, and what they refer to. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class CatalogueSnapshot:
    """A catalogue, and the version that Redis gave it before it was read from Postgres.

    Every answer of Redis carries the version it has now, so a process whose catalogue is out of date notices with its
    next request, whoever changed it.
    """

    catalogue: Catalogue
    index: CatalogueIndex
    candidates: CatalogueCandidates
    version: str | None
    """None: Redis was away when it was read."""
    read_at: float
    """The instant of the reading, by time.monotonic()."""
    choices: Choices = NO_CHOICES
    """Those by which the visits of the one service that it is asked about last and cost."""

    def is_fresh(self) -> bool:
        """True if it may be used although Redis does not tell whether it has changed."""
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

    async def current(
        self, tenant_id: TenantId, version: str | None, *, naming: Collection[str] = ()
    ) -> CatalogueSnapshot:
        """The catalogue at the version that Redis has just given; a fresh one where Redis was not asked (None).

        `naming`: ids of services, resources and locations that it must contain, be they archived.
        """
        snapshot = await self.get(tenant_id)
        if snapshot.version != version if version is not None else not snapshot.is_fresh():
            snapshot = await self.reload(tenant_id, snapshot)
        return await self._with_archived(tenant_id, snapshot, naming)

    async def catalogue(self, tenant_id: TenantId, *, naming: Collection[str] = ()) -> Catalogue:
        """The set-up of the business, perhaps a little out of date.

        `naming`: ids of services, resources and locations that it must contain; another process may have made them a
        moment ago, and they may be archived.
        """
        snapshot = await self.get(tenant_id)
        if not snapshot.catalogue.ids.issuperset(naming):
            snapshot = await self.latest(tenant_id)
            snapshot = await self._with_archived(tenant_id, snapshot, naming)
        return snapshot.catalogue

    async def latest(self, tenant_id: TenantId) -> CatalogueSnapshot:
        """The catalogue as it is now, for who shows it or names what it lacked. Raises StoreUnavailable.

        Whoever changes a catalogue tells Redis before answering, so one question to Redis finds out whether the name
        may have been made since. Only then is the catalogue read anew: a stranger who makes up names costs no reading.
        """
        try:
            version = (await self._cache.versions(tenant_id)).catalogue
        except RedisUnavailable:
            version = None
        return await self.current(tenant_id, version)

    async def with_service(self, tenant_id: TenantId, snapshot: CatalogueSnapshot, name: str) -> CatalogueSnapshot:
        """The snapshot with the service of that id or key, if it is archived. Raises StoreUnavailable."""
        if snapshot.catalogue.find_service_or_archived(name) is not None:
            return snapshot
        return await self._with_archived(tenant_id, snapshot, {name})

    async def reload(self, tenant_id: TenantId, snapshot: CatalogueSnapshot) -> CatalogueSnapshot:
        """The catalogue read after that snapshot. Raises StoreUnavailable."""
        self.forget(tenant_id, snapshot)
        return await self.get(tenant_id)

    def forget(self, tenant_id: TenantId, snapshot: CatalogueSnapshot) -> None:
        """Load anew at the next call, unless a newer one is there already."""
        remembered = self._snapshots.get(tenant_id)
        # One that was derived from it is as old as it is.
        if remembered is not None and remembered.read_at == snapshot.read_at:
            del self._snapshots[tenant_id]

    def forget_business(self, tenant_id: TenantId) -> None:
        """Load anew at the next call: this process has changed the catalogue, and Redis could not be told."""
        self._snapshots.pop(tenant_id, None)

    async def _with_archived(
        self, tenant_id: TenantId, snapshot: CatalogueSnapshot, naming: Collection[str]
    ) -> CatalogueSnapshot:
        """The snapshot with the archived objects of those ids; it is remembered in place of the one without them."""
        missing = frozenset(naming) - snapshot.catalogue.ids
        if not missing:
            return snapshot
        named = await self._loader.load_named(tenant_id, missing)
        if snapshot.catalogue.archived_count >= ARCHIVED_REMEMBERED or snapshot.catalogue.lacks_live_of(named):
            # The second: Redis has not heard of the change that made it.
            snapshot = await self.reload(tenant_id, snapshot)
        if snapshot.catalogue.ids.issuperset(named.ids):
            return snapshot
        extended = _snapshot(snapshot.catalogue.with_archived_of(named), snapshot.version, snapshot.read_at)
        if self._snapshots.get(tenant_id) is snapshot:
            self._snapshots[tenant_id] = extended
        return extended

    async def _load(self, tenant_id: TenantId) -> CatalogueSnapshot:
        try:
            version = (await self._cache.versions(tenant_id)).catalogue
        except RedisUnavailable:
            version = None
        read_at = time.monotonic()
        snapshot = _snapshot(await self._loader.load(tenant_id), version, read_at)
        self._snapshots[tenant_id] = snapshot
        if len(self._snapshots) > REMEMBERED:
            self._snapshots.popitem(last=False)
        return snapshot


def _snapshot(catalogue: Catalogue, version: str | None, read_at: float) -> CatalogueSnapshot:
    index = CatalogueIndex(catalogue)
    return CatalogueSnapshot(catalogue, index, CatalogueCandidates(index), version, read_at)


def with_choices(
    snapshot: CatalogueSnapshot, service_id: ServiceId, choices: Choices, minutes: int | None = None
) -> CatalogueSnapshot:
    """The snapshot with visits of a service that are as chosen. Raises as `index_with_choices`."""
    if not choices and (minutes is None or lasts(snapshot.catalogue.service_by_id[service_id], minutes)):
        return snapshot
    index = snapshot.index.memoised(index_with_choices, service_id, choices, minutes)
    candidates = index.memoised(_candidates_by, snapshot.candidates)
    return CatalogueSnapshot(index.catalogue, index, candidates, snapshot.version, snapshot.read_at, choices)


def _candidates_by(index: CatalogueIndex, candidates: CatalogueCandidates) -> CatalogueCandidates:
    return candidates.with_index(index)


def unsettled_catalogue() -> StoreUnavailable:
    """The error of a request during which the catalogue changed again and again."""
    return StoreUnavailable("The settings of the business changed while we answered. Please retry.")
