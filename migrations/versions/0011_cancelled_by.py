"""The column for who cancelled an appointment."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it. It is empty on rows of the program before, which goes on to leave it so."""
    op.add_column(
        "appointments",
        sa.Column(
            "cancelled_by",
            sa.Text(),
            nullable=True,
            comment="business, customer or system; null: it is not cancelled, or an older program cancelled it",
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("appointments", "cancelled_by")
