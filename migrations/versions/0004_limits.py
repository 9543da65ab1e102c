"""Indexes by which the visits of a day are counted, for daily limits of services and resources."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("appointments_service_idx", "appointments", ["tenant_id", "service_id", "starts_at"])
    op.create_index(
        "appointment_resources_start_idx", "appointment_resources", ["tenant_id", "resource_id", "starts_at"]
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("appointment_resources_start_idx", table_name="appointment_resources")
    op.drop_index("appointments_service_idx", table_name="appointments")
