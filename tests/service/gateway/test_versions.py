"""/api/v1 is another name of every versioned path, and of nothing else; a rule says when it is to go."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartguard_common.core.paths import SERVICES_FILE
from heartguard_common.identity import policy
from heartguard_gateway.own_routes.portal import Portal
from tests.servers import Valkey, until
from tests.service.gateway.stack import ROOT, Answer, Backend, GunicornProcess, Handler, environ, vouch
from tests.tokens import bearer, mark_ready

ME = bearer(12, "user", 3)
ADMIN = bearer(1, "admin", 3)
XML = {"Accept": "application/xml"}
ITEM = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/users/me", ME),
        ("HEAD", "/users/me", ME),
        ("GET", "/users/12?format=xml", ADMIN),
        ("POST", "/timeseries/query", ME),
        ("GET", f"/media/content/{ITEM}?signature=x&expires=1", {}),
        ("DELETE", "/timeseries/buckets/org_3%20a", ADMIN),
    ],
)
def test_the_service_sees_the_same_request(
    gateway: GunicornProcess, backend: Backend, method: str, path: str, headers: dict[str, str]
) -> None:
    seen = []
    for prefix in ("", "/api/v1", "/%61pi/v1"):
        assert gateway.ask(method, prefix + path, headers).status == 200
        seen.append((backend.last.method, backend.last.path))
    assert seen == [(method, path)] * 3


def test_every_versioned_rule_is_found_and_no_page_is(gateway: GunicornProcess) -> None:
    rules = [rule for rule in policy.load().rules if not rule.versioned]
    pages = {rule.path for rule in rules if rule.errors is None}
    compatible = {rule.path for rule in rules if rule.errors is not None}
    assert compatible == {"/api/v2/write", "/api/v2/buckets", "/api/v2/orgs", "/write"}
    for path in compatible:
        assert gateway.ask("GET", f"/api/v1{path}").code == "GEN_404"
    places = {
        "{version}/{folder}/{asset}": f"{Portal().version}/core/main.js",
        "{asset}": "site.css",
        "{file}": "common.xsd",
    }
    paths = {rule: rule for rule in pages}
    for place, value in places.items():
        paths = {rule: path.replace(place, value) for rule, path in paths.items()}
    assert set(paths) == {
        "/",
        "/assets/{asset}",
        "/docs",
        "/portal",
        "/portal/{version}/{folder}/{asset}",
        "/docs/errors",
        "/openapi.json",
        "/openapi-internal.json",
        "/schemas",
        "/schemas/{file}",
        "/.well-known/jwks.json",
    }
    for path in paths.values():
        assert gateway.ask("GET", path).status == (401 if "internal" in path else 200)
        assert gateway.ask("GET", f"/api/v1{path}").code == "GEN_404"
        assert gateway.ask("POST", f"/api/v1{path}").code == "GEN_404"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1", 404, "GEN_404"),
        ("/api/v1/", 404, "GEN_404"),
        ("/api", 404, "GEN_404"),
        ("/api/v2/users/me", 404, "GEN_404"),
        ("/API/V1/users/me", 404, "GEN_404"),
        ("/api/v1//users/me", 404, "GEN_404"),
        ("//api/v1/users/me", 404, "GEN_404"),
        ("/api//v1/users/me", 404, "GEN_404"),
        ("/api/v1/users/me/", 404, "GEN_404"),
        ("/api/v1/api/v1/users/me", 404, "GEN_404"),
        ("/api/v1x/users/me", 404, "GEN_404"),
        ("/api/v1/../v1/users/me", 400, "GW_001"),
        ("/api/v1/users/%2e%2e/me", 400, "GW_001"),
        ("/api%2fv1/users/me", 400, "GW_001"),
        ("/api/v1/users%2fme", 400, "GW_001"),
        ("/api/v1/users/me;x=1", 400, "GW_001"),
        ("/api/v1/users/%252e", 400, "GW_001"),
    ],
)
def test_other_spellings_lead_nowhere_in_both_formats(
    gateway: GunicornProcess, backend: Backend, path: str, status: int, code: str
) -> None:
    before = len(backend.seen)
    answer = gateway.ask("GET", path, ME)
    assert (answer.status, answer.code) == (status, code)
    assert f"<code>{code}</code>".encode() in gateway.ask("GET", path, {**ME, **XML}).body
    assert len(backend.seen) == before


def test_methods_roles_and_preflight_are_those_of_the_path(gateway: GunicornProcess) -> None:
    for prefix in ("", "/api/v1"):
        wrong = gateway.ask("DELETE", f"{prefix}/users/me", ME)
        assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PUT")
        assert gateway.ask("OPTIONS", f"{prefix}/users/me").headers["allow"] == "GET, HEAD, OPTIONS, PUT"
        assert gateway.ask("GET", f"{prefix}/users", ME).code == "GEN_403"
        assert gateway.ask("GET", f"{prefix}/users/me").code == "GEN_401"


def test_logs_and_metrics_name_the_same_route_and_no_text_of_the_caller(gateway: GunicornProcess) -> None:
    request_id = "versions-1"
    gateway.ask("DELETE", "/api/v1/timeseries/buckets/Anna", {**ADMIN, "X-Request-ID": request_id})
    until(lambda: any(line.get("request_id") == request_id for line in gateway.lines()), "the line of the log")
    (line,) = [line for line in gateway.lines() if line.get("request_id") == request_id]
    assert (line["route"], line["path"]) == ("timeseries.delete_bucket", "/api/v1/timeseries/buckets/*")


def test_a_location_and_a_cookie_stay_below_the_prefix(gateway: GunicornProcess, backend: Backend) -> None:
    cookie = "heartguard_refresh=x; Max-Age=9; Path=/auth; HttpOnly"

    def made(handler: Handler) -> None:
        handler.read_body()
        handler.reply(201, b"{}", {"Location": "/media/items/1", "Set-Cookie": cookie})

    def elsewhere(handler: Handler) -> None:
        handler.read_body()
        handler.reply(201, b"{}", {"Location": "//bucket.example/1"})

    def headers(path: str) -> tuple[str | None, str | None]:
        answer: Answer = gateway.ask("POST", path, ME, b"{}")
        return answer.headers["location"], answer.headers.get("set-cookie")

    with backend.behaving(made):
        assert headers("/media/upload") == ("/media/items/1", cookie)
        below = cookie.replace("/auth", "/api/v1/auth")
        assert headers("/api/v1/media/upload") == ("/api/v1/media/items/1", below)
    with backend.behaving(elsewhere):
        assert headers("/api/v1/media/upload") == ("//bucket.example/1", None)


def change(tmp_path: Path, rule: str, more: str) -> None:
    """Add keys to a rule of the copied policy."""
    file = tmp_path / "services/gateway/policy.toml"
    text = file.read_text()
    assert text.count(f'id = "{rule}"\n') == 1
    file.write_text(text.replace(f'id = "{rule}"\n', f'id = "{rule}"\n{more}\n'))


@pytest.fixture
def changed(backend: Backend, valkey: Valkey, tmp_path: Path) -> Iterator[GunicornProcess]:
    """A gateway whose policy deprecates a route and gives three routes InfluxDB's errors."""
    for name in ("services/common/src", "services/gateway", "schemas", "portal"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SERVICES_FILE, tmp_path / "services")
    change(tmp_path, "user.read_self", "deprecated = 2027-01-31T01:00:00+01:00\nsunset = 2027-07-01T00:00:00Z")
    change(tmp_path, "user.update_self", "deprecated = 2027-01-31T00:00:00Z")
    for row in ("timeseries.write", "timeseries.query", "auth.login"):
        change(tmp_path, row, 'errors = "influxdb"')
    mark_ready(valkey.url)
    with Backend(vouch).running() as auth:
        settings = environ(valkey.url, backend.url, tmp_path / "spool", RATE_LIMIT="30/min", AUTH_URL=auth.url)
        with GunicornProcess(settings, tmp_path / "log", root=tmp_path).running() as running:
            yield running


def test_deprecation_sunset_and_dialect_of_a_changed_policy_are_in_force(
    changed: GunicornProcess, backend: Backend
) -> None:
    for path, headers in (("/users/me", ME), ("/api/v1/users/me", ME), ("/users/me", {})):
        answer = changed.ask("GET", path, headers)
        assert answer.headers["deprecation"] == "@1801353600"
        assert answer.headers["sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
        assert answer.headers["link"] == '</docs#user.read_self>; rel="deprecation"; type="text/html"'
    written = changed.ask("PUT", "/users/me", ME, b"{}").headers
    assert (written["deprecation"], "sunset" in written) == ("@1801353600", False)
    assert "deprecation" not in changed.ask("GET", "/users", ADMIN).headers
    refused = []
    for path, headers, status, code in (
        ("/timeseries/write", {}, 401, "unauthorized"),
        ("/api/v1/timeseries/write", {"Authorization": "Bearer x"}, 401, "unauthorized"),
        ("/timeseries/write", {**ME, "Content-Length": str(9 * 1024 * 1024)}, 413, "request too large"),
    ):
        answer = changed.ask("POST", path, {**headers, "Accept": "application/xml, application/problem+xml"})
        assert (answer.status, answer.json["code"]) == (status, code)
        refused.append(answer)
    refused += [answer for _ in range(5) if (answer := changed.ask("POST", "/auth/login", {}, b"{}")).status == 429]
    refused.append(changed.ask("GET", "/timeseries/query", ME))
    assert (refused[-1].status, refused[-1].json["code"]) == (405, "method not allowed")
    assert {answer.json["code"] for answer in refused if answer.status == 429} == {"too many requests"}
    assert all(answer.headers["retry-after"] for answer in refused if answer.status == 429)
    for answer in refused:
        assert set(json.loads(answer.body)) == {"code", "message"}
        assert answer.headers["x-platform-error-code"] == answer.json["code"]
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert refused[0].headers["www-authenticate"].startswith("Bearer")
    # what never was a request, and what is refused before its route is known, has no dialect
    assert changed.ask("POST", "/timeseries/../write", ME).code == "GW_001"
