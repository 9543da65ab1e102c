"""The columns for the end of a visit, and for the time that it gave up."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. They are empty on rows of the program before, which goes on to leave them so."""
    op.add_column(
        "appointments",
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it was completed or missed; null: it was neither, or an older program wrote it",
        ),
    )
    op.add_column(
        "appointments",
        sa.Column(
            "freed",
            JSONB(),
            nullable=True,
            comment="claims that it gave up when it ended early: lane_id, starts_at, ends_at; null: none",
        ),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("appointments", "freed")
    op.drop_column("appointments", "finished_at")
