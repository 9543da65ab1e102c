"""Services and settings shared by the use cases on appointments."""

from dataclasses import dataclass

from availability.cache_sync import CacheSync
from availability.state.catalogue_snapshots import CatalogueSnapshots
from availability.state.staff_days import StaffDays
from bookings.grace import Grace
from bookings.token_secrets import TokenSecrets
from catalogue.model.quotas import QuotaOf, no_quota
from holds.service import HoldService
from kernel.clock import Clock
from persistence.unit_of_work import UnitOfWork
from telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """Everything that the services of this package work with."""

    unit_of_work: UnitOfWork
    snapshots: CatalogueSnapshots
    staff_days: StaffDays
    cache_sync: CacheSync
    holds: HoldService
    token_secrets: TokenSecrets
    clock: Clock
    grace: Grace
    metrics: Metrics
    quota_of: QuotaOf = no_quota
