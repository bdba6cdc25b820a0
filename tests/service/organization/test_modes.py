"""The mode of an organization: the operator sets it, and Redis has a copy of it."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.identity.organization_state import OrganizationState, key
from heartguard_common.identity.revocation import READY
from heartguard_common.stores.redis_client import make_redis
from tests.people import owner
from tests.servers import Database, until
from tests.tokens import operator_auth, service_auth

Auth = dict[str, dict[str, str]]


def set_mode(client: FlaskClient, org: int, mode: str, who: dict[str, str] | None = None) -> Any:
    return client.put(f"/organization/{org}/mode", json={"mode": mode}, headers=who or operator_auth())


def copied(redis_url: str, org: int) -> OrganizationState:
    with make_redis(redis_url) as redis:
        return OrganizationState.parse(redis.get(key(org)))


def test_the_operator_sets_it_and_members_see_it(
    client: FlaskClient, org: int, auth: Auth, redis_url: str, events: Callable[[], list[dict[str, Any]]]
) -> None:
    for mode in ("read_only", "read_only", "suspended"):
        answer = set_mode(client, org, mode)
        assert (answer.status_code, answer.get_json()["mode"]) == (200, mode)
        assert copied(redis_url, org).mode == mode
        assert client.get("/organization", headers=auth["user"]).get_json()["mode"] == mode
    refused = client.get("/organization/policies", headers=auth["user"])
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "GEN_403_SUSPENDED")
    changes = [(it["org_id"], it["payload"]) for it in events() if it["action"] == "organization.update_mode"]
    assert changes == [
        (org, {"mode_before": "active", "mode_after": "read_only"}),
        (org, {"mode_before": "read_only", "mode_after": "suspended"}),
    ]


def test_only_the_operator_sets_it_for_an_organization_that_exists(client: FlaskClient, org: int, auth: Auth) -> None:
    for who in (*auth.values(), service_auth("user")):
        assert set_mode(client, org, "read_only", who).status_code == 403
    missing = set_mode(client, 999, "read_only")
    assert (missing.status_code, missing.get_json()["error"]["code"]) == (404, "ORG_001")
    assert set_mode(client, org, "closed").status_code == 422


def test_a_copy_that_was_lost_is_complete_before_it_is_trusted(
    start: Callable[[], Flask], org: int, redis_url: str, database: Database
) -> None:
    first = start()
    set_mode(first.test_client(), org, "read_only")
    # Longer ago than what each renewal copies.
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organization_states SET changed_at = now() - interval '1 day'")
    with make_redis(redis_url) as redis:
        redis.flushall()
        until(lambda: bool(redis.get(READY)), "a renewal")
    assert copied(redis_url, org).mode == "read_only"
    first.extensions[LIFECYCLE].close()


def test_the_share_of_requests_is_copied_too(client: FlaskClient, org: int, redis_url: str) -> None:
    def share(value: int | None) -> None:
        body = {"limits": [{"name": "requests_per_minute", "value": value}]}
        answer = client.put(f"/organization/{org}/limits", json=body, headers=operator_auth())
        assert answer.status_code == 200

    share(600)
    assert copied(redis_url, org) == OrganizationState("active", 600)
    share(None)
    assert copied(redis_url, org) == OrganizationState()
