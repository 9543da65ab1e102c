"""Column of the side of the counter on which a service is known."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it. Services of the program before are public, and so are those that it goes on to make."""
    op.add_column(
        "services",
        sa.Column(
            "visibility",
            sa.Text(),
            nullable=False,
            server_default=sa.text("'public'::text"),
            comment="public, or staff only",
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("services", "visibility")
