"""Modes on every route, at the gateway and at the owner's own port: modes.csv.

It is written by hand from docs/limits.md, never from policy.toml: whether a visitor of a demo (a manager), an admin of
a read-only organization, and an admin of a suspended one may call a route. `unread`: the route answers as it does
without a credential.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from heartguard_common.core.registry import SERVICES
from heartguard_common.identity import policy
from heartguard_common.messages import Mode
from tests.protection.api_keys import NOW_POINT, full_rights, make, statuses
from tests.protection.stack import JSON, Person, ProtectedStack, claims_of
from tests.protection.test_credentials import DOCUMENTS, EntryPoints
from tests.servers import until
from tests.service.gateway.stack import Answer
from tests.tokens import operator_auth

LINES = list(csv.DictReader((Path(__file__).parent / "modes.csv").read_text(encoding="utf-8").splitlines()))
POLICY = policy.load()
MODES: tuple[Mode, ...] = ("demo", "read_only", "suspended")
ENDS_SESSIONS = (("POST", "/auth/logout"), ("DELETE", "/auth/sessions"))
PATHS = {"user": "/users/me", "auth": "/auth/roles", "organization": "/organization/policies"}


def set_mode(stack: ProtectedStack, org_id: int, mode: Mode) -> None:
    headers = {**operator_auth(), "Content-Type": JSON}
    body = json.dumps({"mode": mode}).encode()
    answer = stack.entry_points["gateway"].ask("PUT", f"/organization/{org_id}/mode", headers, body)
    assert (answer.status, answer.json["mode"]) == (200, mode), answer.body


@pytest.fixture(scope="module")
def entry_points(protected_stack: ProtectedStack) -> Iterator[EntryPoints]:
    entry_points = EntryPoints(protected_stack)
    yield entry_points
    entry_points.close()


@pytest.fixture(scope="module")
def people(protected_stack: ProtectedStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Person]:
    """A visitor of a demo with the token that visitors get, and admins of a read-only and a suspended organization."""
    admins = {mode: protected_stack.found(f"mode.{mode}") for mode in MODES}
    people = {**admins, "demo": protected_stack.join(admins["demo"], "manager", "mode.visitor")}
    for mode in MODES:
        protected_stack.join(admins[mode], "manager", f"mode.leaves.{mode}")
        set_mode(protected_stack, admins[mode].org_id, mode)
    # Nowhere else in this stack is a demo turned on.
    auth = protected_stack.entry_points["auth"].again(tmp_path_factory.mktemp("demo") / "auth.log", DEMO_ENABLED="on")
    with auth.running():
        given = auth.ask("POST", "/auth/demo")
        assert given.status == 200, given.body
    people["demo"] = replace(people["demo"], access_token=given.json["access_token"])
    assert claims_of(people["demo"].access_token)["org_id"] == admins["demo"].org_id
    return people


def test_every_route_stands_in_the_table_once() -> None:
    written = [(line["method"], line["path"]) for line in LINES]
    assert sorted(written) == sorted((rule.method, rule.path) for rule in POLICY.rules)


@pytest.mark.parametrize("service", SERVICES)
def test_each_mode_permits_what_the_table_says(
    subtests: pytest.Subtests,
    protected_stack: ProtectedStack,
    entry_points: EntryPoints,
    people: dict[str, Person],
    service: str,
) -> None:
    for line in LINES:
        if POLICY.rule(line["method"], line["path"]).upstream == service:
            with subtests.test(f"{line['method']} {line['path']}"):
                problems = list(_problems(protected_stack, entry_points, people, line, service))
                assert not problems, "\n".join(problems)


def _problems(
    stack: ProtectedStack, entry_points: EntryPoints, people: dict[str, Person], line: dict[str, str], service: str
) -> Iterator[str]:
    for entry_point in dict.fromkeys(("gateway", service)):
        # A code that is not valid is refused with 403 as a mode is.
        documents = {path: it for path, it in DOCUMENTS.items() if path != "/auth/invitations/accept"}
        alone, _ = entry_points.ask(entry_point, line, {}, documents)
        for mode in MODES:
            bearer = people[mode].bearer
            if (line["method"], line["path"]) in ENDS_SESSIONS:
                bearer = {"Authorization": f"Bearer {stack.log_in(f'mode.leaves.{mode}@example.com')['access_token']}"}
            status, _ = entry_points.ask(entry_point, line, bearer, documents)
            expected = line[mode]
            # GET /stream is 503 here, because no stream process runs.
            right = {
                "unread": status == alone,
                "yes": status not in (401, 403) and (status < 500 or status == alone or line["path"] == "/stream"),
                "no": status == 403,
            }[expected]
            if not right:
                yield f"{mode} at {entry_point}: {status}, but should be {expected}"


def _change(stack: ProtectedStack, entry_point: str, person: Person) -> Answer:
    headers = {**person.bearer, "Content-Type": JSON}
    return stack.entry_points[entry_point].ask("PUT", "/users/me", headers, b'{"full_name": "Miles O\'Brien"}')


def test_a_mode_counts_at_once_at_every_entry_point(protected_stack: ProtectedStack) -> None:
    stack, admin, other = protected_stack, protected_stack.found("mode.at.once"), protected_stack.found("mode.other")
    for mode, expected in (("read_only", 403), ("active", 200), ("demo", 403), ("suspended", 403), ("active", 200)):
        set_mode(stack, admin.org_id, mode)
        answers = [_change(stack, entry_point, admin) for entry_point in ("gateway", "user")]
        assert [it.status for it in answers] == [expected] * 2, mode
        reads = {
            stack.entry_points[entry_point].ask("GET", path, admin.bearer).status
            for name, path in PATHS.items()
            for entry_point in ("gateway", name)
        }
        assert reads == {403 if mode == "suspended" else 200}
        if expected == 403:
            code = "GEN_403_SUSPENDED" if mode == "suspended" else "GEN_403_READONLY"
            assert {it.json["error"]["code"] for it in answers} == {code}
        assert _change(stack, "gateway", other).status == 200


def test_a_mode_counts_without_redis(protected_stack: ProtectedStack) -> None:
    stack, admin = protected_stack, protected_stack.found("mode.without.redis")
    key = full_rights(stack, admin)
    assert statuses(stack, key, admin.org_id) == [200, 200]
    stack.valkey.freeze()
    try:
        set_mode(stack, admin.org_id, "read_only")
        assert [_change(stack, entry_point, admin).status for entry_point in ("gateway", "user")] == [403, 403]
        until(lambda: statuses(stack, key, admin.org_id) == [403, 403], "the key being restricted")
    finally:
        stack.valkey.thaw()

    def answers() -> list[int]:
        return [_change(stack, entry_point, admin).status for entry_point in ("gateway", "user")]

    # After a short outage the copy is still trusted, and what was committed meanwhile is in it within a second (D356).
    until(lambda: answers() == [403, 403], "what was committed meanwhile")


def test_a_redis_that_lost_its_data_makes_no_organization_active(protected_stack: ProtectedStack) -> None:
    stack, admin = protected_stack, protected_stack.found("mode.flushed")
    set_mode(stack, admin.org_id, "read_only")
    with stack.valkey.client() as redis:
        for _ in range(10):
            redis.flushall()
            assert [_change(stack, entry_point, admin).status for entry_point in ("gateway", "user")] == [403, 403]


def test_keys_of_a_demo_write_what_its_visitors_read(protected_stack: ProtectedStack) -> None:
    stack, admin = protected_stack, protected_stack.found("mode.demo.key")
    key = make(stack, admin)
    set_mode(stack, admin.org_id, "demo")
    assert statuses(stack, key, admin.org_id) == [200, 200]
    document = json.dumps({"bucket": f"org_{admin.org_id}", "points": [NOW_POINT]})
    by_visitor = stack.entry_points["gateway"].ask(
        "POST", "/timeseries/write", {**admin.bearer, "Content-Type": JSON}, document.encode()
    )
    assert (by_visitor.status, by_visitor.json["error"]["code"]) == (403, "GEN_403_READONLY")
    set_mode(stack, admin.org_id, "read_only")
    # Where the copy in Redis is not trusted for a moment, a look-up of a key counts for a second.
    until(lambda: statuses(stack, key, admin.org_id) == [403, 403], "the key being restricted")


def test_an_organization_has_its_share_of_requests(protected_stack: ProtectedStack) -> None:
    stack, admin = protected_stack, protected_stack.found("mode.share")
    limits = {"limits": [{"name": "requests_per_minute", "value": 6}]}
    path = f"/organization/{admin.org_id}/limits"
    headers = {**operator_auth(), "Content-Type": JSON}
    assert stack.entry_points["gateway"].ask("PUT", path, headers, json.dumps(limits).encode()).status == 200
    found = [stack.entry_points["gateway"].ask("GET", "/users/me", admin.bearer) for _ in range(9)]
    # The first request brings the share to the gateway.
    assert [it.status for it in found] == [200] * 7 + [429] * 2
    assert b"requests per minute and organization" in found[-1].body
    set_back = {"limits": [{"name": "requests_per_minute", "value": None}]}
    assert stack.entry_points["gateway"].ask("PUT", path, headers, json.dumps(set_back).encode()).status == 200
    stack.entry_points["gateway"].ask("GET", "/users/me", admin.bearer)
    assert stack.entry_points["gateway"].ask("GET", "/users/me", admin.bearer).status == 200
