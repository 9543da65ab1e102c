"""Columns by which a repeated request is told from another one."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. They are empty on rows of the program before, which goes on to leave them so."""
    op.add_column(
        "appointments",
        sa.Column(
            "details_digest",
            sa.Text(),
            nullable=True,
            comment="SHA-256 of customer, notes and metadata as they were sent; null: an older program wrote it",
        ),
    )
    op.add_column(
        "idempotency_keys",
        sa.Column(
            "attempt",
            sa.Text(),
            nullable=True,
            comment="name of the request while the key is taken; null: an older program wrote it",
        ),
    )
    op.alter_column("idempotency_keys", "key", comment="digest of the credential and the key that it sent")


def downgrade() -> None:
    """Take them away."""
    op.alter_column("idempotency_keys", "key", comment=None)
    op.drop_column("idempotency_keys", "attempt")
    op.drop_column("appointments", "details_digest")
