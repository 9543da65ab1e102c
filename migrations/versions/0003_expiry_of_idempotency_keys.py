"""An index by which the idempotency keys that are free again are found and deleted."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index. By business first: row-level security lets the engine see one business at a time."""
    op.create_index("idempotency_keys_created_idx", "idempotency_keys", ["tenant_id", "created_at"])


def downgrade() -> None:
    """Take it away."""
    op.drop_index("idempotency_keys_created_idx", table_name="idempotency_keys")
