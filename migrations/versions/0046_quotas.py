"""Add the quotas of businesses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; the program before keeps none."""
    comment = "the most of each kind, by its name; absent: as many as the engine allows"
    op.add_column(
        "standings",
        sa.Column("quotas", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'"), comment=comment),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("standings", "quotas")
