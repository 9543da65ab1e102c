"""Table of due work: ids and times of all businesses, so that a loop finds what is due without walking over them."""

from sqlalchemy import Column, DateTime, Index, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from persistence.tables.metadata import metadata

# No row-level security: each loop serves all businesses. Whoever works a row off opens the business's own transaction,
# and reads again there what is due. Triggers write the rows (migrations 0008, 0010, 0038).
due_work = Table(
    "due_work",
    metadata,
    Column("tenant_id", UUID(as_uuid=True), nullable=False),
    Column("kind", Text, nullable=False, comment="approval, idempotency, archived or plain_data"),
    Column(
        "subject",
        Text,
        nullable=False,
        comment="an appointment, an hour since 1970 in which keys were sent, "
        "a day since 1970 on which objects were archived, or a row with personal data in plain text",
    ),
    Column("due_at", DateTime(timezone=True), nullable=False, comment="by the real time"),
    PrimaryKeyConstraint("kind", "tenant_id", "subject", name="due_work_pkey"),
    Index("due_work_due_idx", "kind", "due_at", "tenant_id", "subject"),
)
