"""Keep the channels of a business, and the addresses that are written to no more."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_TABLES = ("notification_channels", "suppressions")


def upgrade() -> None:
    """Add the tables; nothing of the program before knows them."""
    op.create_table(
        "notification_channels",
        sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("channel", sa.Text, nullable=False, comment="email, sms, push or http"),
        sa.Column("secret_id", sa.Text, nullable=False, comment="seals all of its settings"),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("tenant_id", "channel", name="notification_channels_pkey"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "secret_id"],
            ["secrets.tenant_id", "secrets.id"],
            name="notification_channels_tenant_id_secret_id_fkey",
        ),
    )
    op.create_table(
        "suppressions",
        sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("channel", sa.Text, nullable=False, comment="email or sms"),
        sa.Column("address_index", sa.Text, nullable=False, comment="blind index, as customers have it; else a digest"),
        sa.Column("reason", sa.Text, nullable=False, comment="bounced, opted_out or complained"),
        _now("since"),
        sa.PrimaryKeyConstraint("tenant_id", "channel", "address_index", name="suppressions_pkey"),
        sa.ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"], name="suppressions_tenant_id_fkey"),
    )
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({_TENANT}) WITH CHECK ({_TENANT})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO holdfast_app")


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def downgrade() -> None:
    """Take them away."""
    for table in reversed(_TABLES):
        op.drop_table(table)
