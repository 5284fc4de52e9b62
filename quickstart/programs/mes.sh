# MES: changes the status of one of twenty orders every second. The outbox's trigger writes the events.
set -eu

sql() {
  PGCONNECT_TIMEOUT=5 psql -qAtX -v ON_ERROR_STOP=1 "$DATABASE_URI" -c "SET statement_timeout = '5s'" -c "$1"
}

until sql "INSERT INTO orders (id, status)
           SELECT 'A-' || number, 'CREATED' FROM generate_series(1, 20) AS number ON CONFLICT DO NOTHING"; do
  sleep 1
done

while sleep 1; do
  id="A-$(($(od -An -N1 -tu1 /dev/urandom) % 20 + 1))"
  sql "UPDATE orders SET version = version + 1, updated_at = now(), status = CASE status
         WHEN 'CREATED' THEN 'IN_PRODUCTION' WHEN 'IN_PRODUCTION' THEN 'SHIPPED' WHEN 'SHIPPED' THEN 'DELIVERED'
         ELSE 'CREATED' END
       WHERE id = '$id' RETURNING id || ' is ' || status" || echo "$id is not changed"
done
