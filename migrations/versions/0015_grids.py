"""Fixed starts, gaps and last starts of grids."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Rows of an older version keep the defaults, by which their grids are as they were.

    A service with fixed starts has `clock` as its `grid_align`, which an older version knows.
    """
    op.add_column(
        "services",
        sa.Column(
            "grid_at",
            JSONB,
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
            comment="fixed starts, minutes since midnight; none: by align and step",
        ),
    )
    op.add_column(
        "services",
        sa.Column("grid_minimum_gap_minutes", sa.Integer, comment="null: what such a visit takes, if avoidable"),
    )
    op.add_column(
        "services",
        sa.Column("grid_last_start_minutes", sa.Integer, comment="before work ends; null: the visit's length"),
    )


def downgrade() -> None:
    """Take them away."""
    for name in ("grid_last_start_minutes", "grid_minimum_gap_minutes", "grid_at"):
        op.drop_column("services", name)
