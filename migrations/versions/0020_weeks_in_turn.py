"""Let hours and breaks hold in every second week, or on the first such day of a month."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TABLES = ("hours", "breaks")


def upgrade() -> None:
    """Add the columns."""
    for table in _TABLES:
        op.add_column(
            table,
            sa.Column(
                "every_weeks",
                sa.SmallInteger(),
                nullable=False,
                server_default=sa.text("1"),
                comment="in the first of so many weeks",
            ),
        )
        op.add_column(table, sa.Column("starting", sa.Date(), comment="first date of the first week"))
        op.add_column(
            table, sa.Column("nth", sa.SmallInteger(), comment="of the days in a month; -1: the last; null: all")
        )


def downgrade() -> None:
    """Take them away."""
    for table in _TABLES:
        for column in ("nth", "starting", "every_weeks"):
            op.drop_column(table, column)
