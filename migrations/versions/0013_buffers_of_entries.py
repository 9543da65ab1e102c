"""Buffers of single entries of what a service needs."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COLUMNS = ("buffer_before_minutes", "buffer_after_minutes")


def upgrade() -> None:
    """Add the columns. They are empty in the rows of an older version: the buffers are those of the service."""
    for name in _COLUMNS:
        op.add_column("requirements", sa.Column(name, sa.Integer, comment="null: the service's"))


def downgrade() -> None:
    """Take them away."""
    for name in reversed(_COLUMNS):
        op.drop_column("requirements", name)
