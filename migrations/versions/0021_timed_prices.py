"""Prices of services by weekday and time of day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Rows of an older version keep the default, by which a service has one price at all times."""
    op.add_column(
        "services",
        sa.Column(
            "prices",
            JSONB(),
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
            comment="[{days, start, end, price or percent}, …], minutes of the day; the first that fits a start counts",
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("services", "prices")
