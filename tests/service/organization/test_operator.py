"""Organizations and jobs, as the operator sees them."""

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from tests.people import found
from tests.servers import Database, until
from tests.tokens import operator_auth

from .conftest import OtherServices

NAME = "O'Brien & <b>Söhne</b>"


def read(client: FlaskClient, path: str) -> Any:
    answer = client.get(path, headers=operator_auth())
    assert answer.status_code == 200, answer.data
    return answer.get_json()


def test_organizations_are_listed_found_by_a_part_of_their_name_and_read(
    client: FlaskClient, database: Database, org: int
) -> None:
    other = found(database, "Clínica Norte")
    assert [it["id"] for it in read(client, "/organization/list")["items"]] == [org, other]
    assert [it["id"] for it in read(client, "/organization/list?q=S%C3%96HNE")["items"]] == [org]
    first = read(client, "/organization/list?limit=1")
    second = read(client, f"/organization/list?limit=1&cursor={first['next_cursor']}")
    assert ([it["id"] for it in second["items"]], second["next_cursor"]) == ([other], None)
    assert read(client, f"/organization/{other}")["name"] == "Clínica Norte"
    missing = client.get("/organization/999", headers=operator_auth())
    assert (missing.status_code, missing.get_json()["error"]["code"]) == (404, "ORG_001")


def test_a_job_that_fails_is_seen_and_tried_again(
    client: FlaskClient,
    other_services: OtherServices,
    org: int,
    auth: dict[str, dict[str, str]],
    events: Callable[[], list[dict[str, Any]]],
) -> None:
    other_services.answers["/media/erasures"] = 503
    number = client.delete("/organization", headers=auth["admin"], json={"name": NAME}).get_json()["id"]

    def listed(query: str = "") -> dict[str, Any]:
        (item,) = read(client, f"/organization/jobs{query}")["items"] or [{}]
        return dict(item)

    until(lambda: "error" in listed(), "the failure of the deletion")
    seen = listed()
    known = {"id": number, "kind": "organization.delete", "org_id": org, "status": "running"}
    assert known.items() <= seen.items()
    assert seen["error"].startswith("media: ")
    assert seen["attempts"] >= 1
    assert {"created_at", "updated_at", "next_attempt_at", "requested_by"} <= set(seen)
    del other_services.answers["/media/erasures"]
    path = f"/organization/jobs/{number}/retry"
    assert client.post(path, headers=operator_auth()).status_code == 204
    until(lambda: listed("?status=done").get("id") == number, "the end of the job")
    assert listed() == {}
    assert read(client, "/organization/dead-letters?status=retrying")["items"] == []
    again = client.post(path, headers=operator_auth())
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "GEN_409")
    retried = next(it for it in events() if it["action"] == "organization.job_retried")
    assert (retried["actor"], retried["org_id"], retried["resource"]) == ("operator", org, f"job:{number}")
