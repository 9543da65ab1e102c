"""Let time off invalidate the catalogue where a booking window counts business days: days of time off may not count."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_FUNCTION = """
CREATE FUNCTION invalidate_business_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    operation text := nullif(current_setting('app.operation_id', true), '');
BEGIN
    INSERT INTO invalidations (tenant_id, operation_id)
    SELECT DISTINCT changed.tenant_id, operation FROM changed
    WHERE EXISTS (SELECT FROM businesses AS one
                  WHERE one.tenant_id = changed.tenant_id AND one.rules #> '{window,business_days}' IS NOT NULL)
       OR EXISTS (SELECT FROM resources AS one
                  WHERE one.tenant_id = changed.tenant_id AND one.rules #> '{window,business_days}' IS NOT NULL)
       OR EXISTS (SELECT FROM services AS one
                  WHERE one.tenant_id = changed.tenant_id AND one.rules #> '{window,business_days}' IS NOT NULL);
    IF FOUND AND operation IS NULL THEN
        PERFORM pg_notify('holdfast_invalidation', '');
    END IF;
    RETURN NULL;
END
$$
"""
_EVENTS = (
    ("inserted", "INSERT", "NEW"),
    ("updated_from", "UPDATE", "OLD"),
    ("updated_to", "UPDATE", "NEW"),
    ("deleted", "DELETE", "OLD"),
)


def upgrade() -> None:
    """Add the triggers. The program before reads the catalogue anew, and counts those days as before."""
    op.execute(_FUNCTION)
    for name, event, side in _EVENTS:
        op.execute(
            f"CREATE TRIGGER time_off_{name}_invalidate_business_days AFTER {event} ON time_off "
            f"REFERENCING {side} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION invalidate_business_days()"
        )


def downgrade() -> None:
    """Take them away."""
    for name, _, _ in _EVENTS:
        op.execute(f"DROP TRIGGER time_off_{name}_invalidate_business_days ON time_off")
    op.execute("DROP FUNCTION invalidate_business_days()")
