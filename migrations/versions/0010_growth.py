"""Let old events and archived objects be deleted, and let no cost depend on how many there are."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OBJECTS = ("locations", "resources", "services")
_KIND = ("due_work", "kind", "approval, idempotency or archived", "approval or idempotency")
_SUBJECT = (
    "due_work",
    "subject",
    "an appointment, an hour since 1970 in which keys were sent, or a day since 1970 on which objects were archived",
    "an appointment, or an hour since 1970 in which keys were sent",
)

# One row for each day on which a business archived something, due 30 days after the end of that day.
_DAY = "CAST(floor(extract(epoch FROM archived_at) / 86400) AS bigint)"
_DUE = "to_timestamp((day + 31) * 86400)"
_NOTE_ARCHIVED = f"""
CREATE FUNCTION note_archived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO due_work (tenant_id, kind, subject, due_at)
    SELECT tenant_id, 'archived', CAST(day AS text), {_DUE}
    FROM (SELECT DISTINCT tenant_id, {_DAY} AS day FROM changed WHERE archived_at IS NOT NULL) AS archived
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""  # noqa: S608 - all of it is ours

# The engine's role may delete none of these tables, for appointments name their rows. The function deletes for it what
# nothing names: an appointment keeps its service and its resources, a service its resources, a resource its location.
# It runs as the owner, for whom row-level security is forced too, so it sees the business of the transaction only.
_DELETE_ARCHIVED = """
DECLARE
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    before timestamptz := now() - interval '30 days';
    ids text[];
    deleted integer;
BEGIN
    ids := ARRAY(
        SELECT services.id FROM services
        WHERE services.tenant_id = tenant AND services.archived_at <= before AND NOT EXISTS (
            SELECT FROM appointments
            WHERE appointments.tenant_id = tenant AND appointments.service_id = services.id)
        ORDER BY services.archived_at LIMIT most);
    DELETE FROM requirement_resources WHERE tenant_id = tenant AND service_id = ANY (ids);
    DELETE FROM requirements WHERE tenant_id = tenant AND service_id = ANY (ids);
    DELETE FROM services WHERE tenant_id = tenant AND id = ANY (ids);
    deleted := cardinality(ids);
    ids := ARRAY(
        SELECT resources.id FROM resources
        WHERE resources.tenant_id = tenant AND resources.archived_at <= before AND NOT EXISTS (
            SELECT FROM appointment_resources AS parts
            WHERE parts.tenant_id = tenant AND parts.resource_id = resources.id)
        AND NOT EXISTS (
            SELECT FROM requirement_resources AS named
            WHERE named.tenant_id = tenant AND named.resource_id = resources.id)
        AND NOT EXISTS (
            SELECT FROM lanes JOIN claims ON claims.lane_id = lanes.id
            WHERE lanes.tenant_id = tenant AND lanes.resource_id = resources.id)
        ORDER BY resources.archived_at LIMIT most - deleted);
    DELETE FROM hours WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM breaks WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM overrides WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM time_off WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM lanes WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM resources WHERE tenant_id = tenant AND id = ANY (ids);
    deleted := deleted + cardinality(ids);
    ids := ARRAY(
        SELECT locations.id FROM locations
        WHERE locations.tenant_id = tenant AND locations.archived_at <= before AND NOT EXISTS (
            SELECT FROM resources
            WHERE resources.tenant_id = tenant AND resources.location_id = locations.id)
        ORDER BY locations.archived_at LIMIT most - deleted);
    DELETE FROM locations WHERE tenant_id = tenant AND id = ANY (ids);
    RETURN deleted + cardinality(ids);
END
"""
_CREATE_DELETE_ARCHIVED = f"""
DO $outer$
BEGIN
    EXECUTE format(
        'CREATE FUNCTION delete_archived(most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER'
        ' SET search_path = pg_catalog, %I, pg_temp AS %L', current_schema(), $body${_DELETE_ARCHIVED}$body$
    );
END
$outer$
"""

# Row-level security is forced, so the owner, as whom the functions run, needs policies to read and delete past it. The
# engine's role is not the owner: it can delete events of other businesses by their age alone, none younger than a day.
_OUTBOX_FUNCTIONS = """
DO $$
BEGIN
    EXECUTE format('CREATE POLICY outbox_old_locked ON outbox FOR UPDATE TO %I USING (true)', current_user);
    EXECUTE format('CREATE POLICY outbox_old_deleted ON outbox FOR DELETE TO %I USING (true)', current_user);
    EXECUTE format(
        'CREATE FUNCTION delete_old_events(age interval, most integer) RETURNS bigint LANGUAGE sql SECURITY DEFINER'
        ' SET search_path = pg_catalog, pg_temp AS %L',
        format(
            'WITH old AS (SELECT tenant_id, id FROM %1$I.outbox'
            ' WHERE created_at < now() - greatest(age, interval ''1 day'')'
            ' ORDER BY created_at LIMIT most FOR UPDATE SKIP LOCKED),'
            ' deleted AS (DELETE FROM %1$I.outbox AS events USING old'
            ' WHERE events.tenant_id = old.tenant_id AND events.id = old.id RETURNING 1)'
            ' SELECT count(*) FROM deleted',
            current_schema()
        )
    );
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION outbox_oldest() RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER'
        ' SET search_path = pg_catalog, pg_temp AS %L',
        format('SELECT created_at FROM %I.outbox ORDER BY created_at LIMIT 1', current_schema())
    );
END
$$
"""
_OUTBOX_OLDEST_BEFORE = """
DO $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION outbox_oldest() RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER'
        ' SET search_path = pg_catalog, pg_temp AS %L',
        format('SELECT created_at FROM %I.outbox ORDER BY id LIMIT 1', current_schema())
    );
END
$$
"""


def upgrade() -> None:
    """Add indexes, functions and triggers, and note what is archived already."""
    op.create_index("outbox_created_idx", "outbox", ["created_at"])
    op.execute(_OUTBOX_FUNCTIONS)
    op.execute("REVOKE ALL ON FUNCTION delete_old_events(interval, integer) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION delete_old_events(interval, integer) TO holdfast_app")
    for table in _OBJECTS:
        op.create_index(f"{table}_live_idx", table, ["tenant_id"], postgresql_where=sa.text("archived_at IS NULL"))
        op.create_index(
            f"{table}_archived_idx",
            table,
            ["tenant_id", "archived_at"],
            postgresql_where=sa.text("archived_at IS NOT NULL"),
        )
    # A deleted resource or location is looked for by the foreign keys that point to it.
    op.create_index("requirement_resources_resource_idx", "requirement_resources", ["tenant_id", "resource_id"])
    op.create_index("resources_location_idx", "resources", ["tenant_id", "location_id"])
    op.execute(_CREATE_DELETE_ARCHIVED)
    op.execute("REVOKE ALL ON FUNCTION delete_archived(integer) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION delete_archived(integer) TO holdfast_app")
    op.execute(_NOTE_ARCHIVED)
    for table in _OBJECTS:
        for name, event in (("inserted", "INSERT"), ("updated", "UPDATE")):
            op.execute(
                f"CREATE TRIGGER {table}_{name}_due AFTER {event} ON {table} REFERENCING NEW TABLE AS changed"
                " FOR EACH STATEMENT EXECUTE FUNCTION note_archived()"
            )
    _fill()
    for table, column, comment, before in (_KIND, _SUBJECT):
        op.alter_column(table, column, comment=comment, existing_comment=before)


def _fill() -> None:
    """Note what is archived. Row-level security is forced, and would hide it from the owner."""
    # Both changes are of this transaction: the tables are locked, and at its end all is as it was.
    for table in _OBJECTS:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(
            "INSERT INTO due_work (tenant_id, kind, subject, due_at)"  # noqa: S608 - all of it is ours
            f" SELECT tenant_id, 'archived', CAST(day AS text), {_DUE}"
            f" FROM (SELECT DISTINCT tenant_id, {_DAY} AS day FROM {table} WHERE archived_at IS NOT NULL) AS archived"
            " ON CONFLICT DO NOTHING"
        )
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Take it all away."""
    for table, column, comment, before in (_KIND, _SUBJECT):
        op.alter_column(table, column, comment=before, existing_comment=comment)
    op.execute("DELETE FROM due_work WHERE kind = 'archived'")
    for table in _OBJECTS:
        for name in ("inserted", "updated"):
            op.execute(f"DROP TRIGGER {table}_{name}_due ON {table}")
    op.execute("DROP FUNCTION note_archived()")
    op.execute("DROP FUNCTION delete_archived(integer)")
    op.drop_index("resources_location_idx", "resources")
    op.drop_index("requirement_resources_resource_idx", "requirement_resources")
    for table in _OBJECTS:
        op.drop_index(f"{table}_archived_idx", table)
        op.drop_index(f"{table}_live_idx", table)
    op.execute(_OUTBOX_OLDEST_BEFORE)
    op.execute("DROP FUNCTION delete_old_events(interval, integer)")
    op.execute("DROP POLICY outbox_old_deleted ON outbox")
    op.execute("DROP POLICY outbox_old_locked ON outbox")
    op.drop_index("outbox_created_idx", "outbox")
