"""The columns for what a cancellation costs after a move."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. They are empty on rows of the program before, which goes on to leave them so."""
    op.add_column(
        "appointments",
        sa.Column(
            "kept_fee_minor",
            sa.BigInteger(),
            nullable=True,
            comment="least cost of a cancellation by its customer, who moved it when it already cost that; null: none",
        ),
    )
    op.add_column(
        "appointments",
        sa.Column(
            "fee_start",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="start from which cancellation fees count back; null: starts_at",
        ),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("appointments", "fee_start")
    op.drop_column("appointments", "kept_fee_minor")
