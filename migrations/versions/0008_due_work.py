"""Add a table of due work of all businesses, so that no loop walks over those that have nothing to do."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# An appointment that waits for its approval is due when that ends. A sandbox's clock that is set stands still: then an
# appointment is due at once, or not at all until the clock is moved.
_APPROVALS = """
    INSERT INTO due_work (tenant_id, kind, subject, due_at)
    SELECT appointments.tenant_id, 'approval', appointments.id,
        CASE WHEN businesses.sandbox_now IS NULL THEN coalesce(appointments.approve_by, appointments.starts_at)
            ELSE least(coalesce(appointments.approve_by, appointments.starts_at), now()) END
    FROM appointments JOIN businesses ON businesses.tenant_id = appointments.tenant_id
    WHERE appointments.status = 'pending'
        AND (businesses.sandbox_now IS NULL
            OR coalesce(appointments.approve_by, appointments.starts_at) < businesses.sandbox_now)
""".strip()

# The lock keeps a sandbox from setting its clock between the reading of the clock here and the commit. Businesses that
# take real bookings have no such clock, and take no lock.
_NOTE_APPROVAL = f"""
CREATE FUNCTION note_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM businesses WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id) AND mode = 'sandbox' FOR SHARE;
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM due_work WHERE kind = 'approval' AND tenant_id = OLD.tenant_id AND subject = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
    {_APPROVALS}
        AND appointments.tenant_id = NEW.tenant_id AND appointments.id = NEW.id;
    END IF;
    RETURN NULL;
END
$$
"""  # noqa: S608 - all of it is ours
_NOTE_SANDBOX_CLOCK = f"""
CREATE FUNCTION note_sandbox_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM due_work WHERE kind = 'approval' AND tenant_id = NEW.tenant_id;
    {_APPROVALS}
        AND appointments.tenant_id = NEW.tenant_id;
    RETURN NULL;
END
$$
"""  # noqa: S608 - all of it is ours

# One row for each hour in which a business was sent keys, due when the last of them is free. Nearly every key finds the
# row there, and neither writes nor waits.
_HOUR = "CAST(floor(extract(epoch FROM {table}.created_at) / 3600) AS bigint)"
_NOTE_IDEMPOTENCY_KEY = f"""
CREATE FUNCTION note_idempotency_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    hour bigint := {_HOUR.format(table="NEW")};
BEGIN
    INSERT INTO due_work (tenant_id, kind, subject, due_at)
    VALUES (NEW.tenant_id, 'idempotency', CAST(hour AS text), to_timestamp((hour + 25) * 3600))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""  # noqa: S608 - all of it is ours

# Row-level triggers with a condition: they cost a booking that waits for no approval nothing.
_TRIGGERS = (
    ("appointments", "inserted", "INSERT", "WHEN (NEW.status = 'pending') EXECUTE FUNCTION note_approval()"),
    (
        "appointments",
        "updated",
        "UPDATE",
        "WHEN (OLD.status = 'pending' OR NEW.status = 'pending') EXECUTE FUNCTION note_approval()",
    ),
    ("appointments", "deleted", "DELETE", "WHEN (OLD.status = 'pending') EXECUTE FUNCTION note_approval()"),
    (
        "businesses",
        "clock",
        "UPDATE",
        "WHEN (OLD.sandbox_now IS DISTINCT FROM NEW.sandbox_now) EXECUTE FUNCTION note_sandbox_clock()",
    ),
    ("idempotency_keys", "inserted", "INSERT", "EXECUTE FUNCTION note_idempotency_key()"),
    ("idempotency_keys", "updated", "UPDATE OF created_at", "EXECUTE FUNCTION note_idempotency_key()"),
)
_FILLED_FROM = ("appointments", "businesses", "idempotency_keys")

# The age of the oldest event of all businesses, and nothing else of them. Row-level security is forced, so the owner,
# as whom the function runs, needs a policy to read past it; the engine's role is not the owner.
_OUTBOX_OLDEST = """
DO $$
BEGIN
    EXECUTE format('CREATE POLICY outbox_oldest ON outbox FOR SELECT TO %I USING (true)', current_user);
    EXECUTE format(
        'CREATE FUNCTION outbox_oldest() RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER'
        ' SET search_path = pg_catalog, pg_temp AS %L',
        format('SELECT created_at FROM %I.outbox ORDER BY id LIMIT 1', current_schema())
    );
END
$$
"""


def upgrade() -> None:
    """Add the table and what keeps it right, and fill it from the rows that are there."""
    op.create_table(
        "due_work",
        sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="approval or idempotency"),
        sa.Column(
            "subject", sa.Text, nullable=False, comment="an appointment, or an hour since 1970 in which keys were sent"
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="by the real time"),
        sa.PrimaryKeyConstraint("kind", "tenant_id", "subject", name="due_work_pkey"),
    )
    op.create_index("due_work_due_idx", "due_work", ["kind", "due_at", "tenant_id", "subject"])
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON due_work TO holdfast_app")
    op.execute(_NOTE_APPROVAL)
    op.execute(_NOTE_SANDBOX_CLOCK)
    op.execute(_NOTE_IDEMPOTENCY_KEY)
    for table, name, event, action in _TRIGGERS:
        op.execute(f"CREATE TRIGGER {table}_{name}_due AFTER {event} ON {table} FOR EACH ROW {action}")
    _fill()
    op.execute(_OUTBOX_OLDEST)
    op.execute("REVOKE ALL ON FUNCTION outbox_oldest() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION outbox_oldest() TO holdfast_app")


def _fill() -> None:
    """Note what is there. Row-level security is forced, and would hide it from the owner."""
    # Both changes are of this transaction: the tables are locked, and at its end all is as it was.
    for table in _FILLED_FROM:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(_APPROVALS)
    hour = _HOUR.format(table="idempotency_keys")
    op.execute(
        "INSERT INTO due_work (tenant_id, kind, subject, due_at) SELECT DISTINCT tenant_id, 'idempotency', "  # noqa: S608
        f"CAST({hour} AS text), to_timestamp(({hour} + 25) * 3600) FROM idempotency_keys"
    )
    for table in _FILLED_FROM:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Take it all away."""
    op.execute("DROP FUNCTION outbox_oldest()")
    op.execute("DROP POLICY outbox_oldest ON outbox")
    for table, name, _, _ in _TRIGGERS:
        op.execute(f"DROP TRIGGER {table}_{name}_due ON {table}")
    op.execute("DROP FUNCTION note_approval()")
    op.execute("DROP FUNCTION note_sandbox_clock()")
    op.execute("DROP FUNCTION note_idempotency_key()")
    op.drop_table("due_work")
