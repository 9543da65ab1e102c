"""Tables of notifications: to whom, of what and when, channels of a business, addresses that are written to no more."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKeyConstraint, Index, Integer, Table, Text, text

from persistence.tables.metadata import created_column, id_column, metadata, tenant_column, version_column

# No address, no name and no words.
notifications = Table(
    "notifications",
    metadata,
    tenant_column(),
    id_column(),
    Column("kind", Text, nullable=False, comment="such as confirmed or reminder"),
    Column("audience", Text, nullable=False, comment="customer, staff or owner"),
    Column("recipient_kind", Text, nullable=False, comment="customer or user"),
    Column("recipient_id", Text, nullable=False),
    Column("channel", Text, nullable=False, comment="email, sms, push or http"),
    Column("appointment_id", Text, comment="null: it is about none"),
    Column("appointment_version", Integer, comment="as it was planned for"),
    Column("visit_start", DateTime(timezone=True), comment="as it was planned for"),
    Column("event_id", Text, comment="the first event that it tells of; null: a reminder, or sent again"),
    Column("event_seq", BigInteger, comment="of the last event that it tells of"),
    Column("rule", Text, comment="such as reminder:1440; null: a notice"),
    Column("dedupe", Text, nullable=False, comment="what there is one message of"),
    Column("due_at", DateTime(timezone=True), nullable=False, comment="of the next attempt, while planned"),
    Column(
        "status",
        Text,
        nullable=False,
        comment="planned, sending, sent, delivered, failed, skipped, withdrawn or bounced",
    ),
    Column("reason", Text, comment="code: why not, or why not yet"),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("reference", Text, comment="of the provider"),
    Column("resent_of", Text, comment="the notification that was sent again as this one"),
    Column("sent_at", DateTime(timezone=True)),
    created_column(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("notifications_dedupe_key", "tenant_id", "dedupe", unique=True),
    Index("notifications_appointment_idx", "tenant_id", "appointment_id", "id"),
    Index("notifications_recipient_idx", "tenant_id", "recipient_id", "created_at"),
)

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
