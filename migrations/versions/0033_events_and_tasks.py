"""Add the feed of events, which a relay moves there from the outbox, and the table of tasks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# Moves the rows of the outbox that are committed, at most so many, in the order of their ids, and numbers them. One
# transaction does so at a time, until it has committed: so a lower number is never seen after a higher one. A row that
# commits late is moved late. Of two events of one subject the earlier has the lower id, and is committed first: each
# writer locks the subject before it adds its event.
#
# The engine's role sees no row of the outbox of other businesses: it is told ids and types of what was moved.
#
# Names of events that an older program wrote, or still writes, are read as what they are called now.
_RELAY = """
#variable_conflict use_column
BEGIN
    IF NOT pg_try_advisory_xact_lock(46533280) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH taken AS (
        DELETE FROM @schema.outbox
        WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM @schema.outbox ORDER BY id LIMIT most)
        RETURNING *
    ), moved AS (
        INSERT INTO @schema.events (tenant_id, id, type, version, subject, data, actor, request_id, occurred_at)
        SELECT
            tenant_id,
            -- Sorts by time; the rest cannot be guessed, nor comes again after a restore.
            'evt_' || lpad(to_hex(CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)), 12, '0')
                || right(replace(CAST(gen_random_uuid() AS text), '-', ''), 14),
            CASE
                WHEN name = 'appointment.booked.v1' THEN 'appointment.' || coalesce(data ->> 'status', 'confirmed')
                WHEN name IN ('time_off.added.v1', 'time_off.removed.v1') THEN 'catalogue.changed'
                ELSE regexp_replace(name, '\\.v[0-9]+$', '')
            END,
            CAST(coalesce(substring(name FROM '\\.v([0-9]{1,4})$'), '1') AS smallint),
            CASE WHEN name IN ('time_off.added.v1', 'time_off.removed.v1')
                THEN CAST(tenant_id AS text) ELSE subject END,
            CASE WHEN name IN ('time_off.added.v1', 'time_off.removed.v1')
                THEN jsonb_build_object('changes', jsonb_build_array(jsonb_build_object(
                    'action', 'change', 'kind', 'resource', 'id', data -> 'resource', 'key', NULL,
                    'fields', jsonb_build_array('time_off'))))
                ELSE data
            END,
            actor,
            request_id,
            created_at
        FROM taken ORDER BY taken.id
        RETURNING seq, tenant_id, id, type, subject
    )
    SELECT moved.seq, moved.tenant_id, moved.id, moved.type, moved.subject FROM moved ORDER BY moved.seq;
END
"""
# Looks no further than the rows that it may delete, so a run in which nothing is old costs the same as one in which
# something is.
_DELETE_OLD = """
    WITH oldest AS (
        SELECT tenant_id, seq, occurred_at FROM @schema.events ORDER BY seq LIMIT most FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM @schema.events AS event USING oldest
        WHERE event.tenant_id = oldest.tenant_id AND event.seq = oldest.seq
            AND oldest.occurred_at < now() - greatest(age, interval '1 day')
        RETURNING 1
    )
    SELECT count(*) FROM deleted
"""
_DELETE_OLD_BEFORE = """
    WITH old AS (
        SELECT tenant_id, id FROM @schema.outbox
        WHERE created_at < now() - greatest(age, interval '1 day')
        ORDER BY created_at LIMIT most FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM @schema.outbox AS events USING old
        WHERE events.tenant_id = old.tenant_id AND events.id = old.id RETURNING 1
    )
    SELECT count(*) FROM deleted
"""
_OLDEST = "SELECT created_at FROM @schema.outbox ORDER BY id LIMIT 1"
_OLDEST_BEFORE = "SELECT created_at FROM @schema.outbox ORDER BY created_at LIMIT 1"
# Streams ask once for all of a process: which businesses have news, and up to where.
_NEWS = """
    SELECT tenant_id, max(seq)
    FROM (SELECT tenant_id, seq FROM @schema.events WHERE seq > after ORDER BY seq LIMIT most) AS news
    GROUP BY tenant_id
"""
_HEAD = "SELECT max(seq) FROM @schema.events"

_FUNCTIONS = (
    (
        "relay_events(most integer)",
        "TABLE (seq bigint, tenant_id uuid, id text, type text, subject text) LANGUAGE plpgsql",
        _RELAY,
    ),
    ("delete_old_events(age interval, most integer)", "bigint LANGUAGE sql", _DELETE_OLD),
    ("outbox_oldest()", "timestamptz LANGUAGE sql STABLE", _OLDEST),
    ("events_news(after bigint, most integer)", "TABLE (tenant_id uuid, seq bigint) LANGUAGE sql STABLE", _NEWS),
    ("events_head()", "bigint LANGUAGE sql STABLE", _HEAD),
)
_NEW = ("relay_events(integer)", "events_news(bigint, integer)", "events_head()")

# What comes in goes out again within a second. Vacuum follows the rows that went, not a share of those there are, for
# there are none; without a pause, because the space is wanted again at once.
_QUEUE = (
    "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,"
    " autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000"
)
# A thirtieth goes each day: vacuum comes before the next day's, so that its rows have the room.
_FEED = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05"
_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    """Add the tables, and the functions that move, number and delete events."""
    _create_tables()
    # One index more and one less: an event costs its writer the same.
    op.create_index("outbox_id_idx", "outbox", ["id"])
    op.drop_index("outbox_created_idx", "outbox")
    op.create_index("appointments_updated_idx", "appointments", ["tenant_id", "updated_at"])
    op.execute("ALTER TABLE events ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE events FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY events_tenant ON events USING ({_TENANT}) WITH CHECK ({_TENANT})")
    # Row-level security is forced, so the owner, as whom the functions run, needs a policy of its own.
    op.execute(
        "DO $$ BEGIN EXECUTE format('CREATE POLICY events_of_the_owner ON events TO %I USING (true)', current_user);"
        " END $$"
    )
    for signature, returns, body in _FUNCTIONS:
        _create_function(signature, returns, body)
    for function in _NEW:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO holdfast_app")
    op.execute("GRANT SELECT ON events TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON tasks TO holdfast_app")
    op.execute(f"ALTER TABLE outbox SET ({_QUEUE})")
    # Room on each page for a claim of each row, which then writes no index.
    op.execute(f"ALTER TABLE tasks SET (fillfactor = 50, {_QUEUE})")
    op.execute(f"ALTER TABLE events SET ({_FEED})")


def _create_tables() -> None:
    op.create_table(
        "events",
        sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger,
            sa.Identity(always=True),
            nullable=False,
            comment="given by the relay, so that a lower one never appears after a higher one",
        ),
        sa.Column("id", sa.Text, nullable=False, comment="evt_…; the cursor of the feed"),
        sa.Column("type", sa.Text, nullable=False, comment="such as appointment.confirmed"),
        sa.Column("version", sa.SmallInteger, nullable=False, comment="of the type"),
        sa.Column("subject", sa.Text, nullable=False, comment="the id of what it happened to"),
        sa.Column("data", postgresql.JSONB, nullable=False),
        sa.Column("actor", sa.Text, comment="who acted, such as customer:key_…; null: an older program wrote it"),
        sa.Column("request_id", sa.Text, comment="of the HTTP request; null: there was none"),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="by the clock of the database"),
        sa.PrimaryKeyConstraint("tenant_id", "seq", name="events_pkey"),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name="events_tenant_id_fkey"),
    )
    op.create_index("events_id_idx", "events", ["tenant_id", "id"], unique=True)
    op.create_index("events_subject_idx", "events", ["tenant_id", "subject", "seq"])
    op.create_index("events_seq_idx", "events", ["seq"], unique=True)
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="such as webhooks.deliver"),
        sa.Column("subject", sa.Text, nullable=False, comment="the id of what it is about"),
        sa.Column("key", sa.Text, comment="by which a later plan replaces or removes it; null: it has none"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="by the real time"),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0"), comment="how often it was begun"),
        sa.Column("leased_until", sa.DateTime(timezone=True), comment="a worker has it until then; null: none has"),
        sa.Column(
            "revision", sa.Integer, nullable=False, server_default=sa.text("1"), comment="how often it was planned"
        ),
        sa.Column("parked_at", sa.DateTime(timezone=True), comment="after its last attempt; null: it is still tried"),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="tasks_pkey"),
    )
    op.create_index("tasks_due_idx", "tasks", ["kind", "due_at"], postgresql_where=sa.text("parked_at IS NULL"))
    op.create_index("tasks_parked_idx", "tasks", ["kind", "id"], postgresql_where=sa.text("parked_at IS NOT NULL"))
    op.create_index(
        "tasks_key_idx",
        "tasks",
        ["kind", "tenant_id", "key"],
        unique=True,
        postgresql_where=sa.text("key IS NOT NULL"),
    )


def _create_function(signature: str, returns: str, body: str) -> None:
    """Create or replace a function that runs as the owner, on the tables of the schema that is migrated."""
    op.execute(
        f"""
        DO $outer$
        BEGIN
            EXECUTE format(
                'CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} SECURITY DEFINER'
                ' SET search_path = pg_catalog, pg_temp AS %L',
                replace($body${body}$body$, '@schema', quote_ident(current_schema()))
            );
        END
        $outer$
        """
    )


def downgrade() -> None:
    """Take it all away; events that were relayed go back to the outbox, in their order."""
    # The owner may add rows to the outbox for no business while row-level security is forced.
    op.execute("ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO outbox (tenant_id, name, subject, data, actor, request_id, created_at)"
        " SELECT tenant_id, type || '.v' || version, subject, data, actor, request_id, occurred_at"
        " FROM events ORDER BY seq"
    )
    op.execute("ALTER TABLE outbox FORCE ROW LEVEL SECURITY")
    for function in _NEW:
        op.execute(f"DROP FUNCTION {function}")
    _create_function("delete_old_events(age interval, most integer)", "bigint LANGUAGE sql", _DELETE_OLD_BEFORE)
    _create_function("outbox_oldest()", "timestamptz LANGUAGE sql STABLE", _OLDEST_BEFORE)
    op.execute(
        "ALTER TABLE outbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,"
        " autovacuum_vacuum_cost_delay, autovacuum_analyze_scale_factor, autovacuum_analyze_threshold)"
    )
    op.create_index("outbox_created_idx", "outbox", ["created_at"])
    op.drop_index("outbox_id_idx", "outbox")
    op.drop_index("appointments_updated_idx", "appointments")
    op.drop_table("tasks")
    op.drop_table("events")
