"""Roles: the parts that callers have in a business."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """Role of a caller, which decides what it may do (access.permissions)."""

    OWNER = "owner"
    """All of the business. A secret key acts as it."""
    MANAGER = "manager"
    STAFF = "staff"
    """Of one resource: its calendar and its appointments."""
    CUSTOMER = "customer"
    VISITOR = "visitor"
    """Anybody's browser, by a publishable key."""
    HOLDER = "holder"
    """The bearer of an appointment's token."""


USER_ROLES: Final = (Role.OWNER, Role.MANAGER, Role.STAFF)
"""The roles that users of a business have."""
