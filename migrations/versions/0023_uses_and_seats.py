"""Places that a visit takes, and tables by the size of the party."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. In the rows of an older version everybody takes one place, and nothing is a table."""
    uses = sa.Column(
        "uses", sa.Integer, nullable=False, server_default=sa.text("1"), comment="places that each of the party takes"
    )
    op.add_column("requirements", uses)
    seats_min = sa.Column("seats_min", sa.Integer, comment="the smallest party of a table; null: no table")
    op.add_column("resources", seats_min)
    op.add_column("resources", sa.Column("seats_max", sa.Integer))
    lanes = sa.Column("lanes", sa.Integer, comment="lanes taken of the resource; null: one for each of the party")
    op.add_column("appointment_resources", lanes)


def downgrade() -> None:
    """Take them away."""
    op.drop_column("appointment_resources", "lanes")
    op.drop_column("resources", "seats_max")
    op.drop_column("resources", "seats_min")
    op.drop_column("requirements", "uses")
