"""Tables of the audit log: its entries, the chain over them, and those that are not in it yet."""

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from persistence.tables.metadata import metadata, tenant_column

# No foreign keys: what was done to a business is known longer than the business.
audit_entries = Table(
    "audit_entries",
    metadata,
    tenant_column(),
    Column("id", Text, primary_key=True, comment="aud_…; later ones sort after earlier ones"),
    Column(
        "at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("now()"),
        comment="by the clock of the database",
    ),
    Column("actor", Text, nullable=False, comment="who acted, such as business:key_…"),
    Column("action", Text, nullable=False, comment="operation of the API, or of a loop or a command"),
    Column("subject", Text, nullable=False, comment="the id of what it was done to"),
    Column("more_subjects", ARRAY(Text), comment="of a list that was read; null: none"),
    Column("fields", ARRAY(Text), comment="names of what was changed or read; null: all, or none"),
    Column("origin", Text, comment="network of the business's caller; null: unknown, or somebody else's"),
    Column("request_id", Text, comment="of the HTTP request; null: there was none"),
    Index("audit_entries_subject_idx", "tenant_id", "subject", "id"),
    Index("audit_entries_actor_idx", "tenant_id", "actor", "id"),
    Index(
        "audit_entries_more_subjects_idx",
        "more_subjects",
        postgresql_using="gin",
        postgresql_where=text("more_subjects IS NOT NULL"),
    ),
)

audit_links = Table(
    "audit_links",
    metadata,
    tenant_column(),
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="from 1 on, without a gap"),
    Column("entry_id", Text, nullable=False),
    Column(
        "hash",
        LargeBinary,
        nullable=False,
        comment="SHA-256 of the hash before it and of the entry (audit.model); before the first: 32 zero bytes",
    ),
)

# Without an index, which each booking would have to write: it is read as a whole, and nearly empty.
audit_queue = Table(
    "audit_queue",
    metadata,
    Column("tenant_id", tenant_column().type, nullable=False),
    Column("entry_id", Text, nullable=False, comment="that has no link yet"),
)
