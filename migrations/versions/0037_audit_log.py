"""Add the audit log: entries that are never changed, and the chain that shows if they were."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_TABLES = ("audit_entries", "audit_links", "audit_queue")
_KEPT = ("audit_entries", "audit_links")
# What the owner, as whom the function runs, may do past row-level security, which is forced.
_OF_THE_OWNER = (
    ("audit_entries", "read", "FOR SELECT TO %I USING (true)"),
    ("audit_links", "read", "FOR SELECT TO %I USING (true)"),
    ("audit_links", "added", "FOR INSERT TO %I WITH CHECK (true)"),
    ("audit_queue", "read", "FOR SELECT TO %I USING (true)"),
    ("audit_queue", "taken", "FOR DELETE TO %I USING (true)"),
)
# Refuses everybody, the owner and superusers too: whoever switches triggers off leaves a chain that does not hold.
_REFUSE = """
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
"""
# Adds the next links of the chains of all businesses, one transaction at a time. In bookings' own transactions that
# would make those of a business wait for each other. The text that is hashed is made anew by audit.model.
_LINK = """
DECLARE
    entry record;
    business uuid;
    last_number bigint;
    last_hash bytea;
    linked integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(46533281) THEN
        RETURN 0;
    END IF;
    FOR entry IN
        WITH taken AS (
            DELETE FROM @schema.audit_queue
            WHERE ctid = ANY (ARRAY(SELECT ctid FROM @schema.audit_queue LIMIT most))
            RETURNING tenant_id, entry_id
        )
        SELECT entries.* FROM taken
        JOIN @schema.audit_entries AS entries ON entries.tenant_id = taken.tenant_id AND entries.id = taken.entry_id
        ORDER BY entries.tenant_id, entries.id
    LOOP
        IF entry.tenant_id IS DISTINCT FROM business THEN
            business := entry.tenant_id;
            SELECT number, hash INTO last_number, last_hash FROM @schema.audit_links
            WHERE tenant_id = business ORDER BY number DESC LIMIT 1;
            IF NOT FOUND THEN
                last_number := 0;
                last_hash := decode(repeat('00', 32), 'hex');
            END IF;
        END IF;
        last_number := last_number + 1;
        last_hash := sha256(last_hash || convert_to(CAST(jsonb_build_array(
            entry.tenant_id, last_number, entry.id, CAST(extract(epoch FROM entry.at) * 1000000 AS bigint),
            entry.actor, entry.action, entry.subject, entry.more_subjects, entry.fields, entry.origin, entry.request_id
        ) AS text), 'UTF8'));
        INSERT INTO @schema.audit_links (tenant_id, number, entry_id, hash)
        VALUES (business, last_number, entry.id, last_hash);
        linked := linked + 1;
    END LOOP;
    RETURN linked;
END
"""
# What comes in goes out again within a second or so, as in the outbox.
_QUEUE = (
    "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,"
    " autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000"
)


def upgrade() -> None:
    """Add the tables; the program before writes nothing there."""
    _create_tables()
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({_TENANT}) WITH CHECK ({_TENANT})")
    for table, name, policy in _OF_THE_OWNER:
        op.execute(
            f"DO $$ BEGIN EXECUTE format('CREATE POLICY {table}_{name}_by_the_owner ON {table} {policy}',"
            " current_user); END $$"
        )
    op.execute("GRANT SELECT, INSERT ON audit_entries TO holdfast_app")
    op.execute("GRANT SELECT, INSERT ON audit_queue TO holdfast_app")
    op.execute("GRANT SELECT ON audit_links TO holdfast_app")
    op.execute(f"CREATE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $${_REFUSE}$$")
    for table in _KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log()"
        )
    op.execute(
        f"""
        DO $outer$
        BEGIN
            EXECUTE format(
                'CREATE FUNCTION link_audit_entries(most integer) RETURNS integer'
                ' LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L',
                replace($body${_LINK}$body$, '@schema', quote_ident(current_schema()))
            );
        END
        $outer$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION link_audit_entries(integer) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION link_audit_entries(integer) TO holdfast_app")
    op.execute(f"ALTER TABLE audit_queue SET ({_QUEUE})")


def _create_tables() -> None:
    # No foreign keys: what was done to a business is known longer than the business.
    op.create_table(
        "audit_entries",
        _tenant(),
        sa.Column("id", sa.Text, nullable=False, comment="aud_…; later ones sort after earlier ones"),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
            comment="by the clock of the database",
        ),
        sa.Column("actor", sa.Text, nullable=False, comment="who acted, such as business:key_…"),
        sa.Column("action", sa.Text, nullable=False, comment="operation of the API, or of a loop or a command"),
        sa.Column("subject", sa.Text, nullable=False, comment="the id of what it was done to"),
        sa.Column("more_subjects", postgresql.ARRAY(sa.Text), comment="of a list that was read; null: none"),
        sa.Column("fields", postgresql.ARRAY(sa.Text), comment="names of what was changed or read; null: all, or none"),
        sa.Column("origin", sa.Text, comment="network of the business's caller; null: unknown, or somebody else's"),
        sa.Column("request_id", sa.Text, comment="of the HTTP request; null: there was none"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="audit_entries_pkey"),
    )
    op.create_index("audit_entries_subject_idx", "audit_entries", ["tenant_id", "subject", "id"])
    op.create_index("audit_entries_actor_idx", "audit_entries", ["tenant_id", "actor", "id"])
    op.create_index(
        "audit_entries_more_subjects_idx",
        "audit_entries",
        ["more_subjects"],
        postgresql_using="gin",
        postgresql_where=sa.text("more_subjects IS NOT NULL"),
    )
    op.create_table(
        "audit_links",
        _tenant(),
        sa.Column("number", sa.BigInteger, nullable=False, comment="from 1 on, without a gap"),
        sa.Column("entry_id", sa.Text, nullable=False),
        sa.Column(
            "hash",
            sa.LargeBinary,
            nullable=False,
            comment="SHA-256 of the hash before it and of the entry (audit.model); before the first: 32 zero bytes",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "number", name="audit_links_pkey"),
    )
    # Without an index, which each booking would have to write: it is read as a whole, and nearly empty.
    op.create_table(
        "audit_queue", _tenant(), sa.Column("entry_id", sa.Text, nullable=False, comment="that has no link yet")
    )


def _tenant() -> sa.Column[object]:
    return sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False)


def downgrade() -> None:
    """Take it all away."""
    op.execute("DROP FUNCTION link_audit_entries(integer)")
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change_of_audit_log()")
