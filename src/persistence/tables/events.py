"""Table of events as the relay has numbered them: the feed."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKeyConstraint, Identity, Index, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from persistence.tables.metadata import metadata, tenant_column

events = Table(
    "events",
    metadata,
    tenant_column(),
    Column(
        "seq",
        BigInteger,
        Identity(always=True),
        primary_key=True,
        comment="given by the relay, so that a lower one never appears after a higher one",
    ),
    Column("id", Text, nullable=False, comment="evt_…; the cursor of the feed"),
    Column("type", Text, nullable=False, comment="such as appointment.confirmed"),
    Column("version", SmallInteger, nullable=False, comment="of the type"),
    Column("subject", Text, nullable=False, comment="the id of what it happened to"),
    Column("data", JSONB, nullable=False),
    Column("actor", Text, comment="who acted, such as customer:key_…; null: an older program wrote it"),
    Column("request_id", Text, comment="of the HTTP request; null: there was none"),
    Column("occurred_at", DateTime(timezone=True), nullable=False, comment="by the clock of the database"),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
    Index("events_id_idx", "tenant_id", "id", unique=True),
    Index("events_subject_idx", "tenant_id", "subject", "seq"),
    # Of all businesses: for the streams, and for the deletion of old ones.
    Index("events_seq_idx", "seq", unique=True),
)
