"""Let a business name the sites whose pages may call the API."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the program before serves pages of every site."""
    op.add_column(
        "businesses",
        sa.Column(
            "allowed_origins",
            JSONB(),
            nullable=False,
            server_default=sa.text("""'["*"]'::jsonb"""),
            comment='origins whose pages may call the API; "*": all',
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("businesses", "allowed_origins")
