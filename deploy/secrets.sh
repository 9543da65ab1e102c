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
