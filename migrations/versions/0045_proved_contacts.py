"""Add to appointments whether their contact was proved, and the client that booked them."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: nothing is known to be proved of the appointments so far, nor of those of the program before."""
    op.add_column(
        "appointments",
        sa.Column(
            "is_proved",
            sa.Boolean,
            nullable=False,
            server_default=sa.text("false"),
            comment="its customer has proved the address that tells them apart, or the business booked it",
        ),
    )
    comment = "keyed digest of the client that booked it; null: it named none"
    op.add_column("appointments", sa.Column("client", sa.Text, comment=comment))


def downgrade() -> None:
    """Take them away again; every visit counts for whoever gives its address."""
    op.drop_column("appointments", "client")
    op.drop_column("appointments", "is_proved")
