"""Add keys of businesses and of people, and columns for personal data that they seal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_GUARDED = ("business_keys", "personal_keys")
# What the program before reads of a sealed row, and writes back when it changes one.
_PLACEHOLDER = '{"name": "Sealed", "email": null, "phone": null, "timezone": null}'
_PLAIN = {
    "appointments": f"""
        NEW.personal IS NULL OR NEW.customer <> '{_PLACEHOLDER}'::jsonb OR NEW.notes IS NOT NULL
        OR NEW.metadata <> '{{}}'::jsonb OR NEW.answers IS NOT NULL OR NEW.details_digest IS NOT NULL
        OR NEW.cancel_reason IS NOT NULL
    """,
    "customers": """
        NEW.personal IS NULL OR NEW.name <> 'Sealed' OR NEW.email IS NOT NULL OR NEW.phone IS NOT NULL
        OR NEW.timezone IS NOT NULL
    """,
}
# In the transaction that writes something in plain text: whoever seals it takes the note away in that of the seal.
_NOTE_PLAIN_DATA = """
CREATE FUNCTION note_plain_data() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO due_work (tenant_id, kind, subject, due_at) VALUES (NEW.tenant_id, 'plain_data', NEW.id, now())
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""
# Also the program before may put an appointment to another customer.
_FOLLOW_CUSTOMER = """
CREATE FUNCTION personal_key_follows_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE personal_keys SET customer_id = NEW.customer_id WHERE tenant_id = NEW.tenant_id AND subject = NEW.id;
    RETURN NULL;
END
$$
"""
_KIND = ("due_work", "kind", "approval, idempotency, archived or plain_data", "approval, idempotency or archived")
_SUBJECT = (
    "due_work",
    "subject",
    (
        "an appointment, an hour since 1970 in which keys were sent, a day since 1970 on which objects were archived, "
        "or a row with personal data in plain text"
    ),
    "an appointment, an hour since 1970 in which keys were sent, or a day since 1970 on which objects were archived",
)


def upgrade() -> None:
    """Add them; the program before goes on to write plain text, which is noted."""
    _create_tables()
    for table in _GUARDED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({_TENANT}) WITH CHECK ({_TENANT})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, DELETE ON key_canaries TO holdfast_app")
    for table in ("appointments", "customers"):
        comment = "what is personal, sealed by its personal key; null: in plain text"
        op.add_column(table, sa.Column("personal", sa.LargeBinary, comment=comment))
    op.add_column("idempotency_keys", sa.Column("sealed", sa.LargeBinary, comment="status and body, sealed"))
    op.add_column(
        "idempotency_keys",
        sa.Column("subject", sa.Text, comment="whose personal key sealed the answer; null: the business's key did"),
    )
    op.execute(_NOTE_PLAIN_DATA)
    op.execute(_FOLLOW_CUSTOMER)
    for table, condition in _PLAIN.items():
        op.execute(
            f"CREATE TRIGGER {table}_plain AFTER INSERT OR UPDATE ON {table} FOR EACH ROW"
            f" WHEN ({condition}) EXECUTE FUNCTION note_plain_data()"
        )
    op.execute(
        "CREATE TRIGGER appointments_customer AFTER UPDATE OF customer_id ON appointments FOR EACH ROW"
        " WHEN (OLD.customer_id IS DISTINCT FROM NEW.customer_id) EXECUTE FUNCTION personal_key_follows_customer()"
    )
    _note_rows_that_are_there()
    _comment_on_due_work(new=True)


def _create_tables() -> None:
    op.create_table(
        "business_keys",
        _tenant(),
        sa.Column("number", sa.Integer, nullable=False, comment="the highest one seals, all of them open"),
        sa.Column("key_id", sa.Text, nullable=False, comment="of the master key that sealed it"),
        sa.Column("sealed", sa.LargeBinary, nullable=False, comment="the key, and that of the blind index"),
        _created(),
        sa.PrimaryKeyConstraint("tenant_id", "number", name="business_keys_pkey"),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name="business_keys_tenant_id_fkey"),
    )
    op.create_table(
        "personal_keys",
        _tenant(),
        sa.Column("subject", sa.Text, nullable=False, comment="id of the row whose personal data it seals"),
        sa.Column("customer_id", sa.Text, nullable=False, comment="whose they are: without the key they are erased"),
        sa.Column("number", sa.Integer, nullable=False, comment="of the business's key that sealed it"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "subject", name="personal_keys_pkey"),
    )
    op.create_index("personal_keys_customer_idx", "personal_keys", ["tenant_id", "customer_id"])
    op.create_table(
        "key_canaries",
        sa.Column("key_id", sa.Text, nullable=False, comment="of a master key that has sealed something"),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        _created(),
        sa.PrimaryKeyConstraint("key_id", name="key_canaries_pkey"),
    )


def _note_rows_that_are_there() -> None:
    """Note them as the owner, for whom row-level security is forced as well."""
    for table in _PLAIN:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(
            "INSERT INTO due_work (tenant_id, kind, subject, due_at)"  # noqa: S608 - all of it is ours
            f" SELECT tenant_id, 'plain_data', id, now() FROM {table}"
        )
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _comment_on_due_work(*, new: bool) -> None:
    for table, column, after, before in (_KIND, _SUBJECT):
        comment, existing = (after, before) if new else (before, after)
        op.alter_column(table, column, comment=comment, existing_comment=existing)


def _tenant() -> sa.Column[object]:
    return sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False)


def _created() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def downgrade() -> None:
    """Take it all away, and with it everything that was sealed."""
    op.execute("DROP TRIGGER appointments_customer ON appointments")
    for table in _PLAIN:
        op.execute(f"DROP TRIGGER {table}_plain ON {table}")
    op.execute("DROP FUNCTION personal_key_follows_customer()")
    op.execute("DROP FUNCTION note_plain_data()")
    op.execute("DELETE FROM due_work WHERE kind = 'plain_data'")
    for column in ("subject", "sealed"):
        op.drop_column("idempotency_keys", column)
    for table in ("customers", "appointments"):
        op.drop_column(table, "personal")
    for table in ("key_canaries", "personal_keys", "business_keys"):
        op.drop_table(table)
    _comment_on_due_work(new=False)
