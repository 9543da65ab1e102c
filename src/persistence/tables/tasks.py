"""Table of tasks: ids and times of all businesses."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from persistence.tables.metadata import created_column, metadata

# No row-level security: each worker serves all businesses. A handler opens the business's own transaction, and reads
# again there what the task is about.
tasks = Table(
    "tasks",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", UUID(as_uuid=True), nullable=False),
    Column("kind", Text, nullable=False, comment="such as webhooks.deliver"),
    Column("subject", Text, nullable=False, comment="the id of what it is about"),
    Column("key", Text, comment="by which a later plan replaces or removes it; null: it has none"),
    Column("due_at", DateTime(timezone=True), nullable=False, comment="by the real time"),
    Column("attempt", Integer, nullable=False, server_default=text("0"), comment="how often it was begun"),
    Column("leased_until", DateTime(timezone=True), comment="a worker has it until then; null: none has"),
    Column("revision", Integer, nullable=False, server_default=text("1"), comment="how often it was planned"),
    Column("parked_at", DateTime(timezone=True), comment="after its last attempt; null: it is still tried"),
    Column("last_error", Text),
    created_column(),
    # Neither a claim nor a lease changes a column of these, so such an update writes no index.
    Index("tasks_due_idx", "kind", "due_at", postgresql_where=text("parked_at IS NULL")),
    Index("tasks_parked_idx", "kind", "id", postgresql_where=text("parked_at IS NOT NULL")),
    Index("tasks_key_idx", "kind", "tenant_id", "key", unique=True, postgresql_where=text("key IS NOT NULL")),
)
