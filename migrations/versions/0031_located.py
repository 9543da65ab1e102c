"""Let a resource work at several locations, and an appointment be at one of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# As migration 0010 made it; but an appointment keeps its location too.
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
        AND NOT EXISTS (
            SELECT FROM appointments
            WHERE appointments.tenant_id = tenant AND appointments.location_id = locations.id)
        ORDER BY locations.archived_at LIMIT most - deleted);
    DELETE FROM locations WHERE tenant_id = tenant AND id = ANY (ids);
    RETURN deleted + cardinality(ids);
END
"""
_KEPT_BY_APPOINTMENTS = """
        AND NOT EXISTS (
            SELECT FROM appointments
            WHERE appointments.tenant_id = tenant AND appointments.location_id = locations.id)"""


def upgrade() -> None:
    """Add the columns."""
    same = sa.Column("same_location", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    op.add_column("requirements", same)
    located = sa.Column(
        "located",
        JSONB(),
        nullable=False,
        server_default=sa.text("'[]'::jsonb"),
        comment="[{location: id, hours}, …]",
    )
    op.add_column("resources", located)
    comment = "null: that of the first resource"
    op.add_column("appointments", sa.Column("location_id", sa.Text(), comment=comment))
    _replace_delete_archived(_DELETE_ARCHIVED)


def downgrade() -> None:
    """Take them away."""
    _replace_delete_archived(_DELETE_ARCHIVED.replace(_KEPT_BY_APPOINTMENTS, ""))
    op.drop_column("requirements", "same_location")
    op.drop_column("appointments", "location_id")
    op.drop_column("resources", "located")


def _replace_delete_archived(body: str) -> None:
    op.execute(
        f"""
DO $outer$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION delete_archived(most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER'
        ' SET search_path = pg_catalog, %I, pg_temp AS %L', current_schema(), $body${body}$body$
    );
END
$outer$
"""
    )
