"""Name API keys, end them at an instant, and note when they were last used."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that may be empty: keys of older programs have no name, and end when they are revoked."""
    op.add_column("api_keys", sa.Column("name", sa.Text, comment="chosen by the business; null: none"))
    op.add_column(
        "api_keys",
        sa.Column("expires_at", sa.DateTime(timezone=True), comment="set by a rotation: it opens nothing from then on"),
    )
    op.add_column(
        "api_keys",
        sa.Column("last_used_at", sa.DateTime(timezone=True), comment="to the hour; null: never, or by older programs"),
    )
    op.create_index("api_keys_tenant_id_idx", "api_keys", ["tenant_id"])
    # What was revoked lately is asked for all the time, and is next to nothing.
    op.create_index(
        "api_keys_revoked_at_idx", "api_keys", ["revoked_at"], postgresql_where=sa.text("revoked_at IS NOT NULL")
    )


def downgrade() -> None:
    """Take it away. A key that was to end at an instant goes on."""
    op.drop_index("api_keys_revoked_at_idx", "api_keys")
    op.drop_index("api_keys_tenant_id_idx", "api_keys")
    for name in ("last_used_at", "expires_at", "name"):
        op.drop_column("api_keys", name)
