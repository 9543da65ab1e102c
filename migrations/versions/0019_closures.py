"""Let a business and its locations be closed on some dates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TABLES = ("businesses", "locations")


def upgrade() -> None:
    """Add the columns."""
    for table in _TABLES:
        op.add_column(
            table,
            sa.Column(
                "closures",
                JSONB(),
                nullable=False,
                server_default=sa.text("'[]'::jsonb"),
                comment="[{name, from, until, yearly}, …]; both dates inclusive",
            ),
        )
    op.add_column(
        "overrides",
        sa.Column(
            "despite_closures",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="true: on a closed date too",
        ),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("overrides", "despite_closures")
    for table in _TABLES:
        op.drop_column(table, "closures")
