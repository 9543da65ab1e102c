"""Add what is known of customers beside their bookings: consents, merges, erasures, and an index of their numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_GUARDED = ("consents", "erasures")
_COLUMNS = ("version", "updated_at", "number_index", "merged_into", "erased_at")


def upgrade() -> None:
    """Add them; the program before goes on to write rows without them."""
    op.add_column("customers", sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")))
    op.add_column("customers", _instant("updated_at", nullable=False, server_default=sa.text("now()")))
    comment = "the telephone number, in the form of identity; null: none, or not known"
    op.add_column("customers", sa.Column("number_index", sa.Text, comment=comment))
    op.add_column(
        "customers", sa.Column("merged_into", sa.Text, comment="the customer who the same person is; null: none")
    )
    op.add_column("customers", _instant("erased_at", comment="null: not erased"))
    for name, column in (("customers_number_idx", "number_index"), ("customers_merged_idx", "merged_into")):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "customers", ["tenant_id", column], postgresql_where=where)
    _create_tables()
    for table in _GUARDED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({_TENANT}) WITH CHECK ({_TENANT})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO holdfast_app")


def _create_tables() -> None:
    op.create_table(
        "consents",
        _tenant(),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False, comment="a name of the business's own, such as reminders"),
        sa.Column("number", sa.Integer, nullable=False, comment="the highest one is in force"),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False, comment="where it was said: a name of the business's own"),
        _instant("at", nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id", "purpose", "number", name="consents_pkey"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customers.tenant_id", "customers.id"],
            name="consents_tenant_id_customer_id_fkey",
        ),
    )
    op.create_table(
        "erasures",
        _tenant(),
        sa.Column("customer_id", sa.Text, nullable=False),
        _instant("requested_at", nullable=False, server_default=sa.text("now()")),
        _instant("finished_at", comment="null: it is under way, or was interrupted"),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id", name="erasures_pkey"),
    )


def _tenant() -> sa.Column[object]:
    return sa.Column("tenant_id", postgresql.UUID(as_uuid=True), nullable=False)


def _instant(name: str, **details: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), **details)  # type: ignore[arg-type]


def downgrade() -> None:
    """Take them away again; who was merged is two customers then."""
    for table in _GUARDED:
        op.drop_table(table)
    for name in ("customers_number_idx", "customers_merged_idx"):
        op.drop_index(name, "customers")
    for column in reversed(_COLUMNS):
        op.drop_column("customers", column)
