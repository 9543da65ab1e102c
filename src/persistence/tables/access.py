"""The hashed API keys of each business."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, LargeBinary, Table, Text
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
    Index("api_keys_digest_key", "digest", unique=True),
)
