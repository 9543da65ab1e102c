"""The tables, as SQLAlchemy describes them; 0002 adds what makes them safe."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "businesses",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False, comment="IANA name"),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217"),
        sa.Column("mode", sa.Text(), nullable=False, comment="live or sandbox"),
        sa.Column(
            "rules", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("token_secret", sa.LargeBinary(), nullable=False, comment="signs the tokens of appointments"),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("businesses_pkey")),
    )
    op.create_table(
        "invalidations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=True, comment="null: the catalogue of the business changed"),
        sa.Column("first_day", sa.Date(), nullable=True, comment="UTC; null with resource_id"),
        sa.Column("last_day", sa.Date(), nullable=True, comment="UTC, inclusive; null with resource_id"),
        sa.Column(
            "operation_id", sa.Text(), nullable=True, comment="the engine's write that made it; null: another writer"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("invalidations_pkey")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="secret or publishable"),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the key; the key itself is not kept"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name=op.f("api_keys_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
    )
    op.create_index("api_keys_digest_key", "api_keys", ["digest"], unique=True)
    op.create_table(
        "customers",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "identity",
            sa.Text(),
            nullable=True,
            comment="what tells customers apart: the e-mail address, else the telephone number",
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True, comment="IANA name"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name=op.f("customers_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("customers_pkey")),
        sa.UniqueConstraint("tenant_id", "identity", name=op.f("customers_tenant_id_identity_key")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of method, path and body"),
        sa.Column("status", sa.Integer(), nullable=True, comment="HTTP status of the answer; null: still running"),
        sa.Column("body", sa.LargeBinary(), nullable=True, comment="the answer as it was sent"),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name=op.f("idempotency_keys_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("idempotency_keys_pkey")),
    )
    op.create_table(
        "locations",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in the document"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False, comment="IANA name"),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name=op.f("locations_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("locations_pkey")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("locations_tenant_id_key_key")),
    )
    op.create_table(
        "outbox",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="such as appointment.confirmed.v1"),
        sa.Column("subject", sa.Text(), nullable=False, comment="the id of what it happened to"),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name=op.f("outbox_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("outbox_pkey")),
    )
    op.create_table(
        "services",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in the document"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_before_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_after_minutes", sa.Integer(), nullable=False),
        sa.Column("buffers_inside_hours", sa.Boolean(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("price_currency", sa.Text(), nullable=False),
        sa.Column("grid_align", sa.Text(), nullable=False),
        sa.Column("grid_step_minutes", sa.Integer(), nullable=True, comment="null: the duration"),
        sa.Column("grid_offset_minutes", sa.Integer(), nullable=False),
        sa.Column("assign", sa.Text(), nullable=False),
        sa.Column(
            "rules", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name=op.f("services_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("services_pkey")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("services_tenant_id_key_key")),
    )
    op.create_table(
        "appointments",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "hold_id", sa.Text(), nullable=False, comment="the hold it was made from: one hold makes one appointment"
        ),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column(
            "customer",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="name, email, phone, timezone as given at booking",
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False, comment="of the location, IANA name"),
        sa.Column("party", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("price_currency", sa.Text(), nullable=False),
        sa.Column(
            "policy",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="cancellation and reschedule rules in force when it was booked",
        ),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column(
            "metadata", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("times_rescheduled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column(
            "fee_minor",
            sa.BigInteger(),
            nullable=True,
            comment="what the cancellation or no-show costs, in the price's currency",
        ),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name=op.f("appointments_tenant_id_customer_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "service_id"],
            ["services.tenant_id", "services.id"],
            name=op.f("appointments_tenant_id_service_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("appointments_pkey")),
        sa.UniqueConstraint("tenant_id", "hold_id", name=op.f("appointments_tenant_id_hold_id_key")),
    )
    op.create_index(
        "appointments_customer_idx", "appointments", ["tenant_id", "customer_id", "starts_at"], unique=False
    )
    op.create_index("appointments_start_idx", "appointments", ["tenant_id", "starts_at", "id"], unique=False)
    op.create_table(
        "requirements",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in the service"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True, comment="null: the pool is in requirement_resources"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("offset_minutes", sa.Integer(), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=True, comment="null: to the end of the visit"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "service_id"],
            ["services.tenant_id", "services.id"],
            name=op.f("requirements_tenant_id_service_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "service_id", "position", name=op.f("requirements_pkey")),
    )
    op.create_table(
        "resources",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "position", sa.Integer(), nullable=False, comment="place in the document: the order of a pool given by kind"
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column(
            "rules", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "location_id"],
            ["locations.tenant_id", "locations.id"],
            name=op.f("resources_tenant_id_location_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("resources_pkey")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("resources_tenant_id_key_key")),
    )
    op.create_table(
        "appointment_resources",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("appointment_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False, comment="without buffers"),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, comment="without buffers"),
        sa.Column(
            "assigned_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the resource was given the visit",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "appointment_id"],
            ["appointments.tenant_id", "appointments.id"],
            name=op.f("appointment_resources_tenant_id_appointment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name=op.f("appointment_resources_tenant_id_resource_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "appointment_id", "position", name=op.f("appointment_resources_pkey")),
    )
    op.create_index(
        "appointment_resources_resource_idx",
        "appointment_resources",
        ["tenant_id", "resource_id", "assigned_at"],
        unique=False,
    )
    op.create_table(
        "breaks",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in the document"),
        sa.Column("days", sa.Text(), nullable=False, comment="such as mon,tue"),
        sa.Column("start_minute", sa.SmallInteger(), nullable=False, comment="wall-clock minutes since local midnight"),
        sa.Column("end_minute", sa.SmallInteger(), nullable=False, comment="past 1440: on the next date"),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True, comment="inclusive"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name=op.f("breaks_tenant_id_resource_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "resource_id", "position", name=op.f("breaks_pkey")),
    )
    op.create_table(
        "hours",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in the document"),
        sa.Column("days", sa.Text(), nullable=False, comment="such as mon,tue"),
        sa.Column("start_minute", sa.SmallInteger(), nullable=False, comment="wall-clock minutes since local midnight"),
        sa.Column("end_minute", sa.SmallInteger(), nullable=False, comment="past 1440: on the next date"),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True, comment="inclusive"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name=op.f("hours_tenant_id_resource_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "resource_id", "position", name=op.f("hours_pkey")),
    )
    op.create_table(
        "lanes",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column(
            "id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="what the exclusion constraint compares",
        ),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="1 to the largest capacity the resource ever had"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name=op.f("lanes_tenant_id_resource_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("lanes_pkey")),
        sa.UniqueConstraint("id", name=op.f("lanes_id_key")),
        sa.UniqueConstraint("tenant_id", "resource_id", "number", name=op.f("lanes_tenant_id_resource_id_number_key")),
    )
    op.create_table(
        "overrides",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column(
            "spans",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="[[start minute, end minute], …]; empty: closed",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name=op.f("overrides_tenant_id_resource_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "resource_id", "on_date", name=op.f("overrides_pkey")),
    )
    op.create_table(
        "requirement_resources",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("requirement_position", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column(
            "position",
            sa.Integer(),
            nullable=True,
            comment="order in the pool; null: not in the pool, only terms (pool by kind)",
        ),
        sa.Column("duration_minutes", sa.Integer(), nullable=True, comment="null: the service's"),
        sa.Column("price_minor", sa.BigInteger(), nullable=True, comment="null: the service's"),
        sa.Column("price_currency", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name=op.f("requirement_resources_tenant_id_resource_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "service_id", "requirement_position"],
            ["requirements.tenant_id", "requirements.service_id", "requirements.position"],
            name=op.f("requirement_resources_tenant_id_service_id_requirement_position_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "service_id", "requirement_position", "resource_id", name=op.f("requirement_resources_pkey")
        ),
    )
    op.create_table(
        "time_off",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "resource_id"],
            ["resources.tenant_id", "resources.id"],
            name=op.f("time_off_tenant_id_resource_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("time_off_pkey")),
    )
    op.create_index(
        "time_off_resource_end_idx",
        "time_off",
        ["tenant_id", "resource_id", sa.literal_column("upper(during)")],
        unique=False,
    )
    op.create_table(
        "claims",
        sa.Column("tenant_id", sa.UUID(), nullable=False),
        sa.Column("appointment_id", sa.Text(), nullable=False),
        sa.Column("lane_id", sa.BigInteger(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False, comment="with the buffers"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "appointment_id"],
            ["appointments.tenant_id", "appointments.id"],
            name=op.f("claims_tenant_id_appointment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "lane_id"], ["lanes.tenant_id", "lanes.id"], name=op.f("claims_tenant_id_lane_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "appointment_id", "lane_id", "during", name=op.f("claims_pkey")),
    )
    op.create_index("claims_lane_end_idx", "claims", ["lane_id", sa.literal_column("upper(during)")], unique=False)


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("claims_lane_end_idx", table_name="claims")
    op.drop_table("claims")
    op.drop_index("time_off_resource_end_idx", table_name="time_off")
    op.drop_table("time_off")
    op.drop_table("requirement_resources")
    op.drop_table("overrides")
    op.drop_table("lanes")
    op.drop_table("hours")
    op.drop_table("breaks")
    op.drop_index("appointment_resources_resource_idx", table_name="appointment_resources")
    op.drop_table("appointment_resources")
    op.drop_table("resources")
    op.drop_table("requirements")
    op.drop_index("appointments_start_idx", table_name="appointments")
    op.drop_index("appointments_customer_idx", table_name="appointments")
    op.drop_table("appointments")
    op.drop_table("services")
    op.drop_table("outbox")
    op.drop_table("locations")
    op.drop_table("idempotency_keys")
    op.drop_table("customers")
    op.drop_index("api_keys_digest_key", table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("invalidations")
    op.drop_table("businesses")
