"""What a body must not be able to set: members that are stored of something, and that are nobody's to choose."""

import copy
from typing import Any

import psycopg2
import pytest
import requests
from lxml import etree
from psycopg2 import sql

from heartguard_cli.embedded.postgres import PostgresCluster
from heartguard_cli.urls import libpq
from heartguard_common.identity import policy
from tests.contract.cases import RESOURCE_OF, RESOURCES, plain_xml
from tests.protection import data_routes, routes  # noqa: F401  # name the requests
from tests.protection.callers import BUILDERS, Situation, World, request_of
from tests.running import RunningSystem

POLICY = policy.load()
SCHEMA = "heartguard_core"
FORBIDDEN: dict[str, Any] = {
    "id": 1, "user_id": 1, "org_id": 1, "organization_id": 1, "owner_id": 1, "role": "admin", "roles": "admin",
    "is_admin": True, "is_operator": True, "operator": True, "permissions": "user.list", "active": True,
    "password": "Secret123", "password_hash": "x", "email": "root@hg.io", "email_key": "x",
    "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z", "deleted_at": "2020-01-01T00:00:00Z",
    "expires_at": "2099-01-01T00:00:00Z",
    "status": "recorded", "sequence": 1, "hash": "x", "kind": "access", "time": "2020-01-01T00:00:00Z",
    "outcome": "success",
    "quota_bytes": 1, "retention_days": 1, "token": "x", "jti": "x", "sid": "x", "bucket_id": 1, "object_key": "x",
    "_proto_": "x", "constructor": "x",
}  # fmt: skip
# Written by what goes on meanwhile, and by every request.
RESTLESS = {
    "audit_events",
    "audit_outbox",
    "audit_checkpoints",
    "idempotency_keys",
    "jobs",
    "imports",
    "refresh_tokens",
    "sessions",
    "auth_guesses",
    "alarm_running_times",
    "stream_batches",
    "stream_listeners",
    "day_sums",
    "summed_series",
}
WRITERS = sorted((rule.method, rule.path) for rule in POLICY.rules if rule.method in ("POST", "PUT", "PATCH", "DELETE"))


def state(system: RunningSystem) -> dict[str, tuple[int, int]]:
    """Of each table: how many rows it has, and the sum of their hashes."""
    clone = system.clone
    cluster = PostgresCluster(clone.layout.var / "pg", clone.ports["postgres"])
    found = {}
    with psycopg2.connect(libpq(cluster.url())) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (SCHEMA,))
        for (table,) in cursor.fetchall():
            if table not in RESTLESS:
                row, some = "t::text", ""
                if table == "organization_states":  # a task adds rows, and notes what is used of limits, and when
                    row = "(mode, mode_chosen, plan, plan_until, grace_days)::text"
                    some = " WHERE mode <> 'active' OR mode_chosen OR plan IS NOT NULL"
                query = sql.SQL(f"SELECT count(*), coalesce(sum(hashtextextended({row}, 0)), 0) FROM {{}} AS t{some}")
                cursor.execute(query.format(sql.Identifier(SCHEMA, table)))
                count, digest = cursor.fetchone()
                found[table] = (int(count), int(digest))
    connection.close()
    return found


def properties(message: str) -> set[str]:
    return set(RESOURCES[RESOURCE_OF[message]]["$defs"][message]["properties"])


@pytest.mark.parametrize(("method", "path"), [pair for pair in WRITERS if pair in BUILDERS])
def test_no_body_sets_a_member_that_callers_must_not_set(
    running_system: RunningSystem, world: World, method: str, path: str
) -> None:
    rule = POLICY.rule(method, path)
    assert rule is not None
    caller = next((role for role in ("admin", "operator") if rule.who == policy.ANYONE or rule.scope(role)), "service")
    case = Situation(world, caller, "own", "self", fresh=True)
    # Services are heard at each other's own ports, and only those that the rule names.
    entry = world.urls[rule.upstream if caller == "service" else "gateway"]
    credentials = running_system.service(min(rule.services)) if caller == "service" else case.headers
    ask = request_of(method, path, case)
    if ask.document is None:
        return  # bytes, or nothing: no member can be sent
    extra = {name: value for name, value in FORBIDDEN.items() if name not in properties(ask.message)}
    document = {**copy.deepcopy(ask.document), **extra}
    expected = {f"/{name}" for name in extra}
    before = state(running_system)
    for media_type in ("application/json", "application/xml"):
        headers = {"Accept": media_type, "Content-Type": media_type, **credentials}
        body = plain_xml(ask.message, document)
        answer = requests.request(
            method,
            entry + ask.path,
            headers=headers,
            timeout=60,
            **({"json": document} if "json" in media_type else {"data": body}),
        )
        assert answer.status_code == 422, answer.text
        assert named(answer) == expected
    query = requests.request(
        method, entry + ask.path, params={"role": "admin", "org_id": "1", "user_id": "1"},
        headers=credentials, json=ask.document, timeout=60,
    )  # fmt: skip
    assert query.status_code == 422, query.text
    assert state(running_system) == before


def named(answer: requests.Response) -> set[str]:
    """The places that an error names."""
    if "json" in answer.headers["Content-Type"]:
        return {detail["path"] for detail in answer.json()["error"]["details"]}
    return {str(path.text) for path in etree.fromstring(answer.content).iterfind("details/detail/path")}


def test_a_point_accepts_only_its_own_members(running_system: RunningSystem, world: World) -> None:
    admin = world.founders["own"]
    point = {
        "measurement": "heart_rate",
        "fields": {"bpm": 71},
        "org_id": 1,
        "bucket_id": 1,
        "series_id": 1,
        "out_of_range": [],
    }
    before = state(running_system)
    answer = requests.post(
        world.urls["gateway"] + "/timeseries/write",
        json={"bucket": f"org_{admin.org_id}", "points": [point]},
        headers=admin.bearer,
        timeout=60,
    )
    assert answer.status_code == 422
    assert named(answer) == {f"/points/0/{name}" for name in ("org_id", "bucket_id", "series_id", "out_of_range")}
    assert state(running_system) == before


def test_the_role_of_an_invitation_cannot_be_raised_by_the_guest(world: World) -> None:
    """The two bodies in which a role may stand: it is never more than the one who lets in has given."""
    admin, manager = world.founders["own"], world.member("manager")
    url = world.urls["gateway"] + "/auth/"
    new = {"email": world.email(), "password": "a long enough phrase"}
    invited = world.call("POST", "/auth/invitations", admin, json={"email": new["email"], "role": "user"})
    with_more = requests.post(
        url + "register", json={**new, "invitation": invited["code"], "role": "admin"}, timeout=60
    )
    assert with_more.status_code in (403, 422), with_more.text
    for role in ("admin",):
        body = {"email": world.email(), "password": "a long enough phrase", "role": role}
        assert requests.post(url + "register", json=body, headers=manager.bearer, timeout=60).status_code == 403
        asked = requests.post(
            url + "invitations", json={"email": world.email(), "role": role}, headers=manager.bearer, timeout=60
        )
        assert asked.status_code == 403
    made = world.call("POST", "/auth/register", None, json={**new, "invitation": invited["code"]})
    assert (made["role"], made["org_id"]) == ("user", admin.org_id)
