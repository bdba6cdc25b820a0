"""`python -m heartguard_influx.check`: one sentence that names the variable and what the server said."""

import json
import re

import pytest

from heartguard_influx.check import main
from heartguard_influx.store.influx.server import PROBE
from tests.clocks import MovableClock
from tests.fakes.influxdb.http_server import Answered, HttpServer
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.servers import free_port
from tests.tokens import settings_environ

NEEDED = r"`influx auth create --read-buckets --write-buckets` makes a token with the rights it needs"


@pytest.fixture
def check(module_database, redis_url, capsys):
    """What a check with these variables ends with: its code, and what it says on either stream."""
    plain = settings_environ("influx", module_database, redis_url)

    def run(url, **other):
        code = main({**plain, "INFLUX_URL": url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG, **other})
        said = capsys.readouterr()
        assert len(said.err.splitlines()) == (1 if code else 0)
        return code, said.err.strip() or said.out.strip()

    return run


@pytest.fixture
def model():
    with ModelInfluxDB(MovableClock().now_ns()) as model:
        yield model


@pytest.mark.parametrize("kind", ["all", "buckets"])
def test_a_token_of_the_rights_that_readme_names_is_enough(check, model, kind):
    model.kind = kind
    assert check(model.url) == (0, "INFLUX_TOKEN may read, write and delete")
    assert check(model.url)[0] == 0, "with the bucket of the proof there, too"
    assert model.buckets() == {PROBE: 86_400}


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("kind", "sentences"),
    [
        (
            "inactive",
            (
                r"INFLUX_TOKEN may read neither .*, or is inactive \(.*\)",
                r"INFLUX_TOKEN is inactive \(.* 403 .*: token is inactive\)",
            ),
        ),
        ("write", (r"INFLUX_TOKEN may read neither .*", r"INFLUX_TOKEN may not read buckets, or is inactive \(.*\)")),
        (
            "read",
            (
                r"INFLUX_TOKEN may not make buckets \(.* 401 write:orgs/.* is unauthorized; .*\)",
                r"INFLUX_TOKEN may not write \(.* 403 insufficient permissions for write; .*\)",
            ),
        ),
    ],
)
def test_a_token_that_may_too_little(check, model, kind, sentences, before):
    if before:
        assert check(model.url)[0] == 0
    model.kind = kind
    code, said = check(model.url)
    assert code == 2
    assert re.fullmatch(sentences[before], said)
    assert model.url in said
    assert TOKEN not in said
    assert re.search(NEEDED, said) or "403 insufficient permissions for write: token is inactive" in said


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        (
            {"INFLUX_TOKEN": "wr0ng-t0ken"},
            r"INFLUX_TOKEN is no token of that server \(http://.* 401 unauthorized access\)",
        ),
        (
            {"INFLUX_ORG": "nobody"},
            r"INFLUX_ORG is no organization of that server \(http://.* 404 organization name \"nobody\" not found\)",
        ),
        ({"INFLUX_ORG": ""}, r"INFLUX_URL and INFLUX_TOKEN needs INFLUX_ORG beside it.*"),
        ({"INFLUX_URL": "influx:8086"}, r".*INFLUX_URL.* must be an http:// or https:// URL"),
    ],
)
def test_another_token_organization_or_form(check, model, spoiled, sentence):
    code, said = check(model.url, **spoiled)
    assert code == 2
    assert re.fullmatch(sentence, said)
    assert "wr0ng-t0ken" not in said


class Other(HttpServer):
    """Gives the same answer to everything."""

    def __init__(self, answered):
        self.answered = answered
        super().__init__()

    def answer(self, _):
        return self.answered


HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("answered", "sentence"),
    [
        (Answered(404, "404 page not found\n"), r"INFLUX_URL names no InfluxDB 2 that works \(.* answered 404 .*\)"),
        (
            Answered(200, "<html>It works!</html>", HTML),
            r"INFLUX_URL names no InfluxDB 2 \(http://.* gave another answer\)",
        ),
        (Answered(200, "[]", {"Content-Type": "application/json"}), r"INFLUX_URL names no InfluxDB 2 \(http://.*\)"),
        (Answered(204), r"INFLUX_URL names no InfluxDB 2 \(http://.*\)"),
        (
            Answered(301, "", {"Location": "https://elsewhere.example"}),
            r"INFLUX_URL names no InfluxDB 2 .* answered 301 .*",
        ),
        (Answered(200, "x" * 1000, endless=True), r"INFLUX_URL names no InfluxDB 2 \(http://.* answers without end\)"),
        (
            Answered(502, "<html>Bad Gateway</html>", HTML),
            r"INFLUX_URL names no InfluxDB 2 that works \(http://.* answered 502 .*\)",
        ),
        (Answered(503, "starting"), r"INFLUX_URL names a server that is busy \(http://.* answered 503 .*\)"),
        # as InfluxDB 1.13 answers, which has a part of that API
        (
            Answered(404, '{"error":"bucket not found: \\"heartguard_ready\\""}\n{"buckets":[]}'),
            r"INFLUX_URL names no InfluxDB 2 that works .*",
        ),
        (
            Answered(500, json.dumps({"code": "internal error", "message": "disk\nfull"})),
            r"INFLUX_URL names a server that can't read buckets \(http://.* answered 500 disk full\)",
        ),
    ],
)
def test_a_server_that_is_not_influxdb_is_reported(check, answered, sentence):
    with Other(answered) as other:
        code, said = check(other.url)
    assert code == 2
    assert re.fullmatch(sentence, said)


def test_an_unreachable_server_and_one_without_http_are_reported(check, module_database):
    free = free_port()
    code, said = check(f"http://user:geheim@127.0.0.1:{free}")
    assert (code, said.split(" (")[0]) == (2, "INFLUX_URL can't be reached")
    assert f"(http://127.0.0.1:{free}: " in said
    assert "Connection refused" in said
    assert "geheim" not in said
    code, said = check(f"http://127.0.0.1:{module_database.server.cluster.port}")
    assert (code, said.split(" (")[0]) == (2, "INFLUX_URL can't be reached")
    code, said = check("http://influxdb.invalid:8086")
    assert (code, said.split(" (")[0]) == (2, "INFLUX_URL can't be reached")
    assert "influxdb.invalid" in said


def test_without_an_influxdb_there_is_nothing_to_check(check):
    assert check("", INFLUX_TOKEN="", INFLUX_ORG="") == (0, "no InfluxDB is configured: PostgreSQL keeps the points")
