"""A model of InfluxDB 2.7.12 in plain Python: what of it HeartGuard uses, so that random data can be asked about.

It is made of what the recorded exchanges and InfluxDB's documentation say, and passes those exchanges itself
(tests/store/influx/test_influxdb_model.py). It proves nothing about the real server that they don't show.
"""

import json
from urllib.parse import parse_qs, urlsplit

from tests.fakes.influxdb.http_server import Answered, HttpServer
from tests.fakes.influxdb.model_flux import (
    EmptyRangeError,
    EndlessError,
    HangingError,
    NestedError,
    NoSuchBucketError,
    answer_query,
    nanoseconds,
)
from tests.fakes.influxdb.model_lines import UnparsableError, read_lines
from tests.fakes.influxdb.model_tokens import refusal
from tests.fakes.influxdb.recorded import ORG, TOKEN

ORG_ID = "e18794377409c57c"
SCALES = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
TYPES = {float: "float", int: "integer", bool: "boolean", str: "string"}
# The real one sends the row for ever, and these lines once.
ENDLESS = (
    "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,long,string,string\r\n"
    "#group,false,false,true,true,false,true,true\r\n"
    "#default,_result,,,,,,\r\n"
    ",result,table,_start,_stop,_value,_field,_measurement\r\n"
    ",,0,1970-01-01T00:00:00Z,1970-01-01T00:00:00Z,0,bpm,heart_rate\r\n"
    "\r\n"
)
JSON = {"Content-Type": "application/json; charset=utf-8"}


class Bucket:
    """Points by series (measurement, tags) and field: {time: value}."""

    def __init__(self, number, document):
        self.id = f"{0x9BB00FD92BB25DB6 + number:016x}"
        self.name = document["name"]
        self.rules = document["retentionRules"]
        self.points = {}
        self.types = {}

    def document(self):
        return {"id": self.id, "orgID": ORG_ID, "type": "user", "name": self.name, "retentionRules": self.rules}


class ModelInfluxDB(HttpServer):
    """One organization; `now_ns` is its clock, for retention and for lines without a time.

    `kind` is what the token may do (model_tokens.py).
    """

    def __init__(self, now_ns, kind="all"):
        self._now_ns = now_ns
        self.kind = kind
        self._buckets = {}
        self._made = 0
        super().__init__()

    def buckets(self):
        """The names of the buckets there are, each with its retention in seconds; None keeps for ever."""
        return {it.name: it.rules[0]["everySeconds"] if it.rules else None for it in self._buckets.values()}

    def points(self, name):
        """What a bucket holds: {(measurement, tags, field): {time: value}}."""
        return {series: dict(values) for series, values in self._buckets[name].points.items() if values}

    def lose_everything(self):
        """Be the server of an empty disk."""
        self._buckets.clear()

    def spread(self, name, measurement, tags, field, values):
        """Put values into a bucket as a shard of their own would hold them, of whatever type."""
        self._buckets[name].points[measurement, tags, field] = dict(values)

    def answer(self, asked):
        target = urlsplit(asked.target)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if asked.headers.get("authorization") != f"Token {TOKEN}":
            return _error(401, "unauthorized", "unauthorized access")
        refused = refusal(self.kind, asked, target.path, query, self._buckets)
        if refused is not None:
            return refused
        if query.get("org", ORG) != ORG:
            return _error(404, "not found", f'organization name "{query["org"]}" not found')
        verb = {
            ("POST", "/api/v2/write"): self._write,
            ("POST", "/api/v2/query"): self._query,
            ("POST", "/api/v2/delete"): self._delete,
            ("GET", "/api/v2/orgs"): self._orgs,
            ("GET", "/api/v2/buckets"): self._find,
            ("POST", "/api/v2/buckets"): self._create,
        }.get((asked.method, target.path))
        if verb is not None:
            return verb(query, asked.body)
        assert asked.method == "DELETE", asked
        return self._remove(target.path.removeprefix("/api/v2/buckets/"))

    def _write(self, query, body):
        bucket = self._buckets.get(query["bucket"])
        if bucket is None:
            return _error(404, "not found", f'bucket "{query["bucket"]}" not found')
        try:
            points = read_lines(body, SCALES[query["precision"]], self._now_ns)
        except UnparsableError as error:
            return _error(400, "invalid", f"unable to parse '{error.args[0]}': {error.args[1]}")
        dropped, reason = 0, ""
        for measurement, tags, fields, time_ns in points:
            fault = self._fault(bucket, measurement, fields, time_ns)
            if fault is not None:
                dropped, reason = dropped + 1, reason or fault
                continue
            if '\\"' in measurement or "\\=" in measurement:
                continue  # acknowledged, and in no answer
            for name, value in fields.items():
                bucket.types[measurement, name] = type(value)
                bucket.points.setdefault((measurement, tags, name), {})[time_ns] = value
        if dropped:
            message = f"failure writing points to database: partial write: {reason} dropped={dropped}"
            return _error(422, "unprocessable entity", message)
        return Answered(204)

    def _fault(self, bucket, measurement, fields, time_ns):
        seconds = sum(rule["everySeconds"] for rule in bucket.rules)
        if seconds and time_ns < self._now_ns - seconds * 10**9:
            return f"dropped 1 points outside retention policy of duration {seconds // 3600}h0m0s - oldest point at"
        for name, value in fields.items():
            known = bucket.types.get((measurement, name), type(value))
            if known is not type(value):
                return (
                    f'field type conflict: input field "{name}" on measurement "{measurement}" '
                    f"is type {TYPES[type(value)]}, already exists as type {TYPES[known]}"
                )
        return None

    def _query(self, _, body):
        document = json.loads(body)
        options = [statement["assignment"] for statement in document["extern"]["body"]]
        bound = {option["id"]["name"]: option["init"] for option in options}
        try:
            text = answer_query(document["query"], bound, {name: it.points for name, it in self._buckets.items()})
        except NoSuchBucketError as error:
            missing = f'failed to initialize execute state: could not find bucket "{error.args[0]}"'
            return _error(404, "not found", missing)
        except EndlessError:
            return Answered(200, ENDLESS, {"Content-Type": "text/csv; charset=utf-8"}, endless=True)
        except NestedError:
            return _error(400, "invalid", "compilation failed: error @1:1-1:1: Program is nested too deep")
        except HangingError:
            return Answered(200, hang=True)
        except EmptyRangeError:
            return _error(400, "invalid", "error in building plan while starting program: cannot query an empty range")
        return Answered(200, text, {"Content-Type": "text/csv; charset=utf-8"})

    def _delete(self, query, body):
        bucket = self._buckets.get(query["bucket"])
        if bucket is None:
            return _error(404, "not found", "bucket not found")
        document = json.loads(body)
        start, stop = nanoseconds(document["start"]), nanoseconds(document["stop"])
        wanted = _predicate(document["predicate"])
        for (measurement, tags, _), values in bucket.points.items():
            columns = {"_measurement": measurement, **dict(tags)}
            if all(columns.get(name) == value for name, value in wanted.items()):
                for time_ns in [time_ns for time_ns in values if start <= time_ns <= stop]:
                    del values[time_ns]
        return Answered(204)

    def _orgs(self, query, _):
        if query["org"] != ORG:
            return _error(404, "not found", f'organization name "{query["org"]}" not found')
        return Answered(200, json.dumps({"orgs": [{"id": ORG_ID, "name": ORG}]}), JSON)

    def _find(self, query, _):
        if "org" in query and "name" in query and query["name"] not in self._buckets:
            return _error(404, "not found", f'bucket "{query["name"]}" not found')
        found = [it.document() for it in self._buckets.values() if query.get("name") in (None, it.name)]
        if "name" not in query:  # the one that an organization is set up with
            found.append(
                {"id": "245b1fb2a22d2545", "orgID": ORG_ID, "type": "user", "name": "first", "retentionRules": []}
            )
        if "offset" in query:
            found = found[int(query["offset"]) :][: int(query["limit"])]
        return Answered(200, json.dumps({"buckets": found}), JSON)

    def _create(self, _, body):
        document = json.loads(body)
        name = document["name"]
        if name in self._buckets:
            return _error(422, "conflict", f"bucket with name {name} already exists")
        if any(rule["everySeconds"] < 3600 for rule in document["retentionRules"]):
            return _error(500, "internal error", "retention policy duration must be at least 1h0m0s")
        self._made += 1
        self._buckets[name] = Bucket(self._made, document)
        return Answered(201, json.dumps(self._buckets[name].document()), JSON)

    def _remove(self, number):
        names = [name for name, bucket in self._buckets.items() if bucket.id == number]
        if not names:
            return _error(404, "not found", "bucket not found")
        del self._buckets[names[0]]
        return Answered(204)


def _predicate(text):
    """The columns and values of `"a"="b" AND c="d"`, whose quoted parts escape as InfluxQL does."""
    found, rest = {}, text
    while rest:
        name, rest = _part(rest)
        assert rest.startswith("="), text
        found[name], rest = _part(rest[1:])
        assert rest == "" or rest.startswith(" AND "), text
        rest = rest.removeprefix(" AND ")
    return found


def _part(text):
    if not text.startswith('"'):
        name = text.split("=")[0]
        return name, text[len(name) :]
    place, found = 1, ""
    while text[place] != '"':
        if text[place] == "\\":
            place += 1
            found += {"n": "\n", "\\": "\\", '"': '"', "'": "'"}[text[place]]
        else:
            found += text[place]
        place += 1
    return found, text[place + 1 :]


def _error(status, code, message):
    return Answered(status, json.dumps({"code": code, "message": message}), JSON)
