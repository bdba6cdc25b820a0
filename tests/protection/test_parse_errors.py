"""What the HTTP parser of a service refuses is answered in our words, also to whoever reaches it past the gateway."""

import json
from email.parser import Parser

import pytest

from tests.protection.stack import Person, ProtectedStack

LINE = "GET /users/health HTTP/1.1\r\nHost: x\r\n"
FOLLOW_UP = "GET /users/health HTTP/1.1\r\nHost: x\r\n\r\n"


def refused(answer: bytes) -> tuple[int, str]:
    """Status and code of the one answer, which must be an error body of ours on a connection that ends."""
    head, _, body = answer.decode().partition("\r\n\r\n")
    status, _, lines = head.partition("\r\n")
    fields = Parser().parsestr(lines)
    assert fields["Content-Type"] == "application/json"
    assert int(fields["Content-Length"]) == len(body)
    assert (fields["Connection"], fields["Vary"]) == ("close", "Accept")
    error = json.loads(body)["error"]
    assert error["request_id"] == fields["X-Request-ID"]
    assert set(error) == {"code", "message", "request_id"}
    assert "gunicorn" not in answer.decode().lower()
    return int(status.split()[1]), error["code"]


REFUSED = [
    ("nonsense\r\n\r\n", 400, "GEN_400_HTTP"),
    ("GET /users/health HTTP/9.9\r\nHost: x\r\n\r\n", 400, "GEN_400_HTTP"),
    (LINE + "Bad Name: 1\r\n\r\n", 400, "GEN_400_HTTP"),
    (LINE + "X-A: 1\r\n X-User-ID: root\r\n\r\n", 400, "GEN_400_HTTP"),
    (LINE + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, "GEN_400_HTTP"),
    (LINE + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, "GEN_400_HTTP"),
    (f"GET /{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "GEN_414"),
    (LINE + "Expect: the-unexpected\r\n\r\n", 417, "GEN_417"),
    (LINE + f"X-Long: {'a' * 9000}\r\n\r\n", 431, "GEN_431"),
    (LINE + "".join(f"X-{n}: 1\r\n" for n in range(300)) + "\r\n", 431, "GEN_431"),
    (LINE + "Transfer-Encoding: nonsense\r\n\r\n", 501, "GEN_501"),
    (LINE + "Transfer-Encoding: deflate, chunked\r\n\r\n0\r\n\r\n", 501, "GEN_501"),
    (LINE + "Transfer-Encoding: gzip\r\n\r\n", 400, "GEN_400_HTTP"),
]


def test_parser_errors_have_the_error_format(subtests: pytest.Subtests, protected_stack: ProtectedStack) -> None:
    for sent, status, code in REFUSED:
        with subtests.test(str(sent[:60])):
            assert refused(protected_stack.entry_points["user"].raw((sent + FOLLOW_UP).encode())) == (status, code)


def test_every_service_refuses_in_the_same_way(protected_stack: ProtectedStack) -> None:
    services = {name: entry_point for name, entry_point in protected_stack.entry_points.items() if name != "gateway"}
    found = {name: refused(entry_point.raw(b"nonsense\r\n\r\n")) for name, entry_point in services.items()}
    assert found == dict.fromkeys(services, (400, "GEN_400_HTTP"))


@pytest.fixture(scope="module")
def anybody(protected_stack: ProtectedStack) -> Person:
    return protected_stack.found("unparsed")


@pytest.mark.parametrize("body", ["zz\r\nhello\r\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "-1\r\n\r\n"])
@pytest.mark.parametrize(
    ("name", "line", "kind"),
    [("auth", "POST /auth/login", "application/json"), ("media", "PUT /media/upload?file_name=a.png", "image/png")],
)
def test_a_body_with_broken_chunks_is_400(
    protected_stack: ProtectedStack, anybody: Person, name: str, line: str, kind: str, body: str
) -> None:
    head = (
        f"{line} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAuthorization: Bearer {anybody.access_token}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    answer = protected_stack.entry_points[name].raw((head + body + FOLLOW_UP).encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"GEN_400"' in answer
    assert answer.count(b"HTTP/1.1 ") == 1  # what follows a broken body is never read as a request


@pytest.mark.parametrize("framed", ["Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "Content-Length: 5\r\n\r\nhel"])
@pytest.mark.parametrize(
    ("name", "line", "kind", "code"),
    [
        ("auth", "POST /auth/login", "application/json", "GEN_400"),
        ("media", "PUT /media/upload?file_name=a.txt", "text/plain", "MEDIA_006"),
    ],
)
def test_a_body_that_ends_early_is_400(
    protected_stack: ProtectedStack, anybody: Person, name: str, line: str, kind: str, code: str, framed: str
) -> None:
    head = (
        f"{line} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAuthorization: Bearer {anybody.access_token}\r\n"
        "Connection: close\r\n"
    )
    answer = protected_stack.entry_points[name].raw((head + framed).encode(), ends=True)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert f'"{code}"'.encode() in answer


@pytest.mark.parametrize("entry_point", ["gateway", "user"])
def test_credentials_that_are_not_ascii_are_bad_credentials(protected_stack: ProtectedStack, entry_point: str) -> None:
    head = "GET /users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xe9\xe9\r\nConnection: close\r\n\r\n"
    answer = protected_stack.entry_points[entry_point].raw(head.encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 401 ")
    # The gateway takes no Basic credentials at all.
    assert {"gateway": b'"GW_020"', "user": b'"GEN_401_TOKEN"'}[entry_point] in answer


def test_a_refusal_is_logged_without_what_was_sent(protected_stack: ProtectedStack) -> None:
    entry_point = protected_stack.entry_points["user"]
    refused(entry_point.raw(b"GET /users/me HTTP/1.1\r\nHost: x\r\nSecret Name: hunter2secret\r\n\r\n"))
    assert any(line.get("route") == "unparsed" and line["code"] == "GEN_400_HTTP" for line in entry_point.lines())
    assert "hunter2secret" not in entry_point.log.read_text()


def test_an_absolute_request_target_is_treated_as_its_path_by_services(protected_stack: ProtectedStack) -> None:
    asked = b"GET http://elsewhere/users/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert protected_stack.entry_points["user"].raw(asked).startswith(b"HTTP/1.1 200 ")
