"""Say of digests of requests that they are keyed where there is a master key."""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

_SINCE = "digest of method, path, query, kind of caller, appointment and body: keyed by the master key, if there is one"
_BEFORE = "SHA-256 of method, path, query, kind of caller, appointment and body"


def upgrade() -> None:
    """Change the comment alone."""
    op.execute(f"COMMENT ON COLUMN idempotency_keys.request_digest IS '{_SINCE}'")


def downgrade() -> None:
    """Bring the former one back."""
    op.execute(f"COMMENT ON COLUMN idempotency_keys.request_digest IS '{_BEFORE}'")
