"""Tables of customers beside their own: what they consented to, and who was erased."""

from sqlalchemy import Boolean, Column, DateTime, ForeignKeyConstraint, Integer, Table, Text, text

from persistence.tables.metadata import metadata, tenant_column

consents = Table(
    "consents",
    metadata,
    tenant_column(),
    Column("customer_id", Text, primary_key=True),
    Column("purpose", Text, primary_key=True, comment="a name of the business's own, such as reminders"),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="the highest one is in force"),
    Column("granted", Boolean, nullable=False),
    Column("source", Text, nullable=False, comment="where it was said: a name of the business's own"),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"]),
)

# Ids only, and no row is ever deleted: they are done again after a restore.
erasures = Table(
    "erasures",
    metadata,
    tenant_column(),
    Column("customer_id", Text, primary_key=True),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("finished_at", DateTime(timezone=True), comment="null: it is under way, or was interrupted"),
)
