"""Webhook endpoints, and the deliveries to them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKeyConstraint, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from persistence.tables.metadata import created_column, id_column, metadata, tenant_column, version_column

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    tenant_column(),
    id_column(),
    Column("url", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False, comment="types of events, or patterns of them"),
    Column("payload", Text, nullable=False, comment="thin or full"),
    Column("description", Text),
    Column("disabled_reason", Text, comment="owner, gone or failing; null: it is enabled"),
    Column("disabled_at", DateTime(timezone=True)),
    Column("secret_id", Text, nullable=False),
    Column("previous_secret_id", Text, comment="signs as well until previous_until; null: none"),
    Column("previous_until", DateTime(timezone=True)),
    Column("place", BigInteger, nullable=False, comment="seq of the last event that was considered"),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="since a success"),
    Column("failing_since", DateTime(timezone=True), comment="first failure since a success"),
    Column("failed_at", DateTime(timezone=True), comment="last failure since a success"),
    Column(
        "is_lasting",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="two failures since a success were at least half a day apart",
    ),
    Column("rests_until", DateTime(timezone=True), comment="nothing is sent before; null: it does not rest"),
    version_column(),
    created_column(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column(
        "former",
        JSONB,
        nullable=False,
        server_default=text("'[]'::jsonb"),
        comment="settings for events up to a seq each that were not considered yet",
    ),
    Column(
        "revision",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="raised when it is disabled, and when its URL changes",
    ),
    Column(
        "held_revision",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="deliveries that were asked for at a lower revision are held",
    ),
    Column(
        "revised",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="no pending delivery was asked for at a lower revision",
    ),
    ForeignKeyConstraint(["tenant_id", "secret_id"], ["secrets.tenant_id", "secrets.id"]),
    ForeignKeyConstraint(["tenant_id", "previous_secret_id"], ["secrets.tenant_id", "secrets.id"]),
)

_PENDING = text("status = 'pending'::text")

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    tenant_column(),
    id_column(),
    Column("endpoint_id", Text, nullable=False),
    Column("event_id", Text, nullable=False, comment="a ping has one that is in no feed"),
    Column("seq", BigInteger, comment="of the event; null: a ping"),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", Text, nullable=False, comment="pending, held, delivered, failed or dropped"),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("due_at", DateTime(timezone=True), nullable=False, comment="of the next attempt, while pending"),
    Column("attempted_at", DateTime(timezone=True), comment="of the last attempt, as are the next five"),
    Column("duration_ms", Integer),
    Column("response_status", Integer),
    Column("response_body", Text, comment="the first 20 kB"),
    Column("error", Text, comment="code; null: there was an answer"),
    Column("error_detail", Text),
    Column("delivered_at", DateTime(timezone=True)),
    created_column(),
    Column(
        "revision",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="of the endpoint, when it was asked for",
    ),
    ForeignKeyConstraint(
        ["tenant_id", "endpoint_id"], ["webhook_endpoints.tenant_id", "webhook_endpoints.id"], ondelete="CASCADE"
    ),
    Index("webhook_deliveries_event_idx", "tenant_id", "endpoint_id", "event_id", unique=True),
    Index("webhook_deliveries_list_idx", "tenant_id", "endpoint_id", "id"),
    Index(
        "webhook_deliveries_open_idx",
        "tenant_id",
        "endpoint_id",
        "status",
        "id",
        postgresql_where=text("status <> 'delivered'::text"),
    ),
    Index("webhook_deliveries_pending_idx", "tenant_id", "endpoint_id", "seq", postgresql_where=_PENDING),
    Index("webhook_deliveries_subject_idx", "tenant_id", "endpoint_id", "subject", "seq", postgresql_where=_PENDING),
)
