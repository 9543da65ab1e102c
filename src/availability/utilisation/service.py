"""Utilisation of the coming days, as far as it is cached: only the catalogue may be read from Postgres."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from availability.state.bitmap_cache import BitmapCache, CachedBlock, block_of
from availability.state.catalogue_snapshots import CatalogueSnapshot, CatalogueSnapshots
from availability.utilisation.calculation import DayUse, HeldMinutes, day_use
from catalogue.model.catalogue import Catalogue
from catalogue.model.resources import Resource
from kernel.clock import Clock, business_now
from kernel.errors import StoreUnavailable
from kernel.ids import ResourceId, TenantId
from kernel.spans import day_number
from kernel.zones import local_now

DATES: Final = 14
MOST_RESOURCES: Final = 100
"""More rows nobody reads, and one script reads all of them."""
# The working time of a local date may begin a UTC day earlier, and end two later: a shift past midnight, far west.
_DAYS_BEFORE: Final = 1
_DAYS_AFTER: Final = 2
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUtilisation:
    """A resource."""

    name: str
    kind: str
    uses: tuple[DayUse | None, ...]
    """The use on each date; None: not cached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilisationReport:
    """The next dates of a business."""

    name: str
    timezone: str
    dates: tuple[date, ...]
    resources: tuple[ResourceUtilisation, ...]
    omitted_resources: int
    """Resources beyond MOST_RESOURCES."""


class UtilisationService:
    """Looks into the cache and leaves it as it is: what is not cached stays unknown."""

    def __init__(self, catalogues: CatalogueSnapshots, cache: BitmapCache, clock: Clock) -> None:
        self._catalogues = catalogues
        self._cache = cache
        self._clock = clock

    async def report(self, tenant_id: TenantId) -> UtilisationReport:
        """The next DATES dates.

        Raises RedisUnavailable, NotFound for an unknown business, and StoreUnavailable when its set-up must be loaded
        and Postgres does not answer.
        """
        for _ in range(_ATTEMPTS):
            snapshot = await self._catalogues.get(tenant_id)
            found = await self._look(tenant_id, snapshot)
            if found is not None:
                return found
            self._catalogues.forget(tenant_id, snapshot)
        detail = "The settings of the business changed while we answered. Please retry."
        raise StoreUnavailable(detail)

    async def _look(self, tenant_id: TenantId, snapshot: CatalogueSnapshot) -> UtilisationReport | None:
        """The report from the cache; None when the snapshot is out of date."""
        catalogue = snapshot.catalogue
        everybody = [resource for resource in catalogue.resources if not resource.archived]
        resources = everybody[:MOST_RESOURCES]
        dates = self._dates(catalogue)
        days = range(day_number(dates[0]) - _DAYS_BEFORE, day_number(dates[-1]) + _DAYS_AFTER + 1)
        # Also where there is nobody, it tells whether the set-up is the present one.
        block = block_of([resource.id for resource in resources], days)
        cached = await self._cache.read_block(tenant_id, block)
        if cached.catalogue_version is None or cached.catalogue_version != snapshot.version:
            return None
        return UtilisationReport(
            name=catalogue.business.name,
            timezone=catalogue.business.timezone,
            dates=dates,
            resources=_rows(resources, dates, days, cached),
            omitted_resources=len(everybody) - len(resources),
        )

    def _dates(self, catalogue: Catalogue) -> tuple[date, ...]:
        business = catalogue.business
        today = local_now(business.timezone, business_now(business.sandbox_now, self._clock)).date()
        return tuple(today + timedelta(days=number) for number in range(DATES))


def _rows(
    resources: Sequence[Resource], dates: Sequence[date], days: range, cached: CachedBlock
) -> tuple[ResourceUtilisation, ...]:
    held: defaultdict[ResourceId, list[HeldMinutes]] = defaultdict(list)
    for at, entry in cached.held:
        held[resources[at % len(resources)].id].append(HeldMinutes(lane=entry.lane, span=entry.span))
    return tuple(
        ResourceUtilisation(
            name=resource.name,
            kind=resource.kind,
            uses=tuple(
                day_use(resource, day, _of_days(days, cached, row, len(resources)), held[resource.id]) for day in dates
            ),
        )
        for row, resource in enumerate(resources)
    )


def _of_days(days: range, cached: CachedBlock, row: int, width: int) -> Mapping[int, bytes]:
    return dict(zip(days, cached.bitmaps[row::width], strict=True))
