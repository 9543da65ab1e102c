"""What makes the tables safe: the exclusion constraint, checks, the engine's role, row-level security, invalidation."""

from typing import Final

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What the engine's role may do to each table besides SELECT. Appointments, customers and lanes are never deleted.
GRANTS: Final = {
    "api_keys": "INSERT, UPDATE",
    "appointment_resources": "INSERT, UPDATE, DELETE",
    "appointments": "INSERT, UPDATE",
    "breaks": "INSERT, UPDATE, DELETE",
    "businesses": "INSERT, UPDATE",
    "claims": "INSERT, UPDATE, DELETE",
    "customers": "INSERT, UPDATE",
    "hours": "INSERT, UPDATE, DELETE",
    "idempotency_keys": "INSERT, UPDATE, DELETE",
    "invalidations": "INSERT, DELETE",
    "lanes": "INSERT",
    "locations": "INSERT, UPDATE",
    "outbox": "INSERT, UPDATE, DELETE",
    "overrides": "INSERT, UPDATE, DELETE",
    "requirement_resources": "INSERT, UPDATE, DELETE",
    "requirements": "INSERT, UPDATE, DELETE",
    "resources": "INSERT, UPDATE",
    "services": "INSERT, UPDATE",
    "time_off": "INSERT, UPDATE, DELETE",
}

# api_keys is read before the business of a caller is known; invalidations is read by one worker for all businesses.
WITHOUT_ROW_SECURITY: Final = {"api_keys", "invalidations"}

# A change of one of these changes what a process remembers of the business.
CATALOGUE_TABLES: Final = (
    "breaks",
    "businesses",
    "hours",
    "lanes",
    "locations",
    "overrides",
    "requirement_resources",
    "requirements",
    "resources",
    "services",
)

# No two claims of one lane overlap, ever. A range of one lane stands in for "lane_id WITH =", which would need the
# btree_gist extension: this way the schema runs on any Postgres (docs/adr/0001).
EXCLUSION: Final = """
ALTER TABLE claims ADD CONSTRAINT claims_lane_overlap
    EXCLUDE USING gist (int8range(lane_id, lane_id, '[]') WITH &&, during WITH &&)
"""

_WEEKLY_SPAN: Final = (
    "start_minute >= 0 AND start_minute < 1440 AND end_minute > start_minute AND end_minute <= start_minute + 1440"
)
# Whole minutes, both ends known, half-open: what a bitmap of minutes can say. In years that every program can spell.
_MINUTES: Final = (
    "NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during) "
    "AND NOT lower_inf(during) AND NOT upper_inf(during) "
    "AND extract(epoch FROM lower(during)) % 60 = 0 AND extract(epoch FROM upper(during)) % 60 = 0 "
    "AND lower(during) >= timestamptz '2000-01-01 00:00+00' AND upper(during) < timestamptz '2201-01-01 00:00+00'"
)

CHECKS: Final = (
    ("api_keys", "kind", "kind IN ('secret', 'publishable')"),
    ("businesses", "mode", "mode IN ('live', 'sandbox')"),
    ("resources", "capacity", "capacity >= 1"),
    ("lanes", "number", "number >= 1"),
    ("hours", "span", _WEEKLY_SPAN),
    ("breaks", "span", _WEEKLY_SPAN),
    ("overrides", "spans", "jsonb_typeof(spans) = 'array'"),
    # At most three years, as in the engine: each of its days is dropped from the cache.
    ("time_off", "during", f"{_MINUTES} AND upper(during) - lower(during) <= interval '1100 days'"),
    ("services", "duration", "duration_minutes >= 1 AND buffer_before_minutes >= 0 AND buffer_after_minutes >= 0"),
    (
        "services",
        "grid",
        "grid_align IN ('opening', 'clock', 'gap') AND grid_step_minutes >= 1 AND grid_offset_minutes >= 0",
    ),
    ("services", "assign", "assign IN ('priority', 'least_booked', 'round_robin')"),
    ("requirements", "count", "count >= 1 AND offset_minutes >= 0"),
    ("appointments", "status", "status IN ('pending', 'confirmed', 'cancelled', 'completed', 'no_show')"),
    ("appointments", "span", "starts_at < ends_at AND party >= 1"),
    # At most a week long, so that "every claim that touches this day" is a bounded stretch of claims_lane_end_idx.
    ("claims", "during", f"{_MINUTES} AND upper(during) - lower(during) <= interval '7 days'"),
)

# The engine works as this role: it owns nothing and cannot bypass row-level security. Roles belong to the whole
# server, so another database's migration may have made it already.
ROLE: Final = """
DO $$
BEGIN
    -- Where somebody has made the role beforehand, the migration needs no right to make one.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
        CREATE ROLE holdfast_app NOLOGIN NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$
"""

USAGE: Final = """
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'holdfast_app', 'MEMBER') THEN
        EXECUTE format('GRANT holdfast_app TO %I', current_user);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO holdfast_app', current_schema());
END
$$
"""

# The subselect makes Postgres read the setting once per statement, not once per row.
TENANT: Final = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"

# One row for each lane's stretch of days that changed, in the transaction that changed it: this row is the guarantee
# that the cache hears of it. The engine's own writes carry their operation (app.operation_id) and are settled directly;
# any other writer also wakes the invalidator, which costs that writer a lock at commit but not the engine.
INVALIDATE_DAYS: Final = """
CREATE FUNCTION invalidate_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    operation text := nullif(current_setting('app.operation_id', true), '');
BEGIN
    IF TG_TABLE_NAME = 'claims' THEN
        INSERT INTO invalidations (tenant_id, resource_id, first_day, last_day, operation_id)
        SELECT changed.tenant_id,
               lanes.resource_id,
               (lower(changed.during) AT TIME ZONE 'UTC')::date,
               ((upper(changed.during) - interval '1 minute') AT TIME ZONE 'UTC')::date,
               operation
        FROM changed JOIN lanes ON lanes.id = changed.lane_id;
    ELSE
        INSERT INTO invalidations (tenant_id, resource_id, first_day, last_day, operation_id)
        SELECT changed.tenant_id,
               changed.resource_id,
               (lower(changed.during) AT TIME ZONE 'UTC')::date,
               ((upper(changed.during) - interval '1 minute') AT TIME ZONE 'UTC')::date,
               operation
        FROM changed;
    END IF;
    IF FOUND AND operation IS NULL THEN
        PERFORM pg_notify('holdfast_invalidation', '');
    END IF;
    RETURN NULL;
END
$$
"""

INVALIDATE_CATALOGUE: Final = """
CREATE FUNCTION invalidate_catalogue() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    operation text := nullif(current_setting('app.operation_id', true), '');
BEGIN
    INSERT INTO invalidations (tenant_id, operation_id) SELECT DISTINCT changed.tenant_id, operation FROM changed;
    IF FOUND AND operation IS NULL THEN
        PERFORM pg_notify('holdfast_invalidation', '');
    END IF;
    RETURN NULL;
END
$$
"""


def _watch(table: str, function: str) -> None:
    """Call the function with the rows that a statement added, changed (as they were and as they are) or removed."""
    for name, event, side in (
        ("inserted", "INSERT", "NEW"),
        ("updated_from", "UPDATE", "OLD"),
        ("updated_to", "UPDATE", "NEW"),
        ("deleted", "DELETE", "OLD"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_{name}_invalidate AFTER {event} ON {table} "
            f"REFERENCING {side} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


def upgrade() -> None:
    """Add the guards."""
    op.execute(EXCLUSION)
    for table, name, condition in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name}_check CHECK ({condition})")
    op.execute(ROLE)
    op.execute(USAGE)
    op.execute("GRANT SELECT ON alembic_version TO holdfast_app")
    for table, rights in GRANTS.items():
        op.execute(f"GRANT SELECT, {rights} ON {table} TO holdfast_app")
    for table in sorted(GRANTS.keys() - WITHOUT_ROW_SECURITY):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({TENANT}) WITH CHECK ({TENANT})")
    op.execute(INVALIDATE_DAYS)
    op.execute(INVALIDATE_CATALOGUE)
    for table in ("claims", "time_off"):
        _watch(table, "invalidate_days")
    for table in CATALOGUE_TABLES:
        _watch(table, "invalidate_catalogue")


def downgrade() -> None:
    """Take the guards away. The role stays: other databases of the server may use it."""
    for table in ("claims", "time_off", *CATALOGUE_TABLES):
        for name in ("inserted", "updated_from", "updated_to", "deleted"):
            op.execute(f"DROP TRIGGER {table}_{name}_invalidate ON {table}")
    op.execute("DROP FUNCTION invalidate_days()")
    op.execute("DROP FUNCTION invalidate_catalogue()")
    for table in sorted(GRANTS.keys() - WITHOUT_ROW_SECURITY):
        op.execute(f"DROP POLICY {table}_tenant ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for table in GRANTS:
        op.execute(f"REVOKE ALL ON {table} FROM holdfast_app")
    op.execute("REVOKE SELECT ON alembic_version FROM holdfast_app")
    op.execute("ALTER TABLE claims DROP CONSTRAINT claims_lane_overlap")
    for table, name, _ in CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{name}_check")
