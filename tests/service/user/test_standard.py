"""The standard routes of every service, tested with this one."""

import dataclasses
from typing import TypedDict

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.core.settings import SettingsError
from heartguard_common.http.route_table import RouteTableError
from heartguard_common.http.routing import Answer, EmptyCall, Route
from heartguard_common.http.web import make_app
from heartguard_common.http.web_dependencies import WebDependencies
from heartguard_common.jobs.job_store import PostgresJobs
from heartguard_common.messages import User
from heartguard_common.runtime.bootstrap import Dependencies, make_web_dependencies, open_dependencies
from heartguard_user.routes import ROUTES, read_self
from heartguard_user.settings import Settings
from heartguard_user.wiring import create_app
from tests.servers import Database, Postgres, Valkey, until
from tests.tokens import bearer, operator_auth, settings_environ

FORWARDED = {"X-Forwarded-For": "203.0.113.7"}


def test_health_uses_no_store_and_shows_no_version(client: FlaskClient) -> None:
    answer = client.get("/users/health")
    assert answer.get_json() == {"status": "ok", "service": "user"}
    assert client.get("/users/health", headers={"Accept": "text/xml"}).content_type == "text/xml; charset=utf-8"


def test_ready_names_each_dependency(client: FlaskClient) -> None:
    document = client.get("/users/ready").get_json()
    assert document["status"] == "ready"
    assert {item["name"]: item["status"] for item in document["dependencies"]}.items() >= {
        ("postgresql", "ok"),
        ("redis", "ok"),
    }


def test_readiness_and_metrics_are_not_public(client: FlaskClient) -> None:
    for path in ("/users/ready", "/users/metrics"):
        assert client.get(path).status_code == 200
        assert client.get(path, headers=FORWARDED).status_code == 401
        assert client.get(path, environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 401
        assert client.get(path, environ_base={"REMOTE_ADDR": "::ffff:203.0.113.7"}).status_code == 401
        assert client.get(path, headers=FORWARDED | operator_auth()).status_code == 200
        assert client.get(path, headers=FORWARDED | bearer(1, "admin", 1)).status_code == 403


def test_metrics_have_labels_of_routes_and_not_of_people(client: FlaskClient) -> None:
    client.get("/users/health")
    client.get("/users/12345")
    answer = client.get("/users/metrics")
    assert answer.content_type.startswith("text/plain")
    lines = answer.get_data(as_text=True)
    assert 'heartguard_requests_total{method="GET",route="user.health",service="user",status="200"} 1.0' in lines
    assert 'route="user.read",service="user",status="401"' in lines
    assert "12345" not in lines


@pytest.mark.parametrize("path", ["/", "/users/me/", "/users//me", "/USERS/me", "/organization", "/users/me/x"])
def test_unknown_paths_are_404(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "application/xml"})
    assert answer.status_code == 404
    assert b"<code>GEN_404</code>" in answer.data


def test_a_valid_request_id_is_kept_and_another_replaced(client: FlaskClient) -> None:
    assert client.get("/users/health", headers={"X-Request-ID": "abc.DEF_1-2"}).headers["X-Request-ID"] == "abc.DEF_1-2"
    for insane in ("a b", "x" * 129, "é", "a\tb"):
        made = client.get("/users/health", headers={"X-Request-ID": insane}).headers["X-Request-ID"]
        assert made != insane
        assert len(made) == 36


def web_of(settings: Settings, parts: Dependencies) -> WebDependencies:
    """What the application needs, with the routes of the operator for jobs."""
    web = make_web_dependencies("user", settings, parts)
    return dataclasses.replace(web, jobs=parts.operated_jobs("user", {}, PostgresJobs(parts.database)))


class Nope(TypedDict):
    name: str


def unknown(_: object, __: EmptyCall) -> Answer[Nope]:
    return Answer({"name": ""})


def test_a_route_without_a_policy_row_refuses_to_start(database: Database, redis_url: str) -> None:
    settings = Settings.from_env(settings_environ("user", database, redis_url))
    parts = open_dependencies("user", settings)
    web = web_of(settings, parts)
    tables = {
        "GET /users/secret has no rule": (*ROUTES, Route("GET", "/users/secret", read_self)),
        "PUT /users/me has no route": [route for route in ROUTES if route.method != "PUT"],
        "names the unknown message Nope": [
            dataclasses.replace(route, handler=unknown) if route.handler is read_self else route for route in ROUTES
        ],
    }
    for fault, routes in tables.items():
        with pytest.raises(RouteTableError, match=fault):
            make_app(web, routes, None)
    parts.lifecycle.close()


def test_an_answer_that_violates_its_contract_is_an_internal_error(database: Database, redis_url: str) -> None:
    settings = Settings.from_env(settings_environ("user", database, redis_url))
    parts = open_dependencies("user", settings)

    def broken(_: object, __: EmptyCall) -> Answer[User]:
        return Answer({"id": 0, "secret": "s3cret"})

    routes = [dataclasses.replace(route, handler=broken) if route.path == "/users/me" else route for route in ROUTES]
    app: Flask = make_app(web_of(settings, parts), routes, None)
    answer = app.test_client().get("/users/me", headers=bearer(1, "user", 1))
    assert answer.status_code == 500
    assert b"s3cret" not in answer.data
    assert answer.get_json()["error"]["code"] == "GEN_500"
    parts.lifecycle.close()


def test_all_problems_of_the_environment_are_in_one_message() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"JWT_SECRET": "short", "LOG_LEVEL": "LOUD", "DATABASE_URL": "mysql://x"})
    message = str(caught.value)
    for name in ("DATABASE_URL", "REDIS_URL", "SERVICE_SECRET", "SERVICE_CREDENTIALS", "JWT_SECRET", "LOG_LEVEL"):
        assert message.count(f"\n  {name} ") == 1


def test_readiness_shows_a_frozen_postgresql_and_its_return(own_postgres: Postgres, valkey_server: Valkey) -> None:
    with own_postgres.database() as database:
        app = create_app(Settings.from_env(settings_environ("user", database, valkey_server.url)))
        client = app.test_client()

        def found() -> dict[str, str]:
            document = client.get("/users/ready").get_json()
            return {item["name"]: item["status"] for item in document["dependencies"]}

        assert set(found().values()) == {"ok"}
        own_postgres.freeze()
        try:
            assert (found()["postgresql"], found()["redis"]) == ("failed", "ok")
            assert client.get("/users/health").status_code == 200
        finally:
            own_postgres.thaw()
        until(lambda: found()["postgresql"] == "ok", "the return of PostgreSQL")
        valkey_server.freeze()
        try:
            assert (found()["postgresql"], found()["redis"]) == ("ok", "failed")
        finally:
            valkey_server.thaw()
        until(lambda: found()["redis"] == "ok", "the return of Valkey")
        app.extensions[LIFECYCLE].close()


PROBLEM_JSON, PROBLEM_XML = "application/problem+json", "application/problem+xml"


@pytest.mark.parametrize(
    ("path", "accept", "status", "kind"),
    [
        ("/users/me", f"{PROBLEM_JSON}, application/json", 401, PROBLEM_JSON),
        ("/users/me", f"application/xml, {PROBLEM_XML}", 401, PROBLEM_XML),
        ("/users/me?format=xml", PROBLEM_JSON, 401, PROBLEM_XML),
        ("/users/me?format=csv", PROBLEM_XML, 422, PROBLEM_XML),
        ("/users/health?x=1", f"{PROBLEM_JSON}, */*;q=0.1", 422, PROBLEM_JSON),
        ("/users/health", PROBLEM_JSON, 406, PROBLEM_JSON),
        ("/nowhere", f"{PROBLEM_XML}, */*;q=0.1", 404, PROBLEM_XML),
        ("/users/me", f"application/json, {PROBLEM_JSON};q=0.5", 401, "application/json"),
        ("/users/me", "*/*", 401, "application/json"),
    ],
)
def test_errors_as_problem_details(client: FlaskClient, path: str, accept: str, status: int, kind: str) -> None:
    answer = client.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (status, kind)
    if kind == "application/json":
        assert answer.get_json()["error"]["code"].startswith(f"GEN_{status}")
        return
    form = "application/json" if kind == PROBLEM_JSON else "application/xml"
    problem = Contracts.load()["Problem"].decode(answer.data, form)
    assert problem["status"] == status
    assert problem["type"] == f"/docs/errors#{problem['code']}"
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert problem["instance"] == f"urn:uuid:{problem['request_id']}"


def test_a_good_answer_has_the_document_type_beside_problem_details(client: FlaskClient) -> None:
    for accept, kind in (
        (f"{PROBLEM_JSON}, application/xml", "application/xml"),
        (f"{PROBLEM_XML}, */*", "application/json"),
    ):
        assert client.get("/users/health", headers={"Accept": accept}).mimetype == kind


def test_a_rule_that_names_a_dialect_is_refused_in_it(database: Database, redis_url: str) -> None:
    settings = Settings.from_env(settings_environ("user", database, redis_url))
    parts = open_dependencies("user", settings)
    web = web_of(settings, parts)
    rules = [dataclasses.replace(it, errors="influxdb") if it.id == "user.read" else it for it in web.policy.rules]
    changed = dataclasses.replace(web, policy=dataclasses.replace(web.policy, rules=tuple(rules)))
    client = make_app(changed, ROUTES, None).test_client()
    for headers, status, code in (
        ({}, 401, "unauthorized"),
        ({"Authorization": "Bearer x"}, 401, "unauthorized"),
        (operator_auth(), 403, "forbidden"),
        ({"Accept": "text/csv"}, 406, "invalid"),
    ):
        answer = client.get("/users/12", headers={"Accept": "application/xml", **headers})
        assert (answer.status_code, answer.get_json()["code"]) == (status, code)
        assert answer.headers["X-Platform-Error-Code"] == code
        assert set(answer.get_json()) == {"code", "message"}
    assert client.get("/users/me").get_json()["error"]["code"] == "GEN_401"
    parts.lifecycle.close()
