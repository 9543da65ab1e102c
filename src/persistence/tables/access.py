"""The hashed API keys of each business."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

from persistence.tables.metadata import created_column, metadata

# No row-level security: a key is looked up before its business is known. A row says nothing but a digest.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", UUID(as_uuid=True), ForeignKey("businesses.tenant_id"), nullable=False),
    Column("kind", Text, nullable=False, comment="secret or publishable"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the key; the key itself is not kept"),
    created_column(),
    Column("revoked_at", DateTime(timezone=True)),
    Column("name", Text, comment="chosen by the business; null: none"),
    Column("expires_at", DateTime(timezone=True), comment="set by a rotation: it opens nothing from then on"),
    Column("last_used_at", DateTime(timezone=True), comment="to the hour; null: never, or by older programs"),
    Index("api_keys_digest_key", "digest", unique=True),
    Index("api_keys_tenant_id_idx", "tenant_id"),
    # What was revoked lately is asked for all the time, and is next to nothing.
    Index("api_keys_revoked_at_idx", "revoked_at", postgresql_where=text("revoked_at IS NOT NULL")),
)
