"""Appointments, their customers and their claims."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INET, JSONB, TSTZRANGE

from persistence.tables.metadata import created_column, id_column, metadata, tenant_column, version_column

customers = Table(
    "customers",
    metadata,
    tenant_column(),
    id_column(),
    Column("identity", Text, comment="what tells customers apart: the e-mail address, else the telephone number"),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("phone", Text),
    Column("timezone", Text, comment="IANA name"),
    created_column(),
    Column("personal", LargeBinary, comment="what is personal, sealed by its personal key; null: in plain text"),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
    UniqueConstraint("tenant_id", "identity"),
)

appointments = Table(
    "appointments",
    metadata,
    tenant_column(),
    id_column(),
    Column("hold_id", Text, nullable=False, comment="the hold it was made from: one hold makes one appointment"),
    Column("service_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("customer", JSONB, nullable=False, comment="name, email, phone, timezone as given at booking"),
    Column("status", Text, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("timezone", Text, nullable=False, comment="of the location, IANA name"),
    Column("party", Integer, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("price_currency", Text, nullable=False),
    Column("policy", JSONB, nullable=False, comment="cancellation and reschedule rules in force when it was booked"),
    Column("notes", Text),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("times_rescheduled", Integer, nullable=False, server_default=text("0")),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("cancel_reason", Text),
    Column("fee_minor", BigInteger, comment="what the cancellation or no-show costs, in the price's currency"),
    version_column(),
    created_column(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column(
        "approve_by",
        DateTime(timezone=True),
        comment="a pending one ends after this; null on one that an older program wrote: its start",
    ),
    Column(
        "details_digest",
        Text,
        comment="SHA-256 of customer, notes and metadata as they were sent; null: an older program wrote it",
    ),
    Column(
        "cancelled_by",
        Text,
        comment="business, customer or system; null: it is not cancelled, or an older program cancelled it",
    ),
    Column(
        "finished_at",
        DateTime(timezone=True),
        comment="when it was completed or missed; null: it was neither, or an older program wrote it",
    ),
    Column("location_id", Text, comment="null: that of the first resource"),
    Column(
        "kept_fee_minor",
        BigInteger,
        comment="least cost of a cancellation by its customer, who moved it when it already cost that; null: none",
    ),
    Column(
        "fee_start",
        DateTime(timezone=True),
        comment="start from which cancellation fees count back; null: starts_at",
    ),
    Column(
        "freed", JSONB, comment="claims that it gave up when it ended early: lane_id, starts_at, ends_at; null: none"
    ),
    Column("overrides", JSONB(none_as_null=True), comment="rules that the business waived for its time; null: none"),
    Column("choices", JSONB(none_as_null=True), comment="length and add-ons that were chosen; null: none"),
    Column("answers", JSONB(none_as_null=True), comment="to the questions of the service, by key; null: none"),
    Column("led_to", JSONB(none_as_null=True), comment="ids of the resources that answers led to; null: any"),
    Column("personal", LargeBinary, comment="what is personal, sealed by its personal key; null: in plain text"),
    ForeignKeyConstraint(["tenant_id", "service_id"], ["services.tenant_id", "services.id"]),
    ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
    UniqueConstraint("tenant_id", "hold_id"),
    Index("appointments_start_idx", "tenant_id", "starts_at", "id"),
    Index("appointments_customer_idx", "tenant_id", "customer_id", "starts_at"),
    Index("appointments_updated_idx", "tenant_id", "updated_at"),
    Index("appointments_service_idx", "tenant_id", "service_id", "starts_at"),
    Index(
        "appointments_pending_idx",
        "tenant_id",
        text("COALESCE(approve_by, starts_at)"),
        postgresql_where=text("status = 'pending'::text"),
    ),
)

appointment_resources = Table(
    "appointment_resources",
    metadata,
    tenant_column(),
    Column("appointment_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("role", Text, nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False, comment="without buffers"),
    Column("ends_at", DateTime(timezone=True), nullable=False, comment="without buffers"),
    Column("assigned_at", DateTime(timezone=True), nullable=False, comment="when the resource was given the visit"),
    Column("lanes", Integer, comment="lanes taken of the resource; null: one for each of the party"),
    ForeignKeyConstraint(["tenant_id", "appointment_id"], ["appointments.tenant_id", "appointments.id"]),
    ForeignKeyConstraint(["tenant_id", "resource_id"], ["resources.tenant_id", "resources.id"]),
    Index("appointment_resources_resource_idx", "tenant_id", "resource_id", "assigned_at"),
    Index("appointment_resources_start_idx", "tenant_id", "resource_id", "starts_at"),
)

# Only live claims are here: cancelling deletes. The exclusion constraints, over lane_id and during and over sessions,
# are in the migrations.
claims = Table(
    "claims",
    metadata,
    tenant_column(),
    Column("appointment_id", Text, primary_key=True),
    Column("lane_id", BigInteger, primary_key=True),
    Column("during", TSTZRANGE, primary_key=True, comment="with the buffers"),
    Column("session_lane_id", BigInteger, comment="first lane of an exclusive resource"),
    Column("session", INET, comment="digest of the service and start of its session"),
    ForeignKeyConstraint(["tenant_id", "lane_id"], ["lanes.tenant_id", "lanes.id"]),
    ForeignKeyConstraint(["tenant_id", "appointment_id"], ["appointments.tenant_id", "appointments.id"]),
    Index("claims_lane_end_idx", "lane_id", text("upper(during)")),
    # Of stays. Without it every search for claims would have to look back as far as the longest of them reaches.
    Index(
        "claims_long_end_idx",
        "lane_id",
        text("upper(during)"),
        postgresql_where=text("(upper(during) - lower(during)) > '7 days'::interval"),
    ),
)
