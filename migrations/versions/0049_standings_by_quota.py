"""Find businesses with quotas without reading all."""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add an index of the businesses that the operator limits in some way."""
    op.execute(
        "CREATE INDEX standings_limited_idx ON standings (tenant_id)"
        " WHERE suspended_at IS NOT NULL OR quotas <> '{}'::jsonb"
    )


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP INDEX standings_limited_idx")
