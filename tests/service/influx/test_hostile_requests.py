"""Flux, SQL and worse where a request names a range, an aggregate, a width, a zone: refused, on both stores, before
anything is asked of them; and where it names data, bound and never part of a statement."""

import base64
import json

import pytest

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_influx.settings import Settings
from heartguard_influx.wiring import create_app
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.people import found
from tests.service.influx.conftest import admin_of, beat
from tests.tokens import bearer, settings_environ

DROP = "'); DROP TABLE heartguard_core.points; --"
FLUX = '") |> drop(columns: ["_value"]) |> to(bucket: "org_2") //'
WORDS = [
    DROP,
    FLUX,
    "1970-01-01T00:00:00Z'::timestamptz OR TRUE --",
    "now()",
    "-1h",
    "\n",
    "\x00",
    "\\",
    "${r._value}",
    "%s",
]
# Members whose values are words of a grammar: RFC 3339, an enumeration, a width, a zone of the tz database.
GRAMMAR = {
    "range_start": [*WORDS, "0", "2024-06-01", "2024-06-01T00:00:00", "2024-06-01T00:00:00Z'"],
    "range_stop": [*WORDS, "9" * 30, "2024-06-01T00:00:00+99:00"],
    "aggregate": [*WORDS, "mean()", "mean; drop", "MEAN", "pg_sleep", "yield", "mean\n"],
    "every": [*WORDS, "1m'", "1m) |> drop(", "-1m", "0m", "1 m", "1m\n", "1y", "1ns", "99999999d", "1e9s", "\u0661m"],
    "time_zone": [*WORDS, "../../etc/passwd", "/etc/localtime", "UTC'; SELECT 1; --", "UTC\n", "localtime"],
    "fill": [*WORDS, "previous", "0"],
    "order": [*WORDS, "asc; --", "DESC", "random()"],
    "limit": [*WORDS, "1; --", -1, 0, 10**30, 1.5, True],
    "bucket": [*WORDS, "*", "org_1 ", "ORG_1", "org_1'--", 'org_1" |> yield(', "org_0x1", "org_\uff11", "org_01"],
    "cursor": [*WORDS],
}  # fmt: skip


def cursor(position):
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


CURSORS = [
    [DROP, 1], [1, DROP], ["1", "1"], [1], [1, 2, 3], [[1], 1], {"0": 1, "1": 1}, [True, False], [1.5, 1], [None, 1],
    [10**40, 1], [1, 10**40], [-(10**40), -(10**40)], ["\x00", "\ud800"],
    [2**63 - 1, 1], [-(2**63), 1], [1, 2**63 - 1], [0, -(2**63)],
]  # fmt: skip


class Watched(ModelInfluxDB):
    """The model, which keeps what it was asked."""

    def __init__(self, now_ns):
        self.asked = []
        super().__init__(now_ns)

    def answer(self, asked):
        self.asked.append(asked)
        return super().answer(asked)


@pytest.fixture
def model(clock):
    with Watched(clock.now_ns()) as model:
        yield model


@pytest.fixture(params=["postgres", "influx"])
def app(request, database, redis_url, clock, model):
    more = {"INFLUX_URL": model.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG} if request.param == "influx" else {}
    app = create_app(Settings.from_env(settings_environ("influx", database, redis_url) | more), clock)
    yield app
    app.extensions[LIFECYCLE].close()


@pytest.fixture
def beats(write, database, org):
    """Beats of two organizations; returns a check that they are all that there is."""
    other = found(database, "Other")
    write(beat(0, 60, user_id="7"), beat(1, 61, device="a"))
    write(beat(2, 99), bucket=f"org_{other}", headers=admin_of(database, other))
    return other


def counted(client, org_id, user):
    body = {"bucket": f"org_{org_id}", "measurement": "heart_rate", "aggregate": "count",
            "range_start": "1970-01-01T00:00:00Z", "range_stop": "2100-01-01T00:00:00Z"}  # fmt: skip
    answer = client.post("/timeseries/query", json=body, headers=bearer(user, "admin", org_id)).json
    return sum(series["points"][0]["count"] for series in answer["series"])


def test_a_word_of_the_grammar_is_refused_before_anything_is_asked(client, query, beats, model, org):
    asked = len(model.asked)
    wrong = []
    for name, values in GRAMMAR.items():
        for value in values:
            context = {"aggregate": "mean", "every": "1m"} if name in ("every", "fill", "time_zone") else {}
            answer = query(**{**context, name: value})
            expected = (404,) if name == "bucket" else ()
            if answer.status_code not in (422, *expected) or "series" in answer.json:
                wrong.append((name, value, answer.status_code, answer.text[:150]))
            if value not in ("0", "1") and isinstance(value, str) and len(value) > 8 and value in answer.text:
                wrong.append((name, value, "is in the answer"))
    assert not wrong, "\n".join(map(str, wrong))
    assert len(model.asked) == asked
    assert (counted(client, org, 1), counted(client, beats, 2)) == (2, 1)


def test_a_forged_cursor_is_no_statement(client, query, beats, org):
    for position in CURSORS:
        answer = query(cursor=cursor(position))
        assert answer.status_code in (200, 422), (position, answer.text)
        if answer.status_code == 200:
            found = [point["fields"]["bpm"] for series in answer.json["series"] for point in series["points"]]
            assert set(found) <= {60, 61}, position
    assert (counted(client, org, 1), counted(client, beats, 2)) == (2, 1)


@pytest.mark.parametrize("path", ["latest", "delete", "summary"])
def test_other_questions_keep_to_their_grammar(client, admin, beats, model, org, path):
    asked = len(model.asked)
    good = {
        "latest": {"bucket": f"org_{org}", "measurement": "heart_rate"},
        "delete": {"bucket": f"org_{org}", "measurement": "heart_rate", "range_start": "2024-06-01T00:00:00Z",
                   "range_stop": "2024-06-02T00:00:00Z"},
        "summary": {"bucket": f"org_{org}", "day": "2024-06-01", "user_id": 7},
    }[path]  # fmt: skip
    names = {
        "latest": ["bucket"],
        "delete": ["bucket", "range_start", "range_stop"],
        "summary": ["bucket", "day", "time_zone", "user_id"],
    }
    for name in names[path]:
        for value in GRAMMAR.get(name, WORDS):
            answer = client.post(f"/timeseries/{path}", json={**good, name: value}, headers=admin)
            assert answer.status_code in (404, 422), (name, value, answer.text)
    assert len(model.asked) == asked
    assert (counted(client, org, 1), counted(client, beats, 2)) == (2, 1)


def test_data_never_becomes_part_of_a_statement(client, admin, query, write, beats, model, org):
    """Tags, measurements and fields: their text travels as a parameter, and the Flux is the same for all of them."""
    texts = set()
    for word in (
        w for w in (*WORDS, "a\nheart_rate,user_id=7 bpm=1 1", "a b=1", "org_2") if w.isprintable() or "\n" in w
    ):
        point = {
            "measurement": word,
            "tags": {"note": word},
            "fields": {"text": word},
            "timestamp": "2024-06-01T10:00:00Z",
        }
        verdict = write(point).json["results"][0]["status"]
        before = len(model.asked)
        answer = query(measurement=word, tags={"note": word}, fields=["text"])
        rows = [p for series in answer.json["series"] for p in series["points"]]
        assert [row["fields"]["text"] for row in rows] == ([] if verdict == "rejected" else [word])
        delete = {"bucket": f"org_{org}", "measurement": word, "tags": {"note": word},
                  "range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}  # fmt: skip
        asked = [each for each in model.asked[before:] if each.target.startswith("/api/v2/query")]
        texts |= {json.loads(each.body)["query"] for each in asked}
        assert client.post("/timeseries/delete", json=delete, headers=admin).status_code == 204
        assert query(measurement=word).json["series"] == []
    assert len(texts) <= 1
    assert (counted(client, org, 1), counted(client, beats, 2)) == (2, 1)
