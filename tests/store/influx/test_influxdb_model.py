"""The model of InfluxDB sits the exam of the real server: the recorded exchanges."""

import csv
import io
import json

import requests

from heartguard_common.core.clock import parse_rfc3339
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import EXCHANGES

RECORDED_AT = parse_rfc3339("2026-11-22T15:08:03Z")
# Before these the recording wrote what they ask about.
ORDER = [
    *("bucket_create_unknown_org", "bucket_find_absent", "bucket_create/1", "bucket_create/2"),
    *("bucket_create_duplicate/2", "bucket_create_bad_retention/2", "bucket_find"),
    *("write_line_protocol", "write_dict_points", "write_gzip", "write_malformed_line", "write_partly_malformed"),
    *("write_field_type_conflict", "write_beyond_retention", "write_unknown_bucket", "write_unauthorized"),
    *("write_empty", "query_raw_two_fields", "query_mixed_types"),
    *(f"query_window_{name}" for name in ("mean", "min", "max", "sum", "count", "first", "last", "median", "stddev")),
    *("query_total_mean", "query_empty", "query_bound_params", "query_unknown_bucket", "query_inverted_range"),
    *("delete_points", "bucket_delete_absent", "auth_missing"),
]


def test_the_model_answers_as_the_server_did():
    with ModelInfluxDB(RECORDED_AT) as model:
        for name in ORDER:
            agree(model, name, EXCHANGES[name]["request"], EXCHANGES[name]["response"])


def agree(model, name, request, response):
    headers = {key: value for key, value in request["headers"].items() if key == "Authorization"}
    url = model.url + request["target"]
    answer = requests.request(request["method"], url, data=request["body"].encode(), headers=headers, timeout=5)
    assert (name, answer.status_code) == (name, response["status"])
    if answer.headers.get("Content-Type", "").startswith("text/csv"):
        assert (name, rows(answer.content.decode())) == (name, rows(response["body"]))
    elif answer.status_code >= 400:
        answered, recorded = answer.json(), json.loads(response["body"])
        assert (name, answered["code"]) == (name, recorded["code"])
        assert answered["message"].split(" - ")[0] == recorded["message"].split(" - ")[0]


def rows(text):
    """The rows of annotated CSV as sets of columns; the order of tables and columns is the server's own affair."""
    found, names = [], None
    for row in csv.reader(io.StringIO(text, newline="")):
        if not row:
            names = None
        elif row[0].startswith("#"):
            continue
        elif names is None:
            names = row
        else:
            found.append(frozenset(zip(names[3:], row[3:], strict=True)))
    return sorted(found, key=sorted)
