"""
The reader as a process of the test's. Each line on stdin and stdout is a JSON object:

  in   {"get": 7, "orderId": "A"}                   out  {"got": 7, "row": {...} or null, "from": "cache"}, or "error"
  out  {"load": 3, "orderId": "A"}                  in   {"loaded": 3, "row": {"status", "version"} or null}, or "error"
  in   {"outcomes": true}                           out  {"outcomes": {"1": 12}}

Started with the host, the port and the key prefix, or with none of them by the conformance checks, which give
ORDERCACHE_REDIS_URI and ORDERCACHE_KEY_PREFIX; `--without-lease-check` leaves a fence out. It waits for longer than
a reader in service would: a busy machine must not make it read the database.
"""

import concurrent.futures
import itertools
import json
import os
import sys
import threading
import urllib.parse

import reader as settings
from reader import Reader

settings.REDIS_TIMEOUT = 10
settings.WAIT_FOR_OTHERS = 20

_output = threading.Lock()
_loads = {}
_numbers = itertools.count(1)


def say(message) -> None:
    with _output:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def load(order_id: str):
    number = next(_numbers)
    answer = _loads[number] = concurrent.futures.Future()
    say({"load": number, "orderId": order_id})
    return answer.result(timeout=30)


def loaded(message) -> None:
    answer = _loads.pop(message["loaded"])
    if "error" in message:
        answer.set_exception(RuntimeError(message["error"]))
    else:
        answer.set_result(message["row"])


def get(reader: Reader, message) -> None:
    try:
        row, source = reader.get(message["orderId"])
        say({"got": message["get"], "row": row, "from": source})
    except Exception as error:  # whatever it is, the test must hear of it
        say({"got": message["get"], "error": f"{type(error).__name__}: {error}"})


def main() -> None:
    options = [option for option in sys.argv[1:] if option.startswith("--")]
    where = [word for word in sys.argv[1:] if word not in options]
    login = ()
    if not where:
        uri = urllib.parse.urlsplit(os.environ["ORDERCACHE_REDIS_URI"])
        where = [uri.hostname, uri.port, os.environ["ORDERCACHE_KEY_PREFIX"]]
        login = (uri.username, uri.password)
    host, port, key_prefix = where
    checks_lease = "--without-lease-check" not in options
    reader = Reader(host, int(port), key_prefix, load, checks_lease, login)
    with concurrent.futures.ThreadPoolExecutor(max_workers=32) as pool:
        for line in sys.stdin:
            message = json.loads(line)
            if "loaded" in message:
                loaded(message)
            elif "outcomes" in message:
                say({"outcomes": reader.outcomes})
            else:
                pool.submit(get, reader, message)


main()
