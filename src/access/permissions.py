"""Permissions: the one table of roles and operations, from which code, documents and tests are made."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from access.roles import Role


class Reach(StrEnum):
    """Reach of an operation for a role."""

    NO = "no"
    """The operation is refused."""
    OWN = "own"
    """Objects that belong to the caller; those of others do not exist for it."""
    ALL = "all"
    """All objects of the business."""


NO, OWN, ALL = Reach.NO, Reach.OWN, Reach.ALL
_COLUMNS: Final = (Role.OWNER, Role.MANAGER, Role.STAFF, Role.CUSTOMER, Role.VISITOR, Role.HOLDER)
_ROWS: Final = (
    # Operation                     owner manager staff customer visitor holder
    ("getMe",                       ALL,  ALL,    ALL,  ALL,     ALL,    ALL),
    ("getStorefront",               ALL,  ALL,    ALL,  ALL,     ALL,    NO),
    ("listAvailability",            ALL,  ALL,    ALL,  ALL,     ALL,    NO),
    ("listAvailableDays",           ALL,  ALL,    ALL,  ALL,     ALL,    NO),
    ("listNextAvailability",        ALL,  ALL,    ALL,  ALL,     ALL,    NO),
    ("streamAvailability",          ALL,  ALL,    ALL,  ALL,     ALL,    NO),
    ("placeHold",                   ALL,  ALL,    OWN,  ALL,     ALL,    NO),
    ("listHolds",                   ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("getHold",                     ALL,  ALL,    OWN,  ALL,     ALL,    NO),
    ("extendHold",                  ALL,  ALL,    OWN,  ALL,     ALL,    NO),
    ("releaseHold",                 ALL,  ALL,    OWN,  ALL,     ALL,    NO),
    ("sendVerificationCode",        ALL,  ALL,    OWN,  ALL,     ALL,    NO),
    ("checkVerificationCode",       ALL,  ALL,    OWN,  ALL,     ALL,    NO),
    ("confirmHold",                 ALL,  ALL,    OWN,  ALL,     ALL,    NO),
    ("bookAppointment",             ALL,  ALL,    OWN,  ALL,     ALL,    NO),
    ("listAppointments",            ALL,  ALL,    OWN,  OWN,     NO,     NO),
    ("getAppointment",              ALL,  ALL,    OWN,  OWN,     NO,     OWN),
    ("annotateAppointment",         ALL,  ALL,    OWN,  OWN,     NO,     OWN),
    ("rescheduleAppointment",       ALL,  ALL,    OWN,  OWN,     NO,     OWN),
    ("cancelAppointment",           ALL,  ALL,    OWN,  OWN,     NO,     OWN),
    ("missAppointment",             ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("reopenAppointment",           ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("completeAppointment",         ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("waiveFee",                    ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("approveAppointment",          ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("declineAppointment",          ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("listCustomers",               ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("getCustomer",                 ALL,  ALL,    OWN,  OWN,     NO,     NO),
    ("changeCustomer",              ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("listCustomerAppointments",    ALL,  ALL,    OWN,  OWN,     NO,     NO),
    ("setConsent",                  ALL,  ALL,    OWN,  OWN,     NO,     NO),
    ("exportCustomer",              ALL,  ALL,    OWN,  OWN,     NO,     NO),
    ("eraseCustomer",               ALL,  NO,     NO,   NO,      NO,     NO),
    ("mergeCustomer",               ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listEvents",                  ALL,  ALL,    NO,   NO,      NO,     NO),
    ("streamEvents",                ALL,  ALL,    NO,   NO,      NO,     NO),
    ("makeStreamTicket",            ALL,  ALL,    ALL,  ALL,     ALL,    NO),
    ("getBusiness",                 ALL,  ALL,    NO,   NO,      NO,     NO),
    ("applyBusiness",               ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listLocations",               ALL,  ALL,    ALL,  NO,      NO,     NO),
    ("getLocation",                 ALL,  ALL,    ALL,  NO,      NO,     NO),
    ("createLocation",              ALL,  ALL,    NO,   NO,      NO,     NO),
    ("changeLocation",              ALL,  ALL,    NO,   NO,      NO,     NO),
    ("archiveLocation",             ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listServices",                ALL,  ALL,    ALL,  NO,      NO,     NO),
    ("getService",                  ALL,  ALL,    ALL,  NO,      NO,     NO),
    ("createService",               ALL,  ALL,    NO,   NO,      NO,     NO),
    ("changeService",               ALL,  ALL,    NO,   NO,      NO,     NO),
    ("archiveService",              ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listResources",               ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("getResource",                 ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("createResource",              ALL,  ALL,    NO,   NO,      NO,     NO),
    ("changeResource",              ALL,  ALL,    NO,   NO,      NO,     NO),
    ("archiveResource",             ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listTimeOff",                 ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("addTimeOff",                  ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("deleteTimeOff",               ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("putOverride",                 ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("deleteOverride",              ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("createUser",                  ALL,  NO,     NO,   NO,      NO,     NO),
    ("listUsers",                   ALL,  NO,     NO,   NO,      NO,     NO),
    ("getUser",                     ALL,  NO,     NO,   NO,      NO,     NO),
    ("changeUser",                  ALL,  NO,     NO,   NO,      NO,     NO),
    ("deleteUser",                  ALL,  NO,     NO,   NO,      NO,     NO),
    ("getIdentityProvider",         ALL,  NO,     NO,   NO,      NO,     NO),
    ("putIdentityProvider",         ALL,  NO,     NO,   NO,      NO,     NO),
    ("deleteIdentityProvider",      ALL,  NO,     NO,   NO,      NO,     NO),
    ("deleteCurrentSession",        ALL,  ALL,    ALL,  NO,      NO,     NO),
    ("listNotifications",           ALL,  ALL,    NO,   NO,      NO,     NO),
    ("resendNotification",          ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listNotificationChannels",    ALL,  NO,     NO,   NO,      NO,     NO),
    ("getNotificationChannel",      ALL,  NO,     NO,   NO,      NO,     NO),
    ("putEmailChannel",             ALL,  NO,     NO,   NO,      NO,     NO),
    ("putSmsChannel",               ALL,  NO,     NO,   NO,      NO,     NO),
    ("putPushChannel",              ALL,  NO,     NO,   NO,      NO,     NO),
    ("putHttpChannel",              ALL,  NO,     NO,   NO,      NO,     NO),
    ("deleteNotificationChannel",   ALL,  NO,     NO,   NO,      NO,     NO),
    ("createWebhookEndpoint",       ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listWebhookEndpoints",        ALL,  ALL,    NO,   NO,      NO,     NO),
    ("getWebhookEndpoint",          ALL,  ALL,    NO,   NO,      NO,     NO),
    ("changeWebhookEndpoint",       ALL,  ALL,    NO,   NO,      NO,     NO),
    ("deleteWebhookEndpoint",       ALL,  ALL,    NO,   NO,      NO,     NO),
    ("rotateWebhookSecret",         ALL,  ALL,    NO,   NO,      NO,     NO),
    ("revokePreviousWebhookSecret", ALL,  ALL,    NO,   NO,      NO,     NO),
    ("pingWebhookEndpoint",         ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listWebhookDeliveries",       ALL,  ALL,    NO,   NO,      NO,     NO),
    ("replayWebhookEvents",         ALL,  ALL,    NO,   NO,      NO,     NO),
    ("resendWebhookDelivery",       ALL,  ALL,    NO,   NO,      NO,     NO),
    ("listAuditEntries",            ALL,  ALL,    OWN,  NO,      NO,     NO),
    ("listApiKeys",                 ALL,  NO,     NO,   NO,      NO,     NO),
    ("createApiKey",                ALL,  NO,     NO,   NO,      NO,     NO),
    ("rotateApiKey",                ALL,  NO,     NO,   NO,      NO,     NO),
    ("revokeApiKey",                ALL,  NO,     NO,   NO,      NO,     NO),
    ("rotateAppointmentTokens",     ALL,  NO,     NO,   NO,      NO,     NO),
    ("setClock",                    ALL,  ALL,    NO,   NO,      NO,     NO),
    ("getClock",                    ALL,  ALL,    NO,   NO,      NO,     NO),
    ("resetClock",                  ALL,  ALL,    NO,   NO,      NO,     NO),
)  # fmt: skip
PERMISSIONS: Final[Mapping[str, Mapping[Role, Reach]]] = MappingProxyType(
    {operation_id: dict(zip(_COLUMNS, reaches, strict=True)) for operation_id, *reaches in _ROWS}
)
"""The reach of every operation that has a caller, by its id in the OpenAPI document and by the caller's role."""


def admitted_roles(operation_id: str) -> tuple[Role, ...]:
    """The roles that may perform the operation at all, the most powerful first."""
    return tuple(role for role, reach in PERMISSIONS[operation_id].items() if reach is not Reach.NO)


def operations_of(*roles: Role) -> Mapping[str, Reach]:
    """The operations that a caller with these roles may perform, each with the farthest of their reaches."""
    reaches = {operation_id: {permission[role] for role in roles} for operation_id, permission in PERMISSIONS.items()}
    return {
        operation_id: ALL if ALL in of_roles else OWN for operation_id, of_roles in reaches.items() if of_roles != {NO}
    }
