"""Add notifications: what is written to whom and when, without addresses, names or words."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_STATUSES = "planned, sending, sent, delivered, failed, skipped, withdrawn or bounced"


def upgrade() -> None:
    """Add the table; the program before does not know it."""
    op.create_table(
        "notifications",
        sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="such as confirmed or reminder"),
        sa.Column("audience", sa.Text, nullable=False, comment="customer, staff or owner"),
        sa.Column("recipient_kind", sa.Text, nullable=False, comment="customer or user"),
        sa.Column("recipient_id", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False, comment="email, sms, push or http"),
        sa.Column("appointment_id", sa.Text, comment="null: it is about none"),
        sa.Column("appointment_version", sa.Integer, comment="as it was planned for"),
        _instant("visit_start", comment="as it was planned for"),
        sa.Column("event_id", sa.Text, comment="the first event that it tells of; null: a reminder, or sent again"),
        sa.Column("event_seq", sa.BigInteger, comment="of the last event that it tells of"),
        sa.Column("rule", sa.Text, comment="such as reminder:1440; null: a notice"),
        sa.Column("dedupe", sa.Text, nullable=False, comment="what there is one message of"),
        _instant("due_at", nullable=False, comment="of the next attempt, while planned"),
        sa.Column("status", sa.Text, nullable=False, comment=_STATUSES),
        sa.Column("reason", sa.Text, comment="code: why not, or why not yet"),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("reference", sa.Text, comment="of the provider"),
        sa.Column("resent_of", sa.Text, comment="the notification that was sent again as this one"),
        _instant("sent_at"),
        _instant("created_at", nullable=False, server_default=sa.text("now()")),
        _instant("updated_at", nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="notifications_pkey"),
    )
    op.create_index("notifications_dedupe_key", "notifications", ["tenant_id", "dedupe"], unique=True)
    op.create_index("notifications_appointment_idx", "notifications", ["tenant_id", "appointment_id", "id"])
    op.create_index("notifications_recipient_idx", "notifications", ["tenant_id", "recipient_id", "created_at"])
    op.execute("ALTER TABLE notifications ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE notifications FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY notifications_tenant ON notifications USING ({_TENANT}) WITH CHECK ({_TENANT})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON notifications TO holdfast_app")


def _instant(name: str, **options: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), **options)


def downgrade() -> None:
    """Take it away."""
    op.drop_table("notifications")
