"""Column of the routes of a service."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it. Services of the program before have none, which it leaves so."""
    op.add_column(
        "services",
        sa.Column(
            "routes",
            JSONB(),
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
            comment="[{if: [[question, [answer, …]], …], service, resources: [id, …]}, …]",
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("services", "routes")
