"""Questions and routes of a business, and the resources that answers led an appointment to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_ROUTES = "[{if: [[question, [answer, …]], …], service, resources: [id, …]%s}, …]"
_OF_BUSINESS = {
    "questions": "[{key, label, type, options, required}, …]",
    "routes": _ROUTES % ", duration_minutes",
}


def upgrade() -> None:
    """Add the columns. Businesses of the program before ask nothing, and its appointments go to any resource."""
    for name, comment in _OF_BUSINESS.items():
        op.add_column(
            "businesses",
            sa.Column(name, JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb"), comment=comment),
        )
    op.alter_column("services", "routes", comment=_OF_BUSINESS["routes"])
    op.add_column(
        "appointments",
        sa.Column(
            "led_to",
            JSONB(),
            nullable=True,
            comment="ids of the resources that answers led to; null: any",
        ),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("appointments", "led_to")
    op.alter_column("services", "routes", comment=_ROUTES % "")
    for name in _OF_BUSINESS:
        op.drop_column("businesses", name)
