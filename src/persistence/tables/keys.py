"""Tables of the keys that seal personal data."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, Table, Text

from persistence.tables.metadata import created_column, metadata, tenant_column

business_keys = Table(
    "business_keys",
    metadata,
    tenant_column(),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="the highest one seals, all of them open"),
    Column("key_id", Text, nullable=False, comment="of the master key that sealed it"),
    Column("sealed", LargeBinary, nullable=False, comment="the key, and that of the blind index"),
    created_column(),
    ForeignKeyConstraint(["tenant_id"], ["businesses.tenant_id"]),
)

# Without foreign keys: a dump of the other tables can be restored without it, and then nobody is named in it.
personal_keys = Table(
    "personal_keys",
    metadata,
    tenant_column(),
    Column("subject", Text, primary_key=True, comment="id of the row whose personal data it seals"),
    Column("customer_id", Text, nullable=False, comment="whose they are: without the key they are erased"),
    Column("number", Integer, nullable=False, comment="of the business's key that sealed it"),
    Column("sealed", LargeBinary, nullable=False),
    Index("personal_keys_customer_idx", "tenant_id", "customer_id"),
)

# No row-level security: it is read before any business is known. A row says nothing but which master keys are in use.
key_canaries = Table(
    "key_canaries",
    metadata,
    Column("key_id", Text, primary_key=True, comment="of a master key that has sealed something"),
    Column("sealed", LargeBinary, nullable=False),
    created_column(),
)
