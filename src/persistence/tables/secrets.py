"""Table of sealed secrets."""

from sqlalchemy import Column, ForeignKeyConstraint, LargeBinary, Table, Text

from persistence.tables.metadata import created_column, id_column, metadata, tenant_column

secrets = Table(
    "secrets",
    metadata,
    tenant_column(),
    id_column(),
    Column("purpose", Text, nullable=False, comment="such as webhook_endpoint"),
    Column("key_id", Text, nullable=False, comment="of the master key that sealed it"),
    Column("sealed", LargeBinary, nullable=False, comment="see persistence.sealing"),
    created_column(),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
)
