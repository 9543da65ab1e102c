"""The roles of the embedded Postgres, as statements that may be repeated: the engine logs in as no superuser."""

from typing import Final

# As deploy/postgres/roles.sh makes them for a Postgres of one's own; there a third one serves. The attributes are set
# again, whatever somebody has given the owner.
MAKE_OWNER: Final = (
    """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
        CREATE ROLE holdfast_app NOLOGIN NOBYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_owner') THEN
        CREATE ROLE holdfast_owner;
    END IF;
END $$""",
    "ALTER ROLE holdfast_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    "GRANT holdfast_app TO holdfast_owner",
)

# Everything in the database that the superuser of initdb (10 in every cluster) has made: REASSIGN OWNED refuses for
# that role, because the system's own objects are its too. An index, and the sequence of a column, follow their table.
# A policy names whom it is for: migration 0008 has one for the owner.
HAND_OVER: Final = """DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        WITH ours AS (
            SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        )
        SELECT format('ALTER SCHEMA %I OWNER TO holdfast_owner', nspname) FROM pg_namespace
        WHERE oid IN (SELECT oid FROM ours) AND nspowner = 10
        UNION ALL
        SELECT format(
            'ALTER %s %I.%I OWNER TO holdfast_owner',
            CASE relkind
                WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE'
            END,
            nspname, relname
        )
        FROM pg_class JOIN ours ON ours.oid = relnamespace
        WHERE relowner = 10 AND relkind IN ('r', 'p', 'v', 'm', 'S')
        AND NOT (
            relkind = 'S' AND EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('a', 'i')
            )
        )
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO holdfast_owner', pg_proc.oid::regprocedure)
        FROM pg_proc JOIN ours ON ours.oid = pronamespace WHERE proowner = 10
        UNION ALL
        SELECT format('ALTER TYPE %I.%I OWNER TO holdfast_owner', nspname, typname)
        FROM pg_type JOIN ours ON ours.oid = typnamespace
        WHERE typowner = 10 AND typrelid = 0 AND typtype IN ('e', 'd', 'r')
        UNION ALL
        SELECT format('ALTER POLICY %I ON %s TO holdfast_owner', polname, polrelid::regclass)
        FROM pg_policy WHERE polroles = ARRAY[10::oid]
    LOOP
        EXECUTE statement;
    END LOOP;
END $$"""
