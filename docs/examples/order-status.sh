#!/bin/sh
# Prints the status of an order from the cache. Ends with 1 and prints nothing when the database must be asked: the order
# is not in the cache, no table is Active, or Redis is away. It never writes. The table comes first, then the record.
#   REDIS_URI=redis://... KEY_PREFIX=order: order-status.sh A-1
set -eu

printf '%s' "$1" | LC_ALL=C grep -Eqx '[A-Za-z0-9][A-Za-z0-9._/@+=~-]{0,127}' || exit 1

ask() { timeout 1 redis-cli -e --no-auth-warning -u "$REDIS_URI" "$@"; }

table=$(ask GET "ordercache:ttl:$KEY_PREFIX") || exit 1
case $table in *'"state":"Active"'*) ;; *) exit 1 ;; esac
status=$(ask HGET "$KEY_PREFIX$1" status) || exit 1
[ -n "$status" ] || exit 1
printf '%s\n' "$status"
