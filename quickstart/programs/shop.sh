# A shop: reads orders through the cache, as docs/protocol.md says, and shows beside each what its row says by then.
# Programs have order-cache-operator/reader for this.
set -eu

# Nothing when Redis is away or refuses: then the database answers.
redis() {
  timeout 2 redis-cli -e --no-auth-warning -u "$REDIS_URI" "$@" || true
}

script() {
  name=$1
  shift
  redis EVAL "$(cat "/programs/$name.lua")" "$@"
}

ttl_of() {
  script ttl 0 ordercache:ttl:order: "$1"
}

row_of() {
  echo "SELECT coalesce((SELECT status FROM orders WHERE id = '$1'), 'no order');" >&3
  read -r row <&4
  echo "$row"
}

# Sets `status` and `from`.
read_order() {
  key="order:$1"
  from=database
  if [ -n "$(ttl_of '')" ]; then
    status=$(redis HGET "$key" status)
    if [ -n "$status" ]; then
      from=cache
      return
    fi
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    lease=$(script lease 1 "$key" "$token" 10000)
  else
    lease=none
  fi
  status=$(row_of "$1")
  if [ "$lease" = 0 ]; then
    if [ "$status" = 'no order' ]; then ttl=''; else ttl=$(ttl_of "$status"); fi
    script fill 1 "$key" "$token" "$status" '' '' "$ttl" row >/dev/null
  fi
}

until [ -p /pipes/answers ]; do sleep 1; done
exec 4</pipes/answers 3>/pipes/questions

while sleep 0.5; do
  id="A-$(($(od -An -N1 -tu1 /dev/urandom) % 20 + 1))"
  read_order "$id"
  echo "$id is $status, from the $from; its row says $(row_of "$id")"
done
