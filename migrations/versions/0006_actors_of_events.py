"""Add the actor and the request id to each event."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. They stay empty in the rows of an older version, which neither knows nor needs them."""
    op.add_column(
        "outbox",
        sa.Column("actor", sa.Text, comment="who acted, such as customer:key_…; null: written by an older version"),
    )
    op.add_column("outbox", sa.Column("request_id", sa.Text, comment="of the HTTP request; null: there was none"))
    op.execute(
        "COMMENT ON COLUMN idempotency_keys.request_digest IS "
        "'SHA-256 of method, path, query, kind of caller, appointment and body'"
    )


def downgrade() -> None:
    """Take them away."""
    op.execute("COMMENT ON COLUMN idempotency_keys.request_digest IS 'SHA-256 of method, path and body'")
    op.drop_column("outbox", "request_id")
    op.drop_column("outbox", "actor")
