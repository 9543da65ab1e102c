"""Rows that a transaction leaves for later: events, invalidations, answers to repeated requests."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from persistence.tables.metadata import created_column, metadata, tenant_column

outbox = Table(
    "outbox",
    metadata,
    tenant_column(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, comment="such as appointment.confirmed.v1"),
    Column("subject", Text, nullable=False, comment="the id of what it happened to"),
    Column("data", JSONB, nullable=False),
    Column("actor", Text, comment="who acted, such as customer:key_…; null: written by an older version"),
    Column("request_id", Text, comment="of the HTTP request; null: there was none"),
    created_column(),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
    # Of all businesses: the relay takes the rows in this order.
    Index("outbox_id_idx", "id"),
)

# No row-level security: one invalidator serves all businesses. A row says nothing but ids and dates.
invalidations = Table(
    "invalidations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", UUID(as_uuid=True), nullable=False),
    Column("resource_id", Text, comment="null: the catalogue of the business changed"),
    Column("first_day", Date, comment="UTC; null with resource_id"),
    Column("last_day", Date, comment="UTC, inclusive; null with resource_id"),
    Column("operation_id", Text, comment="the engine's write that made it; null: another writer"),
    created_column(),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    tenant_column(),
    Column("key", Text, primary_key=True, comment="digest of the credential and the key that it sent"),
    Column(
        "request_digest",
        LargeBinary,
        nullable=False,
        comment="digest of method, path, query, kind of caller, appointment and body: keyed by the master key, if "
        "there is one",
    ),
    Column("status", Integer, comment="HTTP status of the answer; null: still running"),
    Column("body", LargeBinary, comment="the answer as it was sent"),
    Column("etag", Text),
    created_column(),
    Column("attempt", Text, comment="name of the request while the key is taken; null: an older program wrote it"),
    Column("sealed", LargeBinary, comment="status and body, sealed"),
    Column("subject", Text, comment="whose personal key sealed the answer; null: the business's key did"),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
    Index("idempotency_keys_created_idx", "tenant_id", "created_at"),
)
