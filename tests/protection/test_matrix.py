"""Who may do what: every cell of matrix.csv, through the gateway and at the service itself, in JSON and in XML.

The service is asked for at the services' own ports only: what the gateway says to it stands in credentials.csv.

matrix.csv is written by hand from the HTTP contract, never from policy.toml. `organization` and `person` say whose
thing is asked for: one's own, somebody else's of the same organization, or something of another organization
(`other`, `self`: one's own name under another organization's). `-`: the route can name nobody's thing but the caller's.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from lxml import etree

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.registry import SERVICES
from heartguard_common.identity import policy
from tests.protection import alarm_routes, data_routes, routes  # noqa: F401  # name the requests
from tests.protection.callers import ROLES, Ask, Situation, World, changes_people, request_of

CALLERS = ("none", *ROLES, "operator", "service")
CONTRACTS = Contracts.load()
POLICY = policy.load()


@dataclass(frozen=True)
class Line:
    """One line of the matrix: a route, whose thing, and the status for each caller."""

    method: str
    path: str
    organization: str
    person: str
    statuses: dict[str, int]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.organization} {self.person}"


def _lines() -> list[Line]:
    with (Path(__file__).parent / "matrix.csv").open(encoding="utf-8") as file:
        return [
            Line(
                *(row[name] for name in ("method", "path", "organization", "person")), {c: int(row[c]) for c in CALLERS}
            )
            for row in csv.DictReader(file)
        ]


LINES = _lines()


def test_every_route_stands_in_the_matrix_and_nothing_else() -> None:
    assert {(line.method, line.path) for line in LINES} == {(rule.method, rule.path) for rule in POLICY.rules}


def test_no_matrix_row_is_repeated_and_every_target_is_decided() -> None:
    assert len({str(line) for line in LINES}) == len(LINES)
    targets: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for line in LINES:
        targets.setdefault((line.method, line.path), set()).add((line.organization, line.person))
    for route, decided in targets.items():
        if ("-", "-") in decided:
            assert decided == {("-", "-")}, route
        else:
            assert ("other", "other") in decided, route
            assert {("own", "self"), ("own", "other")} & decided, route


@pytest.mark.parametrize("owner", SERVICES)
def test_each_role_gets_the_status_of_the_matrix(subtests: pytest.Subtests, world: World, owner: str) -> None:
    for line in LINES:
        if POLICY.rule(line.method, line.path).upstream == owner:
            with subtests.test(str(line)):
                wrong = list(problems(world, line, owner))
                assert not wrong, "\n".join(wrong)


def problems(world: World, line: Line, owner: str) -> Iterator[str]:
    """Where a cell of the line is not true."""
    for caller in CALLERS:
        for entry_point in (owner,) if caller == "service" and owner != "gateway" else ("gateway", owner):
            for media_type in ("application/json", "application/xml"):
                refused = line.statuses[caller] >= 400
                fresh = changes_people(line.method, line.path) and not refused
                situation = Situation(world, caller, line.organization, line.person, fresh=fresh, refused=refused)
                ask = request_of(line.method, line.path, situation)
                answer = send(world.urls[entry_point], line.method, ask, situation.headers, media_type)
                dialect = POLICY.rule(line.method, line.path).errors
                problem = judge(answer, line.statuses[caller], ask, media_type, dialect)
                if problem:
                    yield f"{caller} at {entry_point} in {media_type}: {problem}"


def send(url: str, method: str, ask: Ask, credentials: dict[str, str], media_type: str) -> requests.Response:
    headers = {"Accept": media_type, **credentials}
    body = ask.body
    if ask.document is not None:
        headers["Content-Type"] = media_type
        body = CONTRACTS[ask.message].encode(ask.document, media_type)
    sent = {**headers, **ask.headers}
    answer = requests.request(method, url + ask.path, data=body, headers=sent, timeout=60, stream=ask.endless)
    if ask.endless and answer.ok:
        answer.close()
    return answer


def judge(answer: requests.Response, expected: int, ask: Ask, media_type: str, dialect: str | None) -> str:
    """What is wrong with an answer; empty where nothing is."""
    if answer.status_code != expected:
        return f"{answer.status_code} instead of {expected}: {answer.text[:200]}"
    if expected == 401 and "WWW-Authenticate" not in answer.headers:
        return "no WWW-Authenticate"
    if expected >= 400 and dialect is not None:
        return "" if answer.json()["message" if dialect == "influxdb" else "error"] else "refused without a message"
    if expected >= 400 and "Accept" not in ask.headers:
        if not answer.headers["Content-Type"].startswith(media_type):
            return f"refused in {answer.headers['Content-Type']}"
        refused = (
            answer.json()["error"]["code"]
            if "json" in media_type
            else etree.fromstring(answer.content).findtext("code")
        )
        if not refused:
            return "refused without a code"
    return ""
