"""Columns of the period that tells who is the least booked, and of the visits that make a turn."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. The program before counts a day, and goes on to write rows that say so."""
    op.add_column(
        "services",
        sa.Column(
            "assign_period",
            sa.Text(),
            nullable=False,
            server_default=sa.text("'day'::text"),
            comment="over which least_booked counts: day, week or month",
        ),
    )
    op.add_column(
        "requirements",
        sa.Column(
            "turns",
            sa.Text(),
            nullable=False,
            server_default=sa.text("'service'::text"),
            comment="visits that make one: of the service, or shared by all",
        ),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("requirements", "turns")
    op.drop_column("services", "assign_period")
