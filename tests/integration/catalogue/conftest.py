"""A migrated database and the services that set up businesses in it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from availability.affected_visits import AffectedVisits
from catalogue.document_service import BusinessDocumentService
from catalogue.loader import CatalogueLoader
from catalogue.objects_service import CatalogueObjectService
from catalogue.override_service import OverrideService
from catalogue.tenants import NewTenant, TenantService
from catalogue.time_off_service import TimeOffService
from catalogue.writer import CatalogueWriter
from kernel.clock import SystemClock
from kernel.ids import CommitId, ResourceId, TenantId
from kernel.spans import Span
from persistence.engine import PostgresLimits, create_engine
from persistence.unit_of_work import UnitOfWork


@dataclass
class Recorder:
    """Notes what the catalogue tells."""

    catalogues: list[TenantId] = field(default_factory=list)
    time_off: list[tuple[ResourceId, Span]] = field(default_factory=list)

    async def drop_changed(
        self,
        tenant_id: TenantId,
        commit_id: CommitId,  # noqa: ARG002 - the port's signature
        *,
        catalogue: bool,
        time_off: Sequence[tuple[ResourceId, Span]],
    ) -> None:
        if catalogue:
            self.catalogues.append(tenant_id)
        self.time_off.extend(time_off)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, PostgresLimits(pool_size=5))
    yield engine
    await engine.dispose()


@pytest.fixture
def unit_of_work(engine: AsyncEngine) -> UnitOfWork:
    return UnitOfWork(engine)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def _writer(unit_of_work: UnitOfWork, recorder: Recorder) -> CatalogueWriter:
    return CatalogueWriter(
        unit_of_work=unit_of_work, cache_updater=recorder, affected_finder=AffectedVisits(SystemClock())
    )


@pytest.fixture
def catalogue(unit_of_work: UnitOfWork, recorder: Recorder) -> BusinessDocumentService:
    return BusinessDocumentService(unit_of_work=unit_of_work, writer=_writer(unit_of_work, recorder))


@pytest.fixture
def objects(unit_of_work: UnitOfWork, recorder: Recorder) -> CatalogueObjectService:
    writer = _writer(unit_of_work, recorder)
    return CatalogueObjectService(loader=CatalogueLoader(unit_of_work), writer=writer)


@pytest.fixture
def time_off(unit_of_work: UnitOfWork, recorder: Recorder) -> TimeOffService:
    return TimeOffService(
        unit_of_work=unit_of_work, cache_updater=recorder, affected_finder=AffectedVisits(SystemClock())
    )


@pytest.fixture
def overrides(unit_of_work: UnitOfWork, recorder: Recorder) -> OverrideService:
    return OverrideService(_writer(unit_of_work, recorder))


@pytest.fixture
def tenants(unit_of_work: UnitOfWork, engine: AsyncEngine) -> TenantService:
    return TenantService(unit_of_work=unit_of_work, engine=engine)


@pytest.fixture
async def tenant(tenants: TenantService) -> NewTenant:
    return await tenants.create("Fade & Co", timezone="Asia/Jerusalem", currency="ILS")
