"""
A stateless reader in Python with redis-py: it keeps nothing between two calls, so that it fits Lambda, CGI and scripts.
The TTL table and the record come in one pipeline, the table first. See docs/other-languages.md.
"""

import json
import logging
import pathlib
import random
import re
import secrets
import time

import redis

ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+=~-]{0,127}")
LEASE_MS = 8000
TABLE_GOOD_FOR = 5.0


class OrderStatus:
    """`load(order_id)` reads the primary and gives {"status", "version"} or None; `contract` is docs/contract."""

    def __init__(self, client: redis.Redis, key_prefix: str, contract: pathlib.Path, load):
        self.redis, self.prefix, self.load = client, key_prefix, load
        self.lease = client.register_script((contract / "lease.lua").read_text(encoding="utf-8"))
        self.fill = client.register_script((contract / "fill.lua").read_text(encoding="utf-8"))

    def get(self, order_id: str):
        if not ORDER_ID.fullmatch(order_id):
            return self.load(order_id)
        key, token, asked_at = self.prefix + order_id, secrets.token_urlsafe(16), time.monotonic()
        try:
            with self.redis.pipeline(transaction=False) as pipe:
                pipe.get(f"ordercache:ttl:{self.prefix}").hmget(key, "status", "version", "lease")
                text, (status, version, lease) = pipe.execute()
            table = self.active(text)
            if table is None:
                return self.load(order_id)
            if status is not None:
                return {"status": status, "version": version}
            absent_for = table.get("absentSeconds", 0)
            if lease == "absent" and absent_for > 0:
                return None
            reply = self.lease(keys=[key], args=[token, LEASE_MS])
        except redis.RedisError as error:
            self.failed(error)
            return self.load(order_id)
        if isinstance(reply, list):
            return {"status": reply[0], "version": reply[1]}
        if reply == 3 and absent_for > 0:
            return None
        if reply != 0:
            return self.load(order_id)
        what = ["", "", "", "", "row"]
        try:
            row = self.load(order_id)
            if time.monotonic() - asked_at < TABLE_GOOD_FOR:
                what = self.what(table, row)
            return row
        finally:
            self.put(key, token, what)

    def active(self, text):
        """The table, if it may be used."""
        try:
            table = json.loads(text)
            return table if table["state"] == "Active" else None
        except (TypeError, ValueError, KeyError):
            return None

    def what(self, table, row):
        """The arguments of `fill` behind the token."""
        if row is None:
            seconds = table.get("absentSeconds", 0)
            return ["", "", "", seconds * 1000, "absent"] if seconds > 0 else ["", "", "", "", "row"]
        source = table["versionSource"]
        version = row["version"] if source is not None and row["version"] is not None else ""
        seconds = table["statuses"].get(row["status"], table["defaultSeconds"])
        ttl = int(seconds * 1000 * (1 - random.random() * table["jitterPercent"] / 100))
        return [row["status"], version, source or "", max(1, ttl), "row"]

    def put(self, key, token, what):
        try:
            self.fill(keys=[key], args=[token, *what])
        except redis.RedisError as error:
            self.failed(error)

    def failed(self, error):
        """A refused command (NOPERM, WRONGPASS, OOM) must be seen: without this line the reader just never caches."""
        logging.warning("order cache: Redis failed, the database is read: %s", error)
