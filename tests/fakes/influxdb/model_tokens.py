"""What InfluxDB 2.7.12 answers to tokens that may not do everything, as recorded with tokens of each kind.

Kinds: `all` may do everything, `buckets` what `influx auth create --read-buckets --write-buckets` gives, `write` and
`read` half of that, `inactive` was switched off.
"""

import json

from tests.fakes.influxdb.http_server import Answered

JSON = {"Content-Type": "application/json; charset=utf-8"}
KINDS = ("all", "buckets", "read", "write", "inactive")


def refusal(kind, asked, path, query, names):
    """The answer that another token than `all` gets; None where it is the same. `names`: the buckets there are."""
    if path == "/api/v2/orgs" and kind != "all":  # none of them may read organizations
        return Answered(200, json.dumps({"orgs": []}), JSON)
    if kind in ("all", "buckets"):
        return None
    if path == "/api/v2/buckets":
        return _buckets(kind, asked, query, names)
    if path == "/api/v2/query" and kind != "read":
        return _error(404, "not found", "could not find bucket")
    if path in ("/api/v2/write", "/api/v2/delete") and kind != "write" and query["bucket"] in names:
        more = ": token is inactive" if kind == "inactive" and path == "/api/v2/write" else ""
        verb = "for write" if path == "/api/v2/write" else "to delete"
        return _error(403, "forbidden", f"insufficient permissions {verb}{more}")
    return None


def _buckets(kind, asked, query, names):
    if asked.method == "POST" and kind != "write":
        message = "token is inactive" if kind == "inactive" else "write:orgs/e18794377409c57c/buckets is unauthorized"
        return _error(401, "unauthorized", message)
    if asked.method == "GET" and kind != "read" and query.get("name", "") in {"", *names}:
        return Answered(200, json.dumps({"buckets": []}), JSON)
    return None


def _error(status, code, message):
    return Answered(status, json.dumps({"code": code, "message": message}), JSON)
