"""Every refusal of the gateway is in the format the caller asked for."""

import json
import socket
from xml.etree import ElementTree as ET

import pytest

from heartguard_common.core.registry import SERVICES
from tests.servers import until
from tests.service.gateway.stack import Answer, Backend, GunicornProcess
from tests.tokens import bearer, operator_auth, token_for

ME = bearer(12, "user", 3)
XML = {"Accept": "application/xml"}


def xml_code(answer: Answer) -> str:
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    root = ET.fromstring(answer.body)
    assert root.tag == "Error"
    assert root.findtext("request_id") == answer.headers["x-request-id"]
    return str(root.findtext("code"))


REFUSALS = [
    ("GET", "/nowhere", {}, 404, "GEN_404"),
    ("GET", "/", {"Accept": "application/json"}, 406, "GEN_406"),
    ("GET", "//", {}, 404, "GEN_404"),
    ("GET", "/users/me/", ME, 404, "GEN_404"),
    ("GET", "//users/me", ME, 404, "GEN_404"),
    ("GET", "/schemas/nothing.json", {}, 404, "GEN_404"),
    ("DELETE", "/users/me", ME, 405, "GEN_405"),
    ("TRACE", "/users/me", ME, 405, "GEN_405"),
    ("PROPFIND", "/users/me", ME, 405, "GEN_405"),
    ("GET", "/users/me", {}, 401, "GEN_401"),
    ("GET", "/users/me", {"Authorization": "Bearer nonsense"}, 401, "GEN_401_TOKEN"),
    ("GET", "/users/me", {"Authorization": "Digest x"}, 401, "GEN_401_TOKEN"),
    ("GET", "/users/me", bearer(12, "user", 3, iss="elsewhere"), 401, "GEN_401_TOKEN"),
    ("GET", "/users/me", {"Authorization": f"Bearer {token_for(1, 'user', 1, lifetime=-1)}"}, 401, "GEN_401_TOKEN"),
    ("POST", "/auth/register", {"Authorization": "Bearer nonsense"}, 401, "GEN_401_TOKEN"),
    ("GET", "/users", ME, 403, "GEN_403"),
    ("GET", "/users/me", operator_auth(), 403, "GEN_403"),
    ("GET", "/gateway/services", ME, 403, "GEN_403"),
    ("POST", "/media/erasures", ME, 403, "GEN_403"),
    ("GET", "/users/%2e%2e/gateway", {}, 400, "GW_001"),
    ("GET", "/users/me;x=1", ME, 400, "GW_001"),
    ("GET", "/users%2fme", ME, 400, "GW_001"),
    ("GET", "/users/%252e", ME, 400, "GW_001"),
    ("GET", "/gateway/health?what=1", {}, 422, "GEN_422"),
    ("GET", "/gateway/health?format=csv", {}, 422, "GEN_422"),
]


def test_refusals_in_both_formats(subtests: pytest.Subtests, gateway: GunicornProcess) -> None:
    for method, path, headers, status, code in REFUSALS:
        with subtests.test(f"{code} {method} {path}"):
            plain, xml = gateway.ask(method, path, headers), gateway.ask(method, path, {**headers, **XML})
            assert (plain.status, xml.status) == (status, status)
            assert plain.headers["content-type"] == "application/json"
            assert plain.code == xml_code(xml) == code
            assert plain.json["error"]["request_id"] == plain.headers["x-request-id"]
            assert "Accept" in plain.headers["vary"]
            assert ("www-authenticate" in plain.headers) == (status == 401)
            if status == 405:
                assert plain.headers["allow"] == "GET, HEAD, OPTIONS, PUT"


def test_a_bad_path_never_reaches_a_service(gateway: GunicornProcess, backend: Backend) -> None:
    before = len(backend.seen)
    for path in ("/users/..%2fme", "/users/%2e%2e/organization", "/users/me%00", "/./users/me", "/users/me%5c.."):
        assert gateway.ask("GET", path, ME).status == 400
    assert len(backend.seen) == before


def test_not_acceptable_is_answered_in_json(gateway: GunicornProcess) -> None:
    answer = gateway.ask("GET", "/gateway/health", {"Accept": "image/png"})
    assert (answer.status, answer.code) == (406, "GEN_406")
    assert gateway.ask("GET", "/openapi.json", XML).status == 406
    assert gateway.ask("GET", "/gateway/metrics", {"Accept": "text/csv"}).status == 406


def test_a_strange_parameter_is_named_without_its_control_characters(gateway: GunicornProcess) -> None:
    answer = gateway.ask("GET", "/gateway/health?a%2Fb%C2%9C=1", {"Accept": "application/json"})
    assert (answer.status, answer.code) == (422, "GEN_422")
    assert json.loads(answer.body)["error"]["details"][0]["path"] == "/a~1b\ufffd"


def test_the_format_parameter_overrides_accept(gateway: GunicornProcess) -> None:
    answer = gateway.ask("GET", "/gateway/health?format=xml", {"Accept": "application/json"})
    assert answer.body.endswith(b"<Health><status>ok</status><service>gateway</service></Health>")
    assert xml_code(gateway.ask("GET", "/nowhere?format=xml")) == "GEN_404"


def test_a_body_over_the_limit_is_refused_before_it_is_read(gateway: GunicornProcess) -> None:
    head = (
        f"PUT /media/upload?file_name=a HTTP/1.1\r\nHost: x\r\nAuthorization: {ME['Authorization']}\r\n"
        f"Accept: application/xml\r\nContent-Length: {51 * 1024 * 1024}\r\n\r\n"
    )
    answer = gateway.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"<code>GEN_413</code>" in answer
    assert b"connection: close" in answer.lower()


def test_a_chunked_body_over_the_limit_is_refused_while_it_comes(gateway: GunicornProcess) -> None:
    def endless():
        for _ in range(60 * 32):
            yield b"x" * 32_768

    head = f"PUT /media/upload?file_name=a HTTP/1.1\r\nHost: x\r\nAuthorization: {ME['Authorization']}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as link:
        link.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for block in endless():
                link.sendall(b"%x\r\n%b\r\n" % (len(block), block))
        except OSError:
            pass  # the gateway stopped reading, as it should
        assert b"413" in link.recv(65536)[:20]


def test_a_token_is_not_good_for_ever(gateway: GunicornProcess) -> None:
    short = {"Authorization": f"Bearer {token_for(12, 'user', 3, lifetime=4)}"}
    assert gateway.ask("GET", "/users/me", short).status == 200
    until(lambda: gateway.ask("GET", "/users/me", short).status != 200, "the end of the token")
    assert gateway.ask("GET", "/users/me", short).code == "GEN_401_TOKEN"


def test_health_needs_no_credentials_and_shows_no_version(gateway: GunicornProcess) -> None:
    answer = gateway.ask("GET", "/gateway/health")
    assert answer.json == {"status": "ok", "service": "gateway"}
    assert "x-ratelimit-limit" not in answer.headers


def test_services_are_listed_for_the_operator(gateway: GunicornProcess) -> None:
    items = gateway.ask("GET", "/gateway/services", operator_auth()).json["items"]
    assert [item["name"] for item in items] == list(SERVICES)
    assert {item["status"] for item in items} == {"ok"}


def test_the_document_of_internal_routes_is_for_the_operator_alone(gateway: GunicornProcess) -> None:
    answer = gateway.ask("GET", "/openapi-internal.json", operator_auth())
    assert (answer.json["info"]["title"], answer.headers["cache-control"]) == (
        "HeartGuard, internal routes",
        "no-store",
    )
    assert "/auth/token/introspect" in answer.json["paths"]
    assert gateway.ask("GET", "/openapi-internal.json", operator_auth() | XML).status == 406
    assert gateway.ask("GET", "/schemas/openapi-internal.json").code == "GEN_404"


class TestOrigins:
    """Cross-origin requests (the Fetch standard, section 3.2)."""

    ORIGIN = "https://portal.example"

    def test_a_preflight_is_answered_here(self, gateway: GunicornProcess, backend: Backend) -> None:
        before = len(backend.seen)
        asked = {"Origin": self.ORIGIN, "Access-Control-Request-Method": "PUT"}
        answer = gateway.ask("OPTIONS", "/users/me", asked)
        assert (answer.status, answer.body, len(backend.seen)) == (204, b"", before)
        headers = answer.headers
        assert headers["access-control-allow-origin"] == self.ORIGIN
        assert headers["access-control-allow-credentials"] == "true"
        assert "PUT" in headers["access-control-allow-methods"]
        assert int(headers["access-control-max-age"]) > 0
        allowed = {name.strip().lower() for name in headers["access-control-allow-headers"].split(",")}
        assert {"authorization", "content-type", "idempotency-key", "if-match", "x-request-id"} <= allowed
        assert "Origin" in headers["vary"]
        assert "content-type" not in headers

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "https://portal.example.evil", "null", "http://portal.example"]
    )
    def test_a_foreign_origin_gets_no_header(self, gateway: GunicornProcess, origin: str) -> None:
        for method in ("OPTIONS", "GET"):
            answer = gateway.ask(method, "/gateway/health", {"Origin": origin, "Access-Control-Request-Method": "GET"})
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert "Origin" in answer.headers["vary"]

    def test_answers_and_refusals_can_be_read(self, gateway: GunicornProcess) -> None:
        for path in ("/users/me", "/nowhere"):
            headers = gateway.ask("GET", path, {**ME, "Origin": self.ORIGIN}).headers
            assert headers["access-control-allow-origin"] == self.ORIGIN
            exposed = headers["access-control-expose-headers"]
            assert "ETag" in exposed
            assert "X-Gateway-Request-ID" in exposed
            assert "Retry-After" in exposed
            assert "X-Next-Cursor" in exposed

    def test_options_of_anything_is_204(self, gateway: GunicornProcess) -> None:
        assert gateway.ask("OPTIONS", "/nowhere").status == 204
        assert gateway.ask("OPTIONS", "*").status == 204
        assert gateway.ask("OPTIONS", "/users").headers["allow"] == "GET, HEAD, OPTIONS"
