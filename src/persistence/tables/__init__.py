"""The database schema as SQLAlchemy tables; constraints, policies and triggers live in migrations/."""

from persistence.tables.access import api_keys
from persistence.tables.bookings import appointment_resources, appointments, claims, customers
from persistence.tables.catalogue import (
    breaks,
    businesses,
    hours,
    lanes,
    locations,
    overrides,
    requirement_resources,
    requirements,
    resources,
    services,
    time_off,
)
from persistence.tables.due_work import due_work
from persistence.tables.metadata import metadata
from persistence.tables.outbox import idempotency_keys, invalidations, outbox

__all__ = [
    "api_keys",
    "appointment_resources",
    "appointments",
    "breaks",
    "businesses",
    "claims",
    "customers",
    "due_work",
    "hours",
    "idempotency_keys",
    "invalidations",
    "lanes",
    "locations",
    "metadata",
    "outbox",
    "overrides",
    "requirement_resources",
    "requirements",
    "resources",
    "services",
    "time_off",
]
