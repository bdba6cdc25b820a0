"""Every refusal of every service and of the gateway is in the format the caller asked for."""

import socket
from urllib.parse import urlsplit

import pytest
import requests
from lxml import etree

from heartguard_common.contract.contracts import Contracts
from heartguard_common.identity import policy

# a dialect is independent of what the caller asks for: tests/service/influx/test_influxdb_api.py
RULES = [rule for rule in policy.load().rules if rule.errors is None]
CONTRACTS = Contracts.load()
PLACES = {"user_id": "999999", "item_id": "01890000-0000-7000-8000-000000000000", "bucket": "org_999999"}
PLACES |= dict.fromkeys(
    (
        "event_id",
        "session_id",
        "job_id",
        "key_id",
        "import_id",
        "rule_id",
        "alarm_id",
        "channel_id",
        "policy_id",
        "silence_id",
    ),
    PLACES["item_id"],
)
PLACES |= {"invitation_id": PLACES["item_id"], "letter_id": PLACES["item_id"], "org_id": "999999"}
PLACES |= {"file": "nothing.xsd", "asset": "nothing.css", "folder": "core", "version": "0"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORMATS = ("application/json", "application/xml", "text/xml")


def path_of(rule):
    return "/".join(PLACES[part[1:-1]] if part.startswith("{") else part for part in rule.path.split("/"))


def methods_at(path):
    return {method for rule in RULES if path_of(rule) == path for method in rule.methods}


PATHS = sorted({path_of(rule) for rule in RULES})


def assert_error(answer, status, accept):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == accept
    assert "Accept" in answer.headers["Vary"]
    if accept == "application/json":
        error = answer.json()["error"]
        code, message, request_id = error["code"], error["message"], error["request_id"]
    else:
        root = etree.fromstring(answer.content)
        assert root.tag == "Error"
        code, message, request_id = (root.findtext(name) for name in ("code", "message", "request_id"))
    assert code
    assert message
    assert request_id == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("accept", FORMATS)
def test_a_wrong_method_is_405_with_allow(subtests, running_system, accept):
    for path in PATHS:
        with subtests.test(path):
            allowed = methods_at(path)
            wrong = next(method for method in METHODS if method not in allowed)
            answer = requests.request(wrong, running_system.gateway_url + path, headers={"Accept": accept}, timeout=60)
            assert_error(answer, 405, accept)
            assert allowed <= {item.strip() for item in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize(("prefix", "kind"), [("", "json"), ("/api/v1", "xml")])
def test_every_path_is_refused_with_problem_details_too(running_system, prefix, kind):
    pages = {path_of(rule) for rule in RULES if not rule.versioned}
    for path in PATHS:
        wrong = next(method for method in METHODS if method not in methods_at(path))
        status, code = (404, "GEN_404") if prefix and path in pages else (405, "GEN_405")
        headers = {"Accept": f"application/problem+{kind}, application/{kind}"}
        answer = requests.request(wrong, running_system.gateway_url + prefix + path, headers=headers, timeout=60)
        assert answer.headers["Content-Type"].split(";")[0] == f"application/problem+{kind}", path
        problem = CONTRACTS["Problem"].decode(answer.content, f"application/{kind}")
        assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code), path
        assert problem["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("accept", FORMATS)
def test_no_token_is_401_with_a_challenge(subtests, running_system, accept):
    for rule in [rule for rule in RULES if not isinstance(rule.who, str)]:
        with subtests.test(rule.id):
            answer = requests.request(
                rule.method, running_system.gateway_url + path_of(rule), headers={"Accept": accept}, timeout=60
            )
            assert_error(answer, 401, accept)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("accept", FORMATS)
def test_an_unknown_path_is_404(subtests, running_system, accept):
    for path in ["//", "/nothing", "/auth/nothing", "/users/me/nothing", "/media", "/audit/Events"]:
        with subtests.test(path):
            answer = requests.get(running_system.gateway_url + path, headers={"Accept": accept}, timeout=60)
            assert_error(answer, 404, accept)


WITHOUT_BODY = {
    "user.request_export",
    "stream.create_ticket",
    "auth.demo",
    "alarm.add_default_rules",
    "alarm.send_channel_code",
    "alarm.test_channel",
}
WRITERS = [
    rule
    for rule in RULES
    if rule.method in ("POST", "PUT", "PATCH")
    and "upload" not in rule.path
    and rule.id not in WITHOUT_BODY
    and "/content/" not in rule.path
    and (rule.who == "anyone" or rule.scope("admin"))
]


WRONG_BODIES = [
    ("application/json", b"{", 400),
    ("application/xml", b"<a>", 400),
    ("application/json", b'{"unknown member": 1}', 422),
    ("application/yaml", b"a: 1", 415),
]


@pytest.mark.parametrize("accept", FORMATS)
def test_an_invalid_body_is_refused(subtests, running_system, plan_founder, accept):
    for rule in WRITERS:
        for content_type, body, status in WRONG_BODIES:
            with subtests.test(f"{rule.id} {content_type} {status}"):
                headers = {**plan_founder["bearer"], "Accept": accept, "Content-Type": content_type}
                answer = requests.request(
                    rule.method, running_system.gateway_url + path_of(rule), data=body, headers=headers, timeout=60
                )
                assert_error(answer, status, accept)


@pytest.mark.parametrize(
    "path", ["/auth/profile", "/users/me", "/media/items", "/timeseries/measurements", "/gateway/health"]
)
def test_an_unacceptable_format_is_406_in_json(running_system, plan_founder, path):
    headers = {**plan_founder["bearer"], "Accept": "image/png"}
    answer = requests.get(running_system.gateway_url + path, headers=headers, timeout=60)
    assert_error(answer, 406, "application/json")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /gateway/health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /gateway/health HTTP/1.1\r\nHost: x\r\n X-Folded: 1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /gateway/health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (
            b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
    ],
    ids=["two lengths", "folded header", "no request line", "long path", "long header", "length and chunks"],
)
def test_parser_errors_have_our_body(running_system, request_bytes, status):
    place = urlsplit(running_system.gateway_url)
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(request_bytes)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == str(status).encode()
    assert b"application/json" in head.lower()
    assert b"<html" not in body.lower()
    assert body.startswith((b'{"error":{"code":"GW_', b'{"error":{"code":"GEN_'))


def test_a_long_target_has_our_error_format_wherever_it_is_refused(subtests, running_system, plan_founder):
    for path in ["/audit/events", "/users", "/media/items", "/auth/invitations", "/timeseries/buckets"]:
        for length, status in [(7000, 422), (9000, 414)]:
            with subtests.test(f"{path} {length}"):
                target = f"{running_system.gateway_url}{path}?cursor={'a' * length}"
                headers = {**plan_founder["bearer"], "Accept": "application/xml"}
                answer = requests.get(target, headers=headers, timeout=60)
                assert answer.status_code == status
                if status == 414:  # the Accept of a request that can't be read is not known
                    assert answer.json()["error"]["code"] == "GW_006"
                else:
                    assert etree.fromstring(answer.content).tag == "Error"


def test_the_maximum_number_of_header_fields_reaches_a_service(running_system, plan_founder):
    many = {f"X-Field-{number}": "1" for number in range(90)}
    answer = requests.get(
        running_system.gateway_url + "/users/me", headers={**plan_founder["bearer"], **many}, timeout=60
    )
    assert answer.status_code == 200
