"""Header fields: nothing that is sent becomes a field of an answer, and nobody is who a field says they are.

Through the gateway and at each service directly.
"""

import itertools
import socket
import time
from urllib.parse import quote, urlsplit

import pytest
import requests

from heartguard_common.core.registry import SERVICES
from tests.protection.callers import Person, World
from tests.security.raw_requests import Raw, answer_of, bearer, request, send

_numbers = itertools.count(time.time_ns() % 10**9)
INJECTED = "x-injected"
# RFC 9110 section 5.5: CR, LF and NUL may stand in no value; a recipient refuses them or makes them blanks.
BREAKS = {
    "CR LF": b"\r\n", "LF": b"\n", "CR": b"\r", "a fold": b"\r\n ",
    "NUL": b"\x00", "NEL": b"\x85", "line separator": "\u2028".encode(), "U+560A, cut to a byte": "\u560a".encode(),
}  # fmt: skip
REFLECTED = (
    "X-Request-ID",
    "traceparent",
    "Origin",
    "Accept",
    "If-None-Match",
    "Idempotency-Key",
    "User-Agent",
    "Range",
)


def fields_of(answer: Raw) -> set[str]:
    return {name for name, _ in answer.fields}


def test_no_value_breaks_out_of_its_header_field(subtests: pytest.Subtests, world: World) -> None:
    for entry_point in ["gateway", "user"]:
        for field in REFLECTED:
            with subtests.test(f"{entry_point} {field}"):
                who = world.regulars["user"]
                for name, sign in BREAKS.items():
                    value = f"{field}: https://portal.example".encode() + sign + b"X-Injected: 1"
                    data = request("GET", "/users/me", value, *bearer(who.bearer), "Connection: close")
                    answer = send(world.urls[entry_point], data)
                    assert answer.status in (200, 400, 406), (name, answer)
                    assert INJECTED not in fields_of(answer), name
                    assert b"X-Injected" not in answer.body, name
                    assert all("\r" not in text and "\n" not in text for _, text in answer.fields), name


def test_no_file_name_breaks_out_of_its_header_field(world: World) -> None:
    who, names = world.regulars["user"], ("a\r\nX-Injected: 1", "a\rb", "a\x00b", "a\x85b")
    for name in names:
        headers = {**who.bearer, "Content-Type": "text/plain"}
        url = f"{world.urls['gateway']}/media/upload?file_name={quote(name)}"
        assert requests.put(url, data=b"hi", headers=headers, timeout=60).status_code == 422
    for name in (
        'a"; filename="b.exe',
        "a;b",
        "a\nX-Injected: 1",
        "a\u2028X-Injected: 1",
        "a%0d%0aX-Injected: 1",
        "\u560a\u560dX-Injected: 1",
    ):
        note = {"file_name": name, "content_type": "text/plain", "data_base64": "aGk="}
        item = world.call("POST", "/media/upload", who, json=note)
        url = world.call("GET", f"/media/items/{item['id']}/download", who)["url"]
        place = urlsplit(url)
        answer = send(url, request("GET", f"{place.path}?{place.query}", "Connection: close"))
        (disposition,) = answer.all("content-disposition")
        # RFC 6266: one disposition, and both names in it are ours; the bytes never run as a page of this origin
        assert disposition.startswith("attachment; filename=")
        assert disposition.count('"') == 2
        assert disposition.isascii()
        assert INJECTED not in fields_of(answer)
        assert answer.all("x-content-type-options") == ["nosniff"]


def test_location_headers_are_made_of_ids_and_the_public_url(world: World) -> None:
    who = world.regulars["admin"]
    forged = (
        "Host: evil.example",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: gopher",
        "Forwarded: host=evil.example",
    )
    item = world.upload(who)
    for target in (f"/media/items/{item}/download", f"/media/items/{item}"):
        lines = [f"GET {target} HTTP/1.1", *forged, *bearer(who.bearer), "Connection: close", "", ""]
        answer = send(world.urls["gateway"], "\r\n".join(lines).encode())
        assert answer.status == 200
        assert b"evil" not in answer.body
        assert b"gopher" not in answer.body
    body = b'{"actor":"x","action":"opened\\nX-Injected: 1","service":"portal"}'
    data = request(
        "POST", "/audit/events", *forged[1:], *bearer(who.bearer),
        "Content-Type: application/json", "Connection: close", body=body,
    )  # fmt: skip
    answer = send(world.urls["gateway"], data)
    (location,) = answer.all("location")
    assert location.startswith("/audit/events/0")
    assert INJECTED not in fields_of(answer)


def pretences(other: Person) -> list[str]:
    """Header lines by which other systems say who the user is."""
    values = {
        "User": str(other.user_id), "User-ID": str(other.user_id), "UserID": str(other.user_id),
        "Org-ID": str(other.org_id), "Organization-ID": str(other.org_id), "Role": "admin", "User-Role": "admin",
        "Roles": "admin", "Operator": "1", "Admin": "true", "Principal": f"user:{other.user_id}", "Actor": "operator",
        "Email": other.email, "Groups": "admin", "Authenticated": "1", "Internal": "1",
    }  # fmt: skip
    prefixes = ("X-", "X-HeartGuard-", "X-Auth-", "X-Gateway-", "X-Forwarded-", "X-Remote-", "Remote-", "")
    more = (
        *(
            "X-Original-URL: /users",
            "X-Rewrite-URL: /users",
            "X-HTTP-Method-Override: DELETE",
            "X-Method-Override: PUT",
        ),
        *("X-Real-IP: 127.0.0.1", "X-Client-IP: 127.0.0.1", "X-Forwarded-For: 127.0.0.1", "X-Gateway-Signature: 00"),
        *(
            "Forwarded: for=127.0.0.1",
            "Via: 1.1 gateway",
            "SCRIPT_NAME: /users",
            "REMOTE_USER: operator",
            "X_Role: admin",
        ),
        f"Cookie: user_id={other.user_id}; role=admin; org_id={other.org_id}",
    )
    return [f"{prefix}{name}: {value}" for prefix in prefixes for name, value in values.items()] + list(more)


def few(lines: list[str]) -> list[list[str]]:
    """In portions: the gateway takes a hundred fields."""
    return [lines[start : start + 50] for start in range(0, len(lines), 50)]


@pytest.mark.parametrize("entry_point", ["gateway", "user"])
def test_header_fields_do_not_change_the_identity_of_a_token(world: World, entry_point: str) -> None:
    me, other = world.regulars["user"], world.founders["other"]
    for portion in few(pretences(other)):
        mine = [*bearer(me.bearer), *portion, "Connection: close"]
        answer = send(world.urls[entry_point], request("GET", "/users/me", *mine))
        assert answer.status == 200
        assert f'"id":{me.user_id},'.encode() in answer.body
        for target in ("/users", f"/users/{other.user_id}"):
            assert send(world.urls[entry_point], request("GET", target, *mine)).status in (403, 404)


ROUTES = [("auth", "GET", "/auth/profile"), ("organization", "GET", "/organization"), ("user", "GET", "/users/me"),
 ("media", "GET", "/media/items"), ("influx", "GET", "/timeseries/buckets"), ("audit", "GET", "/audit/events"),
 ("auth", "POST", "/auth/erasures"), ("audit", "GET", "/audit/exports?org_id=1&user_id=1")]  # fmt: skip


def test_header_fields_do_not_authenticate_an_anonymous_caller(subtests: pytest.Subtests, world: World) -> None:
    for entry_point, method, target in ROUTES:
        with subtests.test(f"{entry_point} {target}"):
            for url in (world.urls["gateway"], world.urls[entry_point]):
                for portion in few(pretences(world.founders["own"])):
                    answer = send(
                        url, request(method, target, *portion, "Connection: close", body=b"{}" * (method == "POST"))
                    )
                    assert answer.status == 401, (url, answer)


FIELDS = ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 10.0.0.1, 127.0.0.1", "Forwarded: for=127.0.0.1"]


def test_a_forwarded_address_is_not_in_the_inner_network(subtests: pytest.Subtests, world: World) -> None:
    for field in FIELDS:
        for entry_point in SERVICES:
            with subtests.test(f"{entry_point} {field}"):
                prefix = SERVICES[entry_point].prefix
                for name in ("ready", "metrics"):
                    for url in (world.urls["gateway"], world.urls[entry_point]):
                        assert send(url, request("GET", f"{prefix}/{name}", field, "Connection: close")).status == 401


@pytest.mark.parametrize("entry_point", ["gateway", "auth"])
def test_the_address_is_not_taken_from_forged_headers(world: World, entry_point: str) -> None:
    me = world.member("user")
    body = b'{"email":"%b","password":"a long enough phrase"}' % me.email.encode()
    forged = (
        "X-Forwarded-For: 6.6.6.6",
        "X-Gateway-Signature: " + "0" * 64,
        "X-Real-IP: 6.6.6.6",
        "Forwarded: for=6.6.6.6",
    )
    json_body = ("Content-Type: application/json", "Connection: close")
    assert send(world.urls[entry_point], request("POST", "/auth/login", *forged, *json_body, body=body)).status == 200
    sessions = world.call("GET", "/auth/sessions", me)["items"]
    assert {item["address"] for item in sessions} == {"127.0.0.1"}


@pytest.mark.parametrize("entry_point", ["gateway", "user"])
def test_the_gateway_request_id_cannot_be_chosen_by_the_caller(world: World, entry_point: str) -> None:
    """A person names neither an event of somebody else's request nor a text of their own as what led to a change."""
    admin = world.founders["own"]
    member = world.member("user")
    theirs = world.event(admin)
    mark = f"forged-{next(_numbers)}"
    data = request(
        "PATCH", f"/users/{member.user_id}", *bearer(admin.bearer),
        f"X-Gateway-Request-ID: {theirs}", f"X-Request-ID: {mark}",
        "Content-Type: application/json", "Connection: close", body=b'{"role":"manager"}',
    )  # fmt: skip
    answer = send(world.urls[entry_point], data)
    assert answer.status == 200, answer
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = world.call("GET", f"/audit/events?kind=change&resource=user:{member.user_id}", admin)["items"]
        changes = {item["service"]: item.get("gateway_request_id") for item in found if item["request_id"] == mark}
        if len(changes) == 2:
            break
        time.sleep(0.05)
    expected = answer.all("x-gateway-request-id")[0] if entry_point == "gateway" else None
    assert changes == {"user": expected, "auth": expected}


def test_a_method_override_header_is_ignored(world: World) -> None:
    who = world.regulars["admin"]
    item = world.upload(who)
    for field in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for entry_point in ("gateway", "media"):
            answer = send(
                world.urls[entry_point],
                request("GET", f"/media/items/{item}", f"{field}: DELETE", *bearer(who.bearer), "Connection: close"),
            )
            assert answer.status == 200
    query = request("GET", f"/media/items/{item}?_method=DELETE", *bearer(who.bearer), "Connection: close")
    assert send(world.urls["gateway"], query).status == 422
    assert world.call("GET", f"/media/items/{item}", who)["id"] == item


def test_requests_on_one_connection_keep_their_own_callers(world: World) -> None:
    """Requests of two people on one connection of the gateway, as a proxy before it would send them."""
    one, other = world.regulars["user"], world.stranger
    place = urlsplit(world.urls["gateway"])
    with socket.create_connection((str(place.hostname), place.port), timeout=60) as link:
        for _ in range(5):
            for who in (one, other, None):
                link.sendall(request("GET", "/users/me", *(bearer(who.bearer) if who else ())))
                answer = answer_of(link)
                if who is None:
                    assert answer.status == 401
                else:
                    assert f'"id":{who.user_id},'.encode() in answer.body
