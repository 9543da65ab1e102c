#!/bin/sh
# Give docker-compose.yml its passwords and keys: adds to .env a random one for each that is not there yet.
set -eu
umask 077
cd "$(dirname "$0")/.."
touch .env
chmod 600 .env
# A last line without an end would swallow the first of ours.
if [ -n "$(tail -c 1 .env)" ]; then echo >> .env; fi
for name in POSTGRES_PASSWORD POSTGRES_OWNER_PASSWORD POSTGRES_SERVER_PASSWORD REDIS_PASSWORD GRAFANA_PASSWORD \
    HOLDFAST_OPERATOR_KEY; do
    if grep -q "^$name=..*" .env; then continue; fi
    # Hexadecimal digits alone: passwords become part of URLs.
    secret=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    echo "$name=$secret" >> .env
    echo "$name is in .env now."
done
# It seals the secrets of businesses: whoever loses it loses them. Keep a copy apart from the database's backups.
if ! grep -q "^HOLDFAST_MASTER_KEY=..*" .env; then
    echo "HOLDFAST_MASTER_KEY=$(head -c 32 /dev/urandom | base64)" >> .env
    echo "HOLDFAST_MASTER_KEY is in .env now; keep a copy of it."
fi
