"""Column of the rules that a business waived for the time of an appointment."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it. It is null where nothing was waived, as on every row of the program before, which leaves it so."""
    op.add_column(
        "appointments",
        sa.Column(
            "overrides", JSONB(), nullable=True, comment="rules that the business waived for its time; null: none"
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("appointments", "overrides")
