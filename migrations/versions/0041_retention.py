"""Add how long a business keeps its customers."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; the program before keeps them for good."""
    comment = "customers are erased so long after their last visit; null: never"
    op.add_column("businesses", sa.Column("retention_days", sa.Integer, comment=comment))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("businesses", "retention_days")
