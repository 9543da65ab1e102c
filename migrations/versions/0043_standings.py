"""Note which businesses there are and which are suspended, and remember repeated requests of the operator."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_TABLES = ("standings", "operator_requests")


def upgrade() -> None:
    """Add the tables; a trigger notes the businesses that the program before makes meanwhile."""
    op.create_table(
        "standings",
        _tenant(),
        _instant("created_at", nullable=False, server_default=sa.text("now()")),
        _instant("suspended_at", comment="null: it is not suspended"),
        _instant("changed_at", nullable=False, server_default=sa.text("now()"), comment="of what is beside it"),
        sa.PrimaryKeyConstraint("tenant_id", name="standings_pkey"),
    )
    op.create_index("standings_created_idx", "standings", ["created_at", "tenant_id"])
    op.create_index("standings_changed_idx", "standings", ["changed_at"])
    op.create_index(
        "standings_suspended_idx",
        "standings",
        ["tenant_id"],
        postgresql_where=sa.text("suspended_at IS NOT NULL"),
    )
    op.create_table(
        "operator_requests",
        sa.Column("key", sa.LargeBinary, nullable=False, comment="SHA-256 of the idempotency key"),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        _tenant(),
        sa.Column("answer", sa.LargeBinary, nullable=False, comment="sealed by a master key"),
        _instant("created_at", nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("key", name="operator_requests_pkey"),
    )
    op.create_index("operator_requests_created_idx", "operator_requests", ["created_at"])
    for table in _TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO holdfast_app")
    # Row-level security hides businesses from whoever migrates as well; each has keys, which are in no such table.
    op.execute(
        "INSERT INTO standings (tenant_id, created_at, changed_at)"
        " SELECT tenant_id, min(created_at), min(created_at) FROM api_keys GROUP BY tenant_id"
    )
    op.execute(
        """
        CREATE FUNCTION note_business() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO standings (tenant_id, created_at) VALUES (NEW.tenant_id, NEW.created_at)
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER businesses_noted AFTER INSERT ON businesses FOR EACH ROW EXECUTE FUNCTION note_business()"
    )


def _tenant() -> sa.Column[object]:
    return sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False)


def _instant(name: str, **details: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), **details)  # type: ignore[arg-type]


def downgrade() -> None:
    """Take them away: who was suspended is not, then."""
    op.execute("DROP TRIGGER businesses_noted ON businesses")
    op.execute("DROP FUNCTION note_business()")
    for table in _TABLES:
        op.drop_table(table)
