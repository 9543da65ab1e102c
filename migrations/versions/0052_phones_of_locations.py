"""Column of the telephone number of a location."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it. Locations of the program before have none, which it leaves so."""
    op.add_column(
        "locations", sa.Column("phone", sa.Text(), nullable=True, comment="for customers; null: none is told")
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("locations", "phone")
