"""The clock that a sandbox sets for itself, and until when a pending appointment waits for its approval."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both.

    Pending appointments of before get no instant: row-level security hides them from a migration, and programs of
    before go on to write such. They wait until their visit starts.
    """
    op.add_column(
        "businesses",
        sa.Column(
            "sandbox_now",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="where a sandbox's own clock stands; null: the real time",
        ),
    )
    op.execute(
        "ALTER TABLE businesses ADD CONSTRAINT businesses_sandbox_now_check "
        "CHECK (sandbox_now IS NULL OR mode = 'sandbox')"
    )
    op.add_column(
        "appointments",
        sa.Column(
            "approve_by",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="a pending one ends after this; null on one that an older program wrote: its start",
        ),
    )
    # By business first: row-level security lets the engine see one business at a time.
    op.create_index(
        "appointments_pending_idx",
        "appointments",
        ["tenant_id", sa.text("COALESCE(approve_by, starts_at)")],
        postgresql_where=sa.text("status = 'pending'::text"),
    )


def downgrade() -> None:
    """Take both away."""
    op.drop_index("appointments_pending_idx", table_name="appointments")
    op.drop_column("appointments", "approve_by")
    op.execute("ALTER TABLE businesses DROP CONSTRAINT businesses_sandbox_now_check")
    op.drop_column("businesses", "sandbox_now")
