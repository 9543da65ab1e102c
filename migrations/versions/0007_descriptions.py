"""Descriptions of services and resources, and addresses of locations."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COLUMNS = (("services", "description"), ("resources", "description"), ("locations", "address"))


def upgrade() -> None:
    """Add the columns. They stay empty in the rows of an older version, which neither knows nor needs them."""
    for table, name in _COLUMNS:
        op.add_column(table, sa.Column(name, sa.Text, comment="for visitors; null: none is shown"))


def downgrade() -> None:
    """Take them away."""
    for table, name in reversed(_COLUMNS):
        op.drop_column(table, name)
