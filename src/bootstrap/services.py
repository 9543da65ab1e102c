"""Every service, put together: the only file that knows every constructor."""

from dataclasses import dataclass
from typing import Final

from availability.service import AvailabilityService
from availability.state.bitmap_cache import BitmapCache
from availability.state.catalogue_snapshots import CatalogueSnapshots
from availability.state.daily_limits import DailyLimits
from availability.state.staff_days import StaffDays
from availability.utilisation.service import UtilisationService
from bookings.appointments import AppointmentService
from bookings.grace import Grace
from bookings.service import BookingService
from bootstrap.context import Context
from catalogue.sandbox import SandboxService
from catalogue.service import CatalogueLoader, CatalogueService
from catalogue.tenants import TenantService
from holds.service import HoldService
from holds.store import HoldStore
from kernel.clock import Clock, SystemClock
from persistence.unit_of_work import UnitOfWork

# COMMIT is one statement: nobody waits longer for it than for any other.
_CLOCK_MARGIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases of the engine."""

    unit_of_work: UnitOfWork
    tenants: TenantService
    catalogue: CatalogueService
    sandbox: SandboxService
    availability: AvailabilityService
    occupancy: UtilisationService
    holds: HoldService
    bookings: BookingService
    appointments: AppointmentService


def build_services(context: Context, clock: Clock | None = None) -> Services:
    """The services on the pools of a context. They open nothing by themselves, and need not be closed."""
    clock = clock or SystemClock()
    unit_of_work = UnitOfWork(context.engine)
    cache = BitmapCache(context.redis)
    catalogues = CatalogueSnapshots(CatalogueLoader(unit_of_work), cache)
    availability = AvailabilityService(
        unit_of_work=unit_of_work,
        catalogues=catalogues,
        staff_days=StaffDays(unit_of_work, cache, context.missed_commits, context.metrics),
        daily_limits=DailyLimits(unit_of_work),
        cache=cache,
        missed_commits=context.missed_commits,
        clock=clock,
    )
    holds = HoldService(
        availability=availability,
        store=HoldStore(context.redis),
        register=context.hold_register,
        metrics=context.metrics,
    )
    settings = context.settings
    grace = Grace(
        commit_seconds=settings.confirm_seconds,
        margin_seconds=settings.postgres_statement_ms / 1000 + _CLOCK_MARGIN_SECONDS,
    )
    return Services(
        unit_of_work=unit_of_work,
        tenants=TenantService(unit_of_work=unit_of_work, engine=context.engine),
        catalogue=CatalogueService(unit_of_work=unit_of_work, changed=availability),
        sandbox=SandboxService(unit_of_work=unit_of_work, changed=availability, clock=clock),
        availability=availability,
        occupancy=UtilisationService(catalogues, cache, clock),
        holds=holds,
        bookings=BookingService(
            unit_of_work=unit_of_work,
            availability=availability,
            holds=holds,
            clock=clock,
            grace=grace,
            metrics=context.metrics,
        ),
        appointments=AppointmentService(
            unit_of_work=unit_of_work,
            availability=availability,
            holds=holds,
            clock=clock,
            grace=grace,
            metrics=context.metrics,
        ),
    )
