"""docs/examples/order_status.py as a command for the conformance checks; `--fault` spoils it in one way."""

import itertools
import json
import os
import pathlib
import sys
import threading
from concurrent.futures import Future

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "docs" / "examples"))
sys.dont_write_bytecode = True

import redis  # noqa: E402
from order_status import OrderStatus  # noqa: E402

_output = threading.Lock()
_loads = {}
_numbers = itertools.count(1)


def say(message):
    with _output:
        print(json.dumps(message), flush=True)


def load(order_id):
    number = next(_numbers)
    answer = _loads[number] = Future()
    say({"load": number, "orderId": order_id})
    return answer.result(timeout=30)


class IgnoresTable(OrderStatus):
    def active(self, text):
        return {"statuses": {}, "defaultSeconds": 3600, "jitterPercent": 10, "versionSource": "orders.version"}


class FillsWithoutLease(OrderStatus):
    def put(self, key, token, what):
        self.redis.hset(key, mapping={"status": what[0], "updatedAt": 1})


class LeasesAfterRead(OrderStatus):
    def get(self, order_id):
        row = load(order_id)
        self.load = lambda _: row
        try:
            return super().get(order_id)
        finally:
            self.load = load


class NeedsRedis(OrderStatus):
    def failed(self, error):
        raise error


class FixedTtl(OrderStatus):
    def what(self, table, row):
        status, version, source, ttl, what = super().what(table, row)
        return [status, version, source, ttl if ttl == "" else 3_600_000, what]


class LoadsOnce(OrderStatus):
    """Loads the scripts at its start and never again."""

    def __init__(self, *args):
        super().__init__(*args)
        shas = [self.redis.script_load(script.script) for script in (self.lease, self.fill)]
        self.lease, self.fill = [
            lambda keys, args, sha=sha: self.redis.evalsha(sha, len(keys), *keys, *args) for sha in shas
        ]


FAULTS = {
    "ignores-table": IgnoresTable,
    "fills-without-lease": FillsWithoutLease,
    "leases-after-read": LeasesAfterRead,
    "needs-redis": NeedsRedis,
    "fixed-ttl": FixedTtl,
    "loads-scripts-once": LoadsOnce,
}

fault = sys.argv[1].removeprefix("--fault=") if len(sys.argv) > 1 else None
kind = OrderStatus if fault is None else FAULTS[fault]
client = redis.Redis.from_url(os.environ["ORDERCACHE_REDIS_URI"], decode_responses=True, socket_timeout=5)
reader = kind(client, os.environ["ORDERCACHE_KEY_PREFIX"], ROOT / "docs" / "contract", load)


def get(message):
    try:
        say({"got": message["get"], "row": reader.get(message["orderId"])})
    except Exception as error:  # whatever it is, the check must hear of it
        say({"got": message["get"], "error": repr(error)})


for line in sys.stdin:
    message = json.loads(line)
    if "loaded" in message:
        _loads.pop(message["loaded"]).set_result(message["row"])
    else:
        threading.Thread(target=get, args=(message,), daemon=True).start()
