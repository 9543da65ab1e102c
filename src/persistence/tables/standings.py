"""Tables of the operator: the standing of each business, and the requests that may be repeated."""

from sqlalchemy import Column, DateTime, Index, LargeBinary, Table, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from persistence.tables.metadata import created_column, metadata

# No row-level security: every process asks which businesses are suspended, and the operator lists all. Ids and times
# only. A trigger adds the row of a new business (migration 0043).
standings = Table(
    "standings",
    metadata,
    Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    created_column(),
    Column("suspended_at", DateTime(timezone=True), comment="null: it is not suspended"),
    Column(
        "changed_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=text("now()"),
        comment="of what is beside it",
    ),
    Column("deleted_at", DateTime(timezone=True), comment="null: it was not deleted"),
    Column("removed_at", DateTime(timezone=True), comment="nothing is left of it since then"),
    Column(
        "quotas",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="the most of each kind, by its name; absent: as many as the engine allows",
    ),
    Index("standings_created_idx", "created_at", "tenant_id"),
    Index("standings_changed_idx", "changed_at"),
    Index(
        "standings_limited_idx",
        "tenant_id",
        postgresql_where=text("suspended_at IS NOT NULL OR quotas <> '{}'::jsonb"),
    ),
    Index("standings_suspended_idx", "tenant_id", postgresql_where=text("suspended_at IS NOT NULL")),
)
# No row-level security: it is looked up before there is a business.
operator_requests = Table(
    "operator_requests",
    metadata,
    Column("key", LargeBinary, primary_key=True, comment="SHA-256 of the idempotency key"),
    Column("request_digest", LargeBinary, nullable=False),
    Column("tenant_id", UUID(as_uuid=True), nullable=False),
    Column("answer", LargeBinary, nullable=False, comment="sealed by a master key"),
    created_column(),
    Index("operator_requests_created_idx", "created_at"),
)
