"""The plan, line by line: each row of plan.toml is proven by a request, a file, a departure or a decision."""

import json
import re
import time
import tomllib
from functools import cache
from pathlib import Path

import jwt
import pytest
import requests

from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.identity import policy

ROWS = tomllib.loads((Path(__file__).parent / "plan.toml").read_text(encoding="utf-8"))["rows"]
PLAN = (REPO_ROOT / "PLAN.md").read_text(encoding="utf-8")
DECISIONS = sorted((REPO_ROOT / "docs" / "decisions").glob("*.md"))
SECTIONS = {"1", "1.1", "2", "3", "4", "5", *(f"6.{n}" for n in range(1, 8)), *map(str, range(7, 15))}
PROOFS = ("ask", "file", "paragraph", "claims", "log")
KEYS = {
    "ask": {"by", "gives", "has", "header", "body", "type", "xml"},
    "file": {"text", "lacks"},
    "paragraph": set(),
    "claims": set(),
    "log": set(),
}
REQUEST_ID = "plan-6-1"
SERVICES = ("gateway", "auth", "organization", "user", "media", "influx", "audit")


def named(row):
    return f"{row['at']} {row['item']}"


def of(kind):
    """The rows with this kind of proof; a failure names the row."""
    return [row for row in ROWS if kind in row]


@cache
def paragraphs():
    """The numbers of the departures in PLAN.md and of the decisions in docs/decisions."""
    decisions = "".join(path.read_text(encoding="utf-8") for path in DECISIONS)
    return set(re.findall(r"^(?:\*\*(?=P)|## (?=D))([DP][0-9]+) ", PLAN + decisions, re.MULTILINE))


def test_a_row_has_one_proof(subtests):
    for row in ROWS:
        with subtests.test(named(row)):
            kinds = [kind for kind in PROOFS if kind in row]
            assert len(kinds) == 1, "a promise without a proof"
            assert row.keys() - {"at", "item", kinds[0]} <= KEYS[kinds[0]]


def test_every_section_of_the_plan_has_rows_and_no_row_is_repeated():
    assert {row["at"] for row in ROWS} == SECTIONS
    assert len({named(row) for row in ROWS}) == len(ROWS)


def test_each_file_of_the_plan_exists_and_contains_its_text(subtests):
    for row in of("file"):
        with subtests.test(named(row)):
            text = (REPO_ROOT / row["file"]).read_text(encoding="utf-8")
            assert row.get("text", "") in text
            assert row.get("lacks", "\0").lower() not in text.lower()


def test_a_departure_is_a_numbered_paragraph(subtests):
    for row in of("paragraph"):
        with subtests.test(named(row)):
            assert row["paragraph"] in paragraphs()


@pytest.fixture(scope="module")
def people(running_system):
    """Who asks: user 1 (admin of organization 1), a member, somebody who will log out, and the values of the run."""
    base = running_system.gateway_url

    def call(method, path, who=None, **body):
        answer = requests.request(method, base + path, json=body or None, headers=who, timeout=20)
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def enter(email):
        pair = call("POST", "/auth/login", email=email, password="Secret123")
        return pair, {"Authorization": f"Bearer {pair['access_token']}"}

    stamp = str(time.time_ns())
    tokens, admin = enter("user@hg.io")
    member = f"member-{stamp}@hg.io"
    call("POST", "/auth/register", admin, email=member, password="Secret123", role="user")
    files = [
        call("POST", "/media/upload", admin, file_name="f.txt", content_type="text/plain", data_base64="NzI=")["id"]
        for _ in range(2)
    ]
    bucket = call("POST", "/timeseries/buckets", admin, bucket=f"org_1_gone_{stamp}")["bucket"]
    values = {"item": files[0], "spare": files[1], "bucket": bucket, "stamp": stamp, "user": "1"}
    values["refresh"] = tokens["refresh_token"]
    headers = {
        "nobody": {},
        "liar": {"Authorization": "Bearer not.a.token"},
        "operator": running_system.operator,
        "service": running_system.service("gateway"),
        "admin": enter("user@hg.io")[1],
        "user": enter(member)[1],
        "leaver": enter(member)[1],
    }
    return headers, values


def filled(text, values):
    return re.sub(r"\{([a-z]+)\}", lambda found: values.get(found[1], found[0]), text)


def test_a_request_is_answered_as_promised(subtests, running_system, people):
    for row in of("ask"):
        with subtests.test(named(row)):
            _answered(running_system, *people, row)


def _answered(system, callers, values, row):
    method, path = row["ask"].split(" ", 1)
    headers = {**callers[row["by"]], "Accept": "application/xml" if row.get("xml") else "*/*"}
    headers["X-Request-ID"] = REQUEST_ID
    body = filled(row["body"], values).encode() if "body" in row else None
    if body is not None:
        headers["Content-Type"] = row.get("type", "application/json")
    base = system.gateway_url
    if row["by"] == "service":  # services call each other at their own ports
        base = f"http://127.0.0.1:{system.clone.ports[policy.load().rule(method, path).upstream]}"
    url = base + filled(path, values)
    answer = requests.request(method, url, data=body, headers=headers, timeout=20)
    assert answer.status_code == row["gives"], answer.text
    assert row.get("has", "") in answer.text
    name, _, value = row.get("header", "").partition("=")
    assert not name or answer.headers[name]
    assert not value or answer.headers[name] == value


def test_an_access_token_has_the_claims(subtests, people):
    for row in of("claims"):
        with subtests.test(named(row)):
            token = people[0]["admin"]["Authorization"].removeprefix("Bearer ")
            assert set(row["claims"]) <= jwt.decode(token, options={"verify_signature": False}).keys()


def test_a_line_of_a_log_has_the_field(subtests, running_system, people):
    for row in of("log"):
        for service in SERVICES:
            with subtests.test(f"{named(row)} {service}"):
                log = running_system.clone.layout.log / f"{service}.log"
                lines = [
                    json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")
                ]
                requests_answered = [line for line in lines if "route" in line]
                assert requests_answered
                assert all(row["log"] in line for line in requests_answered[-5:])
