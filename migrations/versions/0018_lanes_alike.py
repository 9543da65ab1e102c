"""Likeness of the lanes of a resource."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. In the rows of an older version lanes are alike: nobody is told which of them a visit has."""
    op.add_column("resources", sa.Column("lane_kind", sa.Text, nullable=False, server_default=sa.text("'alike'")))
    op.create_check_constraint(op.f("resources_lane_kind_check"), "resources", "lane_kind IN ('alike', 'named')")


def downgrade() -> None:
    """Take it away."""
    op.drop_column("resources", "lane_kind")
