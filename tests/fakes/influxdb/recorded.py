"""A server that plays recorded exchanges of a real InfluxDB 2.7.12 and answers nothing else."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.influxdb.http_server import Answered, HttpServer

DIRECTORY = Path(__file__).parent
TOKEN = "test-token"
ORG = "heartguard"
# Headers that HTTP adds to each message, and headers that don't depend on the client.
_OF_THE_WIRE = frozenset({"content-length", "date", "transfer-encoding", "content-encoding", "connection"})


def load():
    """The exchanges by scenario; of a scenario with several steps, `<scenario>/<step>` from 1 on.

    A derived one takes what it does not say from the given one it names.
    """
    given = [
        exchange for name in ("given.json", "given2.json") for exchange in json.loads((DIRECTORY / name).read_text())
    ]
    names = [exchange["scenario"] for exchange in given]
    found = {}
    for place, exchange in enumerate(given):
        name = exchange["scenario"]
        if names.count(name) > 1:
            name += f"/{names[: place + 1].count(name)}"
        found[name] = {"request": exchange["request"], "response": exchange["response"], "provenance": "given"}
    for exchange in json.loads((DIRECTORY / "derived.json").read_text()):
        source = found[exchange["from"]]
        found[exchange["scenario"]] = {
            "request": {**source["request"], **exchange.get("request", {})},
            "response": {**source["response"], **exchange.get("response", {})},
            "provenance": "derived",
            "reason": exchange["reason"],
        }
    return found


EXCHANGES = load()


class RecordedInfluxDB(HttpServer):
    """Expects the exchanges named, in this order; the first request that is another one is a fault.

    `changes` replaces parts of single answers by place, for servers that fail: see `Answered`.
    """

    def __init__(self, *names, changes=None):
        self.faults = []
        self._waiting = [(name, EXCHANGES[name], (changes or {}).get(place)) for place, name in enumerate(names)]
        super().__init__()

    def answer(self, asked):
        if not self._waiting:
            return self._fault("nothing was expected", asked)
        name, exchange, change = self._waiting.pop(0)
        differences = different(exchange["request"], asked)
        if differences:
            return self._fault(f"{name}: {differences}", asked)
        response = exchange["response"]
        headers = {key: value for key, value in response["headers"].items() if key.lower() not in _OF_THE_WIRE}
        return Answered(
            **{"status": response["status"], "body": response["body"], "headers": headers, **(change or {})}
        )

    def _fault(self, reason, asked):
        self.faults.append(f"{reason}\n  asked: {asked.method} {asked.target}\n  {asked.body}")
        return Answered(418)

    def __exit__(self, *raised):
        super().__exit__()
        assert not self.faults, "\n".join(self.faults)
        if raised[0] is None:
            assert not self._waiting, f"never asked: {[name for name, *_ in self._waiting]}"


def different(request, asked):
    """Where a request differs from the recorded one: method, path, query, token, body line by line."""
    mine, its = urlsplit(request["target"]), urlsplit(asked.target)
    pairs = {
        "method": (request["method"], asked.method),
        "path": (mine.path, its.path),
        "query": (sorted(parse_qsl(mine.query)), sorted(parse_qsl(its.query))),
        "authorization": (request["headers"].get("Authorization"), asked.headers.get("authorization")),
        "body": (body_of(mine.path, request["body"]), body_of(mine.path, asked.body)),
    }
    return {part: values for part, values in pairs.items() if values[0] != values[1]}


def body_of(path, body):
    """A body in a form to compare: JSON as a value, line protocol line by line and in order."""
    return body.split("\n") if path == "/api/v2/write" or not body else json.loads(body)
