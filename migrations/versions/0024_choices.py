"""Columns of the lengths and add-ons that a service offers, and of those that were chosen for an appointment."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_OFFERED = (
    ("durations", "lengths to choose from: minutes, price; none: one length"),
    ("add_ons", "extras to choose: key, name, minutes, price"),
)


def upgrade() -> None:
    """Add them. The program before offers no choice, and leaves them empty."""
    for name, comment in _OFFERED:
        op.add_column(
            "services",
            sa.Column(name, JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb"), comment=comment),
        )
    op.add_column(
        "appointments",
        sa.Column("choices", JSONB(), nullable=True, comment="length and add-ons that were chosen; null: none"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("appointments", "choices")
    for name, _ in _OFFERED:
        op.drop_column("services", name)
