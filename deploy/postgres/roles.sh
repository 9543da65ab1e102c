#!/bin/sh
# Run once, on an empty volume, by the postgres image: who owns the tables, and who serves (docs/how-to/run-with-your-own-stores.md).
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
    --set=database="$POSTGRES_DB" --set=owner_password="$OWNER_PASSWORD" --set=server_password="$SERVER_PASSWORD" <<'SQL'
-- What the engine works as: it owns nothing. Made here, so that nobody who logs in needs the right to make roles.
CREATE ROLE holdfast_app NOLOGIN NOBYPASSRLS;
CREATE ROLE holdfast_owner LOGIN PASSWORD :'owner_password' IN ROLE holdfast_app;
CREATE ROLE holdfast_server LOGIN PASSWORD :'server_password' IN ROLE holdfast_app;
ALTER DATABASE :"database" OWNER TO holdfast_owner;
SQL
