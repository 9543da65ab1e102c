"""Add sealed secrets, webhook endpoints and the deliveries to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_TABLES = ("secrets", "webhook_endpoints", "webhook_deliveries")
# The relay plans a task for each endpoint of the businesses that its events belong to. It is told ids, and nothing else
# of them. Row-level security is forced, so the owner, as whom the function runs, needs a policy to read past it.
_ENDPOINTS_OF = """
    SELECT tenant_id, id FROM @schema.webhook_endpoints WHERE tenant_id = ANY (businesses)
"""
# Each row is written three times within a second or so, and then lies for a month.
_DELIVERIES = "autovacuum_vacuum_scale_factor = 0.05, fillfactor = 80"


def upgrade() -> None:
    """Add the tables; nothing of the program before knows them."""
    _create_tables()
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({_TENANT}) WITH CHECK ({_TENANT})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO holdfast_app")
    op.execute(f"ALTER TABLE webhook_deliveries SET ({_DELIVERIES})")
    op.execute(
        "DO $$ BEGIN EXECUTE format('CREATE POLICY webhook_endpoints_of_the_owner ON webhook_endpoints FOR SELECT"
        " TO %I USING (true)', current_user); END $$"
    )
    op.execute(
        f"""
        DO $outer$
        BEGIN
            EXECUTE format(
                'CREATE FUNCTION webhook_endpoints_of(businesses uuid[]) RETURNS TABLE (tenant_id uuid, id text)'
                ' LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L',
                replace($body${_ENDPOINTS_OF}$body$, '@schema', quote_ident(current_schema()))
            );
        END
        $outer$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION webhook_endpoints_of(uuid[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION webhook_endpoints_of(uuid[]) TO holdfast_app")


def _create_tables() -> None:
    op.create_table(
        "secrets",
        *_keys(),
        sa.Column("purpose", sa.Text, nullable=False, comment="such as webhook_endpoint"),
        sa.Column("key_id", sa.Text, nullable=False, comment="of the master key that sealed it"),
        sa.Column("sealed", sa.LargeBinary, nullable=False, comment="see persistence.sealing"),
        _created(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="secrets_pkey"),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name="secrets_tenant_id_fkey"),
    )
    op.create_table(
        "webhook_endpoints",
        *_keys(),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text), nullable=False, comment="types of events, or patterns of them"),
        sa.Column("payload", sa.Text, nullable=False, comment="thin or full"),
        sa.Column("description", sa.Text),
        sa.Column("disabled_reason", sa.Text, comment="owner, gone or failing; null: it is enabled"),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.Column("secret_id", sa.Text, nullable=False),
        sa.Column("previous_secret_id", sa.Text, comment="signs as well until previous_until; null: none"),
        sa.Column("previous_until", sa.DateTime(timezone=True)),
        sa.Column("place", sa.BigInteger, nullable=False, comment="seq of the last event that was considered"),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0"), comment="since a success"),
        sa.Column("failing_since", sa.DateTime(timezone=True), comment="first failure since a success"),
        sa.Column("failed_at", sa.DateTime(timezone=True), comment="last failure since a success"),
        sa.Column(
            "is_lasting",
            sa.Boolean,
            nullable=False,
            server_default=sa.text("false"),
            comment="two failures since a success were at least half a day apart",
        ),
        sa.Column("rests_until", sa.DateTime(timezone=True), comment="nothing is sent before; null: it does not rest"),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        _created(),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="webhook_endpoints_pkey"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "secret_id"],
            ["secrets.tenant_id", "secrets.id"],
            name="webhook_endpoints_tenant_id_secret_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "previous_secret_id"],
            ["secrets.tenant_id", "secrets.id"],
            name="webhook_endpoints_tenant_id_previous_secret_id_fkey",
        ),
    )
    op.create_table(
        "webhook_deliveries",
        *_keys(),
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False, comment="a ping has one that is in no feed"),
        sa.Column("seq", sa.BigInteger, comment="of the event; null: a ping"),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, comment="pending, held, delivered, failed or dropped"),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="of the next attempt, while pending"),
        sa.Column("attempted_at", sa.DateTime(timezone=True), comment="of the last attempt, as are the next five"),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("response_status", sa.Integer),
        sa.Column("response_body", sa.Text, comment="the first 20 kB"),
        sa.Column("error", sa.Text, comment="code; null: there was an answer"),
        sa.Column("error_detail", sa.Text),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        _created(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="webhook_deliveries_pkey"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
            name="webhook_deliveries_tenant_id_endpoint_id_fkey",
            ondelete="CASCADE",
        ),
    )
    pending = sa.text("status = 'pending'::text")
    op.create_index(
        "webhook_deliveries_event_idx", "webhook_deliveries", ["tenant_id", "endpoint_id", "event_id"], unique=True
    )
    op.create_index("webhook_deliveries_list_idx", "webhook_deliveries", ["tenant_id", "endpoint_id", "id"])
    op.create_index(
        "webhook_deliveries_open_idx",
        "webhook_deliveries",
        ["tenant_id", "endpoint_id", "status", "id"],
        postgresql_where=sa.text("status <> 'delivered'::text"),
    )
    op.create_index(
        "webhook_deliveries_pending_idx",
        "webhook_deliveries",
        ["tenant_id", "endpoint_id", "seq"],
        postgresql_where=pending,
    )
    op.create_index(
        "webhook_deliveries_subject_idx",
        "webhook_deliveries",
        ["tenant_id", "endpoint_id", "subject", "seq"],
        postgresql_where=pending,
    )


def _keys() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("id", sa.Text, nullable=False),
    )


def _created() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def downgrade() -> None:
    """Take it all away."""
    op.execute("DROP FUNCTION webhook_endpoints_of(uuid[])")
    for table in reversed(_TABLES):
        op.drop_table(table)
