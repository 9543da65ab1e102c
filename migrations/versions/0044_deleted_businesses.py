"""Delete businesses: note it, and remove their rows in steps."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

# The engine has no right to delete what history needs, so this runs as the owner, and for a business that was deleted
# alone. Whatever table names a business is found in the catalogue of Postgres: a later one is not forgotten. A row that
# refers to others goes before them. The audit log stays, and so does the standing.
_REMOVE = """
CREATE FUNCTION remove_rows_of_business(tenant uuid, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE
    named record;
    condition text;
    removed integer;
BEGIN
    IF NOT EXISTS (SELECT FROM standings WHERE tenant_id = tenant AND deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the business % was not deleted', tenant USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM set_config('app.tenant_id', tenant::text, true);
    FOR named IN
        WITH RECURSIVE references_of (child, parent) AS (
            SELECT DISTINCT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid
        ), above (child, height) AS (
            SELECT oid, 0 FROM pg_class
            UNION ALL
            SELECT references_of.child, above.height + 1
            FROM above JOIN references_of ON references_of.parent = above.child
        )
        SELECT tables.relname, max(above.height) AS height
        FROM pg_class AS tables
        JOIN pg_attribute AS columns ON columns.attrelid = tables.oid AND columns.attname = 'tenant_id'
        JOIN above ON above.child = tables.oid
        WHERE tables.relkind = 'r' AND tables.relnamespace = '{schema}'::regnamespace AND NOT columns.attisdropped
            AND tables.relname <> ALL (ARRAY['audit_entries', 'audit_links', 'audit_queue', 'standings'])
        GROUP BY tables.oid, tables.relname, tables.relrowsecurity
        ORDER BY height DESC, tables.relrowsecurity DESC, tables.relname
    LOOP
        condition := CASE named.relname WHEN 'tasks' THEN ' AND kind <> ''businesses.delete''' ELSE '' END;
        EXECUTE format(
            'DELETE FROM %I WHERE tenant_id = $1 AND ctid = ANY (ARRAY('
            'SELECT ctid FROM %I WHERE tenant_id = $1%s LIMIT $2))', named.relname, named.relname, condition
        ) USING tenant, most;
        GET DIAGNOSTICS removed = ROW_COUNT;
        IF removed > 0 THEN
            RETURN removed;
        END IF;
    END LOOP;
    RETURN 0;
END
$$
"""


def upgrade() -> None:
    """Add the columns and the function; the program before knows neither."""
    for name, comment in (
        ("deleted_at", "null: it was not deleted"),
        ("removed_at", "nothing is left of it since then"),
    ):
        op.add_column("standings", sa.Column(name, sa.DateTime(timezone=True), comment=comment))
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(_REMOVE.replace("{schema}", str(schema)))
    op.execute("REVOKE ALL ON FUNCTION remove_rows_of_business(uuid, integer) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION remove_rows_of_business(uuid, integer) TO holdfast_app")


def downgrade() -> None:
    """Take them away: what was not removed by then stays, and its business is suspended."""
    op.execute("DROP FUNCTION remove_rows_of_business(uuid, integer)")
    for name in ("removed_at", "deleted_at"):
        op.drop_column("standings", name)
