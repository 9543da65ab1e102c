"""Column of the country of a location."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it. Locations of the program before have none, which it leaves so: theirs follows from the zone."""
    op.add_column(
        "locations", sa.Column("country", sa.Text(), nullable=True, comment="ISO 3166; null: that of the zone")
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("locations", "country")
