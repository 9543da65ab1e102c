"""Quotas as values: how much of a kind the operator grants a business."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from kernel.errors import DomainError
from kernel.ids import TenantId


class Quota(StrEnum):
    """Kind of what is limited."""

    RESOURCES = "resources"
    USERS = "users"
    WEBHOOK_ENDPOINTS = "webhook_endpoints"
    API_KEYS = "api_keys"
    APPOINTMENTS_PER_DAY = "appointments_per_day"
    """Appointments that are made from midnight to midnight UTC, whatever becomes of them."""
    LIVE_HOLDS = "live_holds"
    """Holds that live at once, those of the business itself among them."""


MOST: Final = 1_000_000
"""The largest quota: beyond it there is none."""
Quotas = Mapping[Quota, int]
"""The most of each kind; one that is absent has no limit but that of the engine."""
QuotaOf: TypeAlias = Callable[[TenantId, Quota], int | None]
"""Tells the quota of a business as this process knows it, within a second or so; None: it has none."""
_NAMES: Final = {
    Quota.RESOURCES: "resources",
    Quota.USERS: "users",
    Quota.WEBHOOK_ENDPOINTS: "webhook endpoints",
    Quota.API_KEYS: "API keys",
}


def no_quota(_tenant_id: TenantId, _quota: Quota) -> int | None:
    """Tell that there is no quota."""
    return None


class QuotaExceeded(DomainError):
    """The business has as many objects of a kind as the operator grants it."""

    code = "quota_exceeded"

    def __init__(self, quota: Quota, limit: int) -> None:
        detail = f"The operator of this engine grants this business {limit} {_NAMES[quota]}. Remove one first."
        super().__init__(detail, quota=quota.value, limit=limit)


class DayQuotaExceeded(QuotaExceeded):
    """The business has made as many appointments today as the operator grants it."""

    def __init__(self, limit: int, retry_after_seconds: int) -> None:
        DomainError.__init__(
            self,
            f"The operator of this engine grants this business {limit} appointments a day (UTC), and today it has made "
            "as many. Try again tomorrow.",
            quota=Quota.APPOINTMENTS_PER_DAY.value,
            limit=limit,
            retry_after_seconds=retry_after_seconds,
        )
