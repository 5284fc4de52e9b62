"""
A reader of order statuses, written from docs/protocol.md and from nothing else: it shows that the page is enough, and
is the counterpart of the TypeScript reader in the tests. Standard library only.
"""

import json
import random
import secrets
import threading
import time

from protocol_page import FILL, LEASE, ORDER_ID
from resp import Connection, RedisError

TABLE_EVERY = 2.0
TABLE_EVERY_WITHOUT = 0.5
TABLE_GOOD_FOR = 5.0
WAIT_FOR_OTHERS = 0.2
LEASE_MS = 8000
REDIS_TIMEOUT = 0.25
BREAKER_FAILURES = 3
BREAKER_OPEN = 1.0
TIMEOUT_OF_SHARED_LOAD = 30


class TtlTable:
    """Follows the table of a policy. `current` is the Active table, or None."""

    def __init__(self, connection: Connection, key: str):
        self._connection = connection
        self._key = key
        self._table = None
        self._asked_at = float("-inf")
        self._asked = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def current(self):
        self._asked.wait(1)
        if time.monotonic() - self._asked_at > TABLE_GOOD_FOR:
            return None
        return self._table

    def _follow(self):
        while True:
            asked_at = time.monotonic()
            try:
                self._table = decode_table(self._connection.call("GET", self._key))
                self._asked_at = asked_at
            except RedisError:
                pass
            self._asked.set()
            time.sleep(TABLE_EVERY if self.current() else TABLE_EVERY_WITHOUT)


def decode_table(text):
    try:
        table = json.loads(text)
        table = table if table["state"] == "Active" else None
    except (TypeError, ValueError, KeyError):
        return None
    return table


def ttl_milliseconds(table, status: str) -> int:
    milliseconds = table["statuses"].get(status, table["defaultSeconds"]) * 1000
    return max(1, int(milliseconds - milliseconds * table["jitterPercent"] / 100 * random.random()))


class Breaker:
    """After some failures in a row Redis is not asked for a while."""

    def __init__(self):
        self._failures = 0
        self._open_until = 0.0

    def call(self, work):
        if self._failures >= BREAKER_FAILURES and time.monotonic() < self._open_until:
            raise RedisError("NotAsked")
        try:
            answer = work()
        except RedisError:
            self._failures += 1
            self._open_until = time.monotonic() + BREAKER_OPEN
            raise
        self._failures = 0
        return answer


class Flight:
    """One load that several callers wait for."""

    def __init__(self):
        self.done = threading.Event()
        self.answer = None
        self.error = None


class Reader:
    """`load(order_id)` reads the primary and gives {"status", "version"} or None."""

    def __init__(self, host: str, port: int, key_prefix: str, load, checks_lease: bool = True, login=()):
        self._redis = Connection(host, port, REDIS_TIMEOUT, login)
        self._breaker = Breaker()
        self._table = TtlTable(Connection(host, port, REDIS_TIMEOUT, login), f"ordercache:ttl:{key_prefix}")
        self._prefix = key_prefix
        self._load = load
        self._flights = {}
        self._lock = threading.Lock()
        # For the test that shows what the check is for.
        self._fill_script = FILL if checks_lease else FILL.replace("if lease ~= ARGV[1] then return 0 end", "")
        self.outcomes = {}

    def get(self, order_id: str):
        """({"status", "version"} or None, "cache" or "database")"""
        table = self._table.current()
        if table is None or not ORDER_ID.fullmatch(order_id):
            return self._load(order_id), "database"
        key = self._prefix + order_id
        try:
            status, version, _, lease = self._ask("HMGET", key, "status", "version", "source", "lease")
        except RedisError:
            return self._load(order_id), "database"
        if status is not None:
            return {"status": status, "version": version}, "cache"
        if lease == "absent" and table.get("absentSeconds", 0) > 0:
            return None, "cache"
        return self._share(order_id, key)

    def _share(self, order_id: str, key: str):
        with self._lock:
            flight = self._flights.get(order_id)
            leads = flight is None
            if leads:
                flight = self._flights[order_id] = Flight()
        if not leads:
            flight.done.wait(TIMEOUT_OF_SHARED_LOAD)
            if flight.error is not None:
                raise flight.error
            return flight.answer
        try:
            flight.answer = self._load_leased(order_id, key)
            return flight.answer
        except Exception as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                del self._flights[order_id]
            flight.done.set()

    def _load_leased(self, order_id: str, key: str):
        token, reply = self._acquire(key)
        if isinstance(reply, list):
            return {"status": reply[0], "version": reply[1]}, "cache"
        table = self._table.current()
        if reply == 3 and table is not None and table.get("absentSeconds", 0) > 0:
            return None, "cache"
        if reply != 0:
            return self._load(order_id), "database"
        try:
            row = self._load(order_id)
        except Exception:
            self._fill(key, token, "", "", "", "", "row")
            raise
        self._fill(key, token, *self._what_to_fill(row))
        return row, "database"

    def _acquire(self, key: str):
        """The token of the last call of `lease`, and its reply; None: Redis is away."""
        until = time.monotonic() + WAIT_FOR_OTHERS
        delay = 0.005
        while True:
            token = secrets.token_urlsafe(16)
            try:
                reply = self._ask("EVAL", LEASE, 1, key, token, LEASE_MS)
            except RedisError:
                return token, None
            if reply != 1 or time.monotonic() + delay > until:
                return token, reply
            time.sleep(delay)
            delay *= 2

    def _what_to_fill(self, row):
        table = self._table.current()
        nothing = ("", "", "", "", "row")
        if table is None:
            return nothing
        if row is None:
            seconds = table.get("absentSeconds", 0)
            return ("", "", "", seconds * 1000, "absent") if seconds > 0 else nothing
        source = table["versionSource"]
        version = row["version"] if source is not None and row["version"] is not None else ""
        ttl = ttl_milliseconds(table, row["status"])
        return row["status"], version, source or "", ttl, "row"

    def _fill(self, key: str, token: str, *what):
        try:
            reply = self._ask("EVAL", self._fill_script, 1, key, token, *what)
        except RedisError:
            reply = "failed"
        with self._lock:
            self.outcomes[str(reply)] = self.outcomes.get(str(reply), 0) + 1

    def _ask(self, *words):
        return self._breaker.call(lambda: self._redis.call(*words))
