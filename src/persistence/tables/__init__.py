"""The database schema as SQLAlchemy tables, but for those of the catalogue (catalogue.tables).

Constraints, policies and triggers live in migrations/.
"""

from persistence.tables.access import api_keys
from persistence.tables.bookings import appointment_resources, appointments, claims, customers
from persistence.tables.due_work import due_work
from persistence.tables.events import events
from persistence.tables.metadata import metadata
from persistence.tables.outbox import idempotency_keys, invalidations, outbox
from persistence.tables.secrets import secrets
from persistence.tables.tasks import tasks
from persistence.tables.webhooks import webhook_deliveries, webhook_endpoints

__all__ = [
    "api_keys",
    "appointment_resources",
    "appointments",
    "claims",
    "customers",
    "due_work",
    "events",
    "idempotency_keys",
    "invalidations",
    "metadata",
    "outbox",
    "secrets",
    "tasks",
    "webhook_deliveries",
    "webhook_endpoints",
]
