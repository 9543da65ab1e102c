"""Columns of the questions of services, and of the answers to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. Services and bookings of the program before have none, which it leaves so."""
    op.add_column(
        "services",
        sa.Column(
            "questions",
            JSONB(),
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
            comment="[{key, label, type, options, required}, …]",
        ),
    )
    op.add_column(
        "appointments",
        sa.Column("answers", JSONB(), nullable=True, comment="to the questions of the service, by key; null: none"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("appointments", "answers")
    op.drop_column("services", "questions")
