"""Keep who is told what by a business, and in which words."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the program before writes rows without it, which are as by default."""
    op.add_column(
        "businesses",
        sa.Column(
            "notifications",
            JSONB(),
            nullable=False,
            server_default=sa.text("'{}'::jsonb"),
            comment="who is told what; what is absent is as by default",
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("businesses", "notifications")
