"""Plans set limits; the end of a plan makes an organization read-only; the use of limits is shown and reported."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from heartguard_common.identity.organization_state import OrganizationState, key
from heartguard_common.stores.redis_client import make_redis
from tests.people import join, owner
from tests.servers import Database, until
from tests.tokens import operator_auth, service_auth

Auth = dict[str, dict[str, str]]
PAST = "2026-01-31T00:00:00Z"
Events = Callable[[], list[dict[str, Any]]]


def give(client: FlaskClient, org: int, plan: str | None, who: dict[str, str] | None = None, **more: Any) -> Any:
    return client.put(f"/organization/{org}/plan", json={"plan": plan, **more}, headers=who or operator_auth())


def set_limit(client: FlaskClient, org: int, name: str, value: int | None) -> None:
    body = {"limits": [{"name": name, "value": value}]}
    assert client.put(f"/organization/{org}/limits", json=body, headers=operator_auth()).status_code == 200


def usage(client: FlaskClient, auth: Auth) -> dict[str, Any]:
    answer = client.get("/organization/usage", headers=auth["admin"])
    assert answer.status_code == 200, answer.data
    document: dict[str, Any] = answer.get_json()
    return {**document, "items": {it["name"]: it for it in document["items"]}}


def copied(redis_url: str, org: int) -> OrganizationState:
    with make_redis(redis_url) as redis:
        return OrganizationState.parse(redis.get(key(org)))


def test_a_plan_sets_limits_but_those_that_the_operator_set(client: FlaskClient, org: int, auth: Auth) -> None:
    set_limit(client, org, "members", 7)
    assert give(client, org, "trial").status_code == 200
    items = usage(client, auth)["items"]
    shown = {name: (items[name]["value"], items[name]["source"]) for name in ("members", "series", "buckets")}
    assert shown == {"members": (7, "own"), "series": (2_000, "plan"), "buckets": (100, "default")}
    set_limit(client, org, "members", None)
    assert usage(client, auth)["items"]["members"]["value"] == 25
    give(client, org, "standard")
    items = usage(client, auth)["items"]
    assert (items["members"]["value"], items["series"]["value"], items["series"]["source"]) == (500, 50_000, "default")
    assert "plan" not in give(client, org, None).get_json()
    assert usage(client, auth)["items"]["members"]["value"] == 10_000


def test_usage_has_each_limit_with_its_part(client: FlaskClient, org: int, auth: Auth, redis_url: str) -> None:
    set_limit(client, org, "members", 6)
    shown = usage(client, auth)
    assert shown["items"]["members"] == {
        "name": "members",
        "scope": "organization",
        "unit": "people",
        "daily": False,
        "used": 3,
        "value": 6,
        "percent": 50,
        "source": "own",
        "freed": "an admin: DELETE /users/{user_id}",
    }
    assert {"points_per_day", "stored_points", "media_bytes", "api_keys", "open_exports"} <= shown["items"].keys()
    assert not {"codes_per_recipient_per_day", "foundings_per_address_per_day"} & shown["items"].keys()
    xml = client.get("/organization/usage", headers={**auth["admin"], "Accept": "application/xml"})
    assert b"<percent>50</percent>" in xml.data
    give(client, org, "trial")
    with make_redis(redis_url) as redis:
        seconds, _ = redis.time()
        redis.set(f"hg:rl:org:{{{org}}}", str((seconds + 30) * 1_000_000))
    assert usage(client, auth)["items"]["requests_per_minute"]["used"] in range(500, 601)
    for role in ("manager", "user"):
        assert client.get("/organization/usage", headers=auth[role]).status_code == 403


def test_the_way_of_a_plan(client: FlaskClient, org: int, auth: Auth, redis_url: str, events: Events) -> None:
    running = give(client, org, "trial", until="2126-12-31T00:00:00Z").get_json()
    assert (running["mode"], running["plan"]["stage"]) == ("active", "running")
    grace = give(client, org, "trial", until=PAST, grace_days=36_500).get_json()
    assert (grace["mode"], grace["plan"]["stage"], grace["plan"]["until"]) == ("active", "grace", PAST)
    assert copied(redis_url, org).near.startswith("plan;read-only-from=@")
    ended = give(client, org, "trial", until=PAST, grace_days=0).get_json()
    assert (ended["mode"], ended["plan"]["stage"], ended["plan"]["read_only_from"]) == ("read_only", "ended", PAST)
    assert copied(redis_url, org).mode == "read_only"
    refused = client.put("/organization", json={"name": "New"}, headers=auth["admin"])
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "GEN_403_READONLY")
    assert usage(client, auth)["mode"] == "read_only"
    again = give(client, org, "standard").get_json()
    assert (again["mode"], again["plan"]["stage"]) == ("active", "running")
    assert copied(redis_url, org).near == ""
    assert client.put("/organization", json={"name": "New"}, headers=auth["admin"]).status_code == 200
    modes = [it["payload"]["mode_after"] for it in events() if it["action"] == "organization.update_mode"]
    assert modes == ["read_only", "active"]
    stages = [it["payload"]["stage_after"] for it in events() if it["action"] == "organization.plan_stage"]
    assert stages == ["grace", "ended"]


def test_time_ends_a_plan(client: FlaskClient, database: Database, org: int, auth: Auth) -> None:
    give(client, org, "trial", grace_days=0)
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organization_states SET plan_until = now()")
    until(lambda: usage(client, auth)["mode"] == "read_only", "the background task")


@pytest.mark.parametrize("chosen", ["suspended", "read_only", "demo"])
def test_no_plan_changes_a_mode_that_the_operator_chose(client: FlaskClient, org: int, chosen: str) -> None:
    client.put(f"/organization/{org}/mode", json={"mode": chosen}, headers=operator_auth())
    assert give(client, org, "trial", until=PAST, grace_days=0).get_json()["mode"] == chosen
    assert give(client, org, "standard").get_json()["mode"] == chosen


def test_an_active_organization_stays_active_after_its_plan_if_the_operator_chose_that(
    client: FlaskClient, database: Database, org: int
) -> None:
    def read() -> Any:
        return client.get(f"/organization/{org}", headers=operator_auth()).get_json()

    give(client, org, "trial", until=PAST, grace_days=36_500)
    client.put(f"/organization/{org}/mode", json={"mode": "active"}, headers=operator_auth())
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organization_states SET grace_days = 0")
    until(lambda: read()["plan"]["stage"] == "ended", "the background task")
    assert read()["mode"] == "active"


def test_eighty_and_a_hundred_percent_are_reported_once(
    client: FlaskClient, database: Database, org: int, auth: Auth, redis_url: str, events: Events
) -> None:
    def reported() -> list[tuple[str, Any, Any]]:
        found = [it for it in events() if "limit_" in it["action"]]
        return [(it["action"], it["payload"]["used"], it["actor"]) for it in found]

    near = ("organization.limit_near", 4, "service:organization")
    set_limit(client, org, "members", 5)
    assert len(auth) == 3
    join(database, org)
    _look_again(database)
    until(lambda: copied(redis_url, org).near == "members;used=80", "the header")
    assert reported() == [near]
    join(database, org)
    _look_again(database)
    until(lambda: copied(redis_url, org).near == "members;used=100", "the header")
    assert reported() == [near, ("organization.limit_reached", 5, "service:organization")]
    set_limit(client, org, "members", 100)
    _look_again(database)
    until(lambda: copied(redis_url, org).near == "", "the header")
    assert len(reported()) == 2


def _look_again(database: Database) -> None:
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organization_states SET usage_checked_at = NULL")


def test_wrong_plans_are_refused(client: FlaskClient, org: int, auth: Auth) -> None:
    unknown = give(client, org, "gold")
    assert (unknown.status_code, unknown.get_json()["error"]["code"]) == (422, "ORG_006")
    assert unknown.get_json()["error"]["details"] == [
        {"path": "/plan", "message": "must be one of trial, standard, unlimited, demo"}
    ]
    assert give(client, 999, "trial").get_json()["error"]["code"] == "ORG_001"
    for more in ({"until": "tomorrow"}, {"grace_days": -1}, {"grace_days": 36_501}):
        assert give(client, org, "trial", **more).status_code == 422
    for who in (*auth.values(), service_auth("user")):
        assert give(client, org, "trial", who).status_code == 403
