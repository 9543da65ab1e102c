"""The database schema as SQLAlchemy tables, but for those of the catalogue (catalogue.tables).

Constraints, policies and triggers live in migrations/.
"""

from persistence.tables.access import api_keys
from persistence.tables.audit import audit_entries, audit_links, audit_queue
from persistence.tables.bookings import appointment_resources, appointments, claims, customers
from persistence.tables.consents import consents, erasures
from persistence.tables.due_work import due_work
from persistence.tables.events import events
from persistence.tables.keys import business_keys, key_canaries, personal_keys
from persistence.tables.metadata import metadata
from persistence.tables.notifications import notification_channels, notifications, suppressions
from persistence.tables.outbox import idempotency_keys, invalidations, outbox
from persistence.tables.secrets import secrets
from persistence.tables.standings import operator_requests, standings
from persistence.tables.tasks import tasks
from persistence.tables.users import (
    identity_providers,
    sign_in_attempts,
    sign_in_links,
    signing_keys,
    user_sessions,
    users,
)
from persistence.tables.webhooks import webhook_deliveries, webhook_endpoints

__all__ = [
    "api_keys",
    "appointment_resources",
    "appointments",
    "audit_entries",
    "audit_links",
    "audit_queue",
    "business_keys",
    "claims",
    "consents",
    "customers",
    "due_work",
    "erasures",
    "events",
    "idempotency_keys",
    "identity_providers",
    "invalidations",
    "key_canaries",
    "metadata",
    "notification_channels",
    "notifications",
    "operator_requests",
    "outbox",
    "personal_keys",
    "secrets",
    "sign_in_attempts",
    "sign_in_links",
    "signing_keys",
    "standings",
    "suppressions",
    "tasks",
    "user_sessions",
    "users",
    "webhook_deliveries",
    "webhook_endpoints",
]
