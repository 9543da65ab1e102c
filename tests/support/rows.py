"""A business as rows of the database, one or more in each table, written past the engine."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from kernel.ids import AppointmentId, ResourceId, TenantId

NOON: Final = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)

# In the order of the foreign keys. :tenant is the business, :name tells its ids from those of another one.
_INSERTS: Final = (
    """INSERT INTO businesses (tenant_id, name, timezone, currency, mode, token_secret)
        VALUES (:tenant, ':name', 'UTC', 'USD', 'live', 'secret')""",
    """INSERT INTO locations (tenant_id, id, key, position, name, timezone)
        VALUES (:tenant, 'loc_:name', 'main', 0, 'Main', 'UTC')""",
    """INSERT INTO resources (tenant_id, id, key, position, kind, name, location_id, capacity)
        VALUES (:tenant, 'res_:name', 'noa', 0, 'staff', 'Noa', 'loc_:name', 2)""",
    """INSERT INTO lanes (tenant_id, resource_id, number)
        SELECT :tenant, 'res_:name', number FROM generate_series(1, 2) AS number""",
    """INSERT INTO hours (tenant_id, resource_id, position, days, start_minute, end_minute)
        VALUES (:tenant, 'res_:name', 0, 'mon,tue', 540, 1080)""",
    """INSERT INTO breaks (tenant_id, resource_id, position, days, start_minute, end_minute)
        VALUES (:tenant, 'res_:name', 0, 'mon,tue', 780, 810)""",
    """INSERT INTO overrides (tenant_id, resource_id, on_date, spans)
        VALUES (:tenant, 'res_:name', '2026-12-24', '[]')""",
    """INSERT INTO time_off (tenant_id, id, resource_id, during)
        VALUES (:tenant, 'tof_:name', 'res_:name', '[2027-01-03T00:00Z,2027-01-10T00:00Z)')""",
    """INSERT INTO services (tenant_id, id, key, position, name, duration_minutes, buffer_before_minutes,
            buffer_after_minutes, buffers_inside_hours, price_minor, price_currency, grid_align, grid_offset_minutes,
            assign)
        VALUES (:tenant, 'svc_:name', 'haircut', 0, 'Haircut', 30, 0, 0, false, 9000, 'USD', 'opening', 0,
            'priority')""",
    """INSERT INTO requirements (tenant_id, service_id, position, role, count, offset_minutes)
        VALUES (:tenant, 'svc_:name', 0, 'staff', 1, 0)""",
    """INSERT INTO requirement_resources (tenant_id, service_id, requirement_position, resource_id, position)
        VALUES (:tenant, 'svc_:name', 0, 'res_:name', 0)""",
    """INSERT INTO customers (tenant_id, id, name) VALUES (:tenant, 'cus_:name', 'Ada')""",
    """INSERT INTO appointments (tenant_id, id, hold_id, service_id, customer_id, customer, status, starts_at, ends_at,
            timezone, party, price_minor, price_currency, policy)
        VALUES (:tenant, 'apt_:name', 'hld_:name', 'svc_:name', 'cus_:name', '{}', 'confirmed',
            '2026-12-01T12:00Z', '2026-12-01T12:30Z', 'UTC', 1, 9000, 'USD', '{}')""",
    """INSERT INTO appointment_resources (tenant_id, appointment_id, position, role, resource_id, starts_at, ends_at,
            assigned_at)
        VALUES (:tenant, 'apt_:name', 0, 'staff', 'res_:name', '2026-12-01T12:00Z', '2026-12-01T12:30Z', now())""",
    """INSERT INTO claims (tenant_id, appointment_id, lane_id, during)
        SELECT :tenant, 'apt_:name', id, '[2026-12-01T12:00Z,2026-12-01T12:30Z)'
        FROM lanes WHERE tenant_id = :tenant AND number = 1""",
    """INSERT INTO outbox (tenant_id, name, subject, data) VALUES (:tenant, 'tested.v1', 'apt_:name', '{}')""",
    """INSERT INTO idempotency_keys (tenant_id, key, request_digest) VALUES (:tenant, 'key', 'digest')""",
    """INSERT INTO api_keys (id, tenant_id, kind, digest) VALUES ('key_:name', :tenant, 'secret', ':name')""",
)
_AUDIT: Final = (
    """INSERT INTO audit_entries (tenant_id, id, actor, action, subject)
        VALUES (:tenant, 'aud_:name', 'business:key_:name', 'tested', 'apt_:name')""",
    """INSERT INTO audit_queue (tenant_id, entry_id) VALUES (:tenant, 'aud_:name')""",
    """INSERT INTO audit_links (tenant_id, number, entry_id, hash) VALUES (:tenant, 1, 'aud_:name', '')""",
)
_KEYS: Final = (
    """INSERT INTO business_keys (tenant_id, number, key_id, sealed) VALUES (:tenant, 1, '00000000', '')""",
    """INSERT INTO personal_keys (tenant_id, subject, customer_id, number, sealed)
        VALUES (:tenant, 'apt_:name', 'cus_:name', 1, '')""",
)
_CUSTOMERS: Final = (
    """INSERT INTO consents (tenant_id, customer_id, purpose, number, granted, source)
        VALUES (:tenant, 'cus_:name', 'reminders', 1, true, 'tested')""",
    """INSERT INTO erasures (tenant_id, customer_id) VALUES (:tenant, 'cus_other_:name')""",
)
_WEBHOOKS: Final = (
    """INSERT INTO secrets (tenant_id, id, purpose, key_id, sealed)
        VALUES (:tenant, 'sec_:name', 'tested', '00000000', '')""",
    """INSERT INTO webhook_endpoints (tenant_id, id, url, types, payload, secret_id, place)
        VALUES (:tenant, 'whe_:name', 'https://example.com/', '{*}', 'thin', 'sec_:name', 0)""",
    """INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, event_id, type, subject, status, due_at)
        VALUES (:tenant, 'whd_:name', 'whe_:name', 'evt_:name', 'tested', 'apt_:name', 'held', now())""",
)
_NOTIFICATIONS: Final = (
    """INSERT INTO notifications (tenant_id, id, kind, audience, recipient_kind, recipient_id, channel, dedupe, due_at,
        status) VALUES (:tenant, 'ntf_:name', 'confirmed', 'customer', 'customer', 'cus_:name', 'email', ':name', now(),
        'planned')""",
    """INSERT INTO secrets (tenant_id, id, purpose, key_id, sealed)
        VALUES (:tenant, 'sec_chn_:name', 'tested', '00000000', '')""",
    """INSERT INTO notification_channels (tenant_id, channel, secret_id) VALUES (:tenant, 'email', 'sec_chn_:name')""",
    """INSERT INTO suppressions (tenant_id, channel, address_index, reason)
        VALUES (:tenant, 'email', 'blind::name', 'bounced')""",
)
_USERS: Final = (
    """INSERT INTO secrets (tenant_id, id, purpose, key_id, sealed)
        VALUES (:tenant, 'sec_usr_:name', 'tested', '00000000', '')""",
    """INSERT INTO users (tenant_id, id, role, email_digest, email_key_id, secret_id)
        VALUES (:tenant, 'usr_:name', 'owner', ':name', '00000000', 'sec_usr_:name')""",
    """INSERT INTO signing_keys (tenant_id, id, public_key, secret_id)
        VALUES (:tenant, 'sgk_:name', '', 'sec_usr_:name')""",
    """INSERT INTO user_sessions (tenant_id, id, user_id, secret_id, expires_at)
        VALUES (:tenant, 'ses_:name', 'usr_:name', 'sec_usr_:name', now() + interval '1 hour')""",
    """INSERT INTO sign_in_links (tenant_id, digest, user_id, expires_at)
        VALUES (:tenant, ':name', 'usr_:name', now() + interval '1 hour')""",
    """INSERT INTO identity_providers (tenant_id, issuer, audience) VALUES (:tenant, 'https://id.example', ':name')""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What tests name of a business: an appointment has its first lane from NOON for half an hour."""

    tenant_id: TenantId
    resource_id: ResourceId
    appointment_id: AppointmentId
    lanes: tuple[int, int]


async def insert_business(owner: "asyncpg.Connection[Any]", name: str) -> Rows:
    """Write the rows of one business as the owner of the tables, and forget that anything changed."""
    tenant_id = TenantId(UUID(bytes=name.encode().ljust(16, b"\0")[:16]))
    for statement in _INSERTS:
        await owner.execute(statement.replace(":tenant", f"'{tenant_id}'").replace(":name", name))
    await owner.execute("DELETE FROM invalidations")
    first, second = await owner.fetch("SELECT id FROM lanes WHERE tenant_id = $1 ORDER BY number", tenant_id)
    return Rows(
        tenant_id=tenant_id,
        resource_id=ResourceId(f"res_{name}"),
        appointment_id=AppointmentId(f"apt_{name}"),
        lanes=(first["id"], second["id"]),
    )


async def insert_webhook(owner: "asyncpg.Connection[Any]", rows: Rows, name: str) -> None:
    """Write an endpoint of the business, its secret and a delivery."""
    for statement in _WEBHOOKS:
        await owner.execute(statement.replace(":tenant", f"'{rows.tenant_id}'").replace(":name", name))


async def insert_user(owner: "asyncpg.Connection[Any]", rows: Rows, name: str) -> None:
    """Write a user of the business with a session, a sign-in link, a signing key and an identity provider."""
    for statement in _USERS:
        await owner.execute(statement.replace(":tenant", f"'{rows.tenant_id}'").replace(":name", name))


async def insert_notifications(owner: "asyncpg.Connection[Any]", rows: Rows, name: str) -> None:
    """Write a notification and a channel of the business, and an address that it writes to no more."""
    for statement in _NOTIFICATIONS:
        await owner.execute(statement.replace(":tenant", f"'{rows.tenant_id}'").replace(":name", name))


async def insert_audit_entry(owner: "asyncpg.Connection[Any]", rows: Rows, name: str) -> None:
    """Write an entry of the business's audit log, with a link, and queue it too."""
    for statement in _AUDIT:
        await owner.execute(statement.replace(":tenant", f"'{rows.tenant_id}'").replace(":name", name))


async def insert_keys(owner: "asyncpg.Connection[Any]", rows: Rows, name: str) -> None:
    """Write a key of the business, and one of its appointment."""
    for statement in _KEYS:
        await owner.execute(statement.replace(":tenant", f"'{rows.tenant_id}'").replace(":name", name))


async def insert_customer_data(owner: "asyncpg.Connection[Any]", rows: Rows, name: str) -> None:
    """Write a consent of the business's customer, and the erasure of another one."""
    for statement in _CUSTOMERS:
        await owner.execute(statement.replace(":tenant", f"'{rows.tenant_id}'").replace(":name", name))


async def insert_event(owner: "asyncpg.Connection[Any]", tenant_id: TenantId, event_type: str = "tested") -> None:
    """Write an event of the feed as if the relay had moved it."""
    await owner.execute(
        "INSERT INTO events (tenant_id, id, type, version, subject, data, occurred_at)"
        " VALUES ($1, 'evt_' || gen_random_uuid(), $2, 1, 'apt_1', '{}', now())",
        tenant_id,
        event_type,
    )


async def claim(
    connection: "asyncpg.Connection[Any]",
    rows: Rows,
    *,
    lane: int = 1,
    start: datetime = NOON,
    minutes: float = 30,
    bounds: str = "[)",
) -> None:
    """Insert one claim of a lane."""
    await connection.execute(
        "INSERT INTO claims (tenant_id, appointment_id, lane_id, during) VALUES ($1, $2, $3, tstzrange($4, $5, $6))",
        rows.tenant_id,
        rows.appointment_id,
        rows.lanes[lane - 1],
        start,
        start + timedelta(minutes=minutes),
        bounds,
    )
