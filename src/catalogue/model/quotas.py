"""Quotas as values: how many objects of a kind the operator grants a business."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from kernel.errors import DomainError


class Quota(StrEnum):
    """Kind of objects that are limited."""

    RESOURCES = "resources"
    USERS = "users"
    WEBHOOK_ENDPOINTS = "webhook_endpoints"
    API_KEYS = "api_keys"


MOST: Final = 1_000_000
"""The largest quota: beyond it there is none."""
Quotas = Mapping[Quota, int]
"""The most of each kind; one that is absent has no limit but that of the engine."""
_NAMES: Final = {
    Quota.RESOURCES: "resources",
    Quota.USERS: "users",
    Quota.WEBHOOK_ENDPOINTS: "webhook endpoints",
    Quota.API_KEYS: "API keys",
}


class QuotaExceeded(DomainError):
    """The business has as many objects of a kind as the operator grants it."""

    code = "quota_exceeded"

    def __init__(self, quota: Quota, limit: int) -> None:
        detail = f"The operator of this engine grants this business {limit} {_NAMES[quota]}. Remove one first."
        super().__init__(detail, quota=quota.value, limit=limit)
