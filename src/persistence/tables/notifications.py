"""Tables of notifications: the channels of a business, and addresses that are written to no more."""

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Table, Text, text

from persistence.tables.metadata import created_column, metadata, tenant_column, version_column

notification_channels = Table(
    "notification_channels",
    metadata,
    tenant_column(),
    Column("channel", Text, primary_key=True, comment="email, sms, push or http"),
    Column("secret_id", Text, nullable=False, comment="seals all of its settings"),
    version_column(),
    created_column(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(["tenant_id", "secret_id"], ["secrets.tenant_id", "secrets.id"]),
)

# No address: whoever has one finds its row, and nobody finds an address in a row.
suppressions = Table(
    "suppressions",
    metadata,
    tenant_column(),
    Column("channel", Text, primary_key=True, comment="email or sms"),
    Column("address_index", Text, primary_key=True, comment="blind index, as customers have it; else a digest"),
    Column("reason", Text, nullable=False, comment="bounced, opted_out or complained"),
    Column("since", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
)
