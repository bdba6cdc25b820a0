"""What never becomes a request is refused in our words, and the connection closes."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from gevent import socket as cooperative
from gunicorn.config import Config

from heartguard_gateway.server.client_connections import Client, ClientConnections
from heartguard_gateway.server.request_loop import RequestLoop
from tests.service.gateway.stack import Backend, GunicornProcess, read_answer
from tests.tokens import bearer

AUTH = f"Authorization: {bearer(12, 'user', 3)['Authorization']}\r\n"
LINE = "GET /gateway/health HTTP/1.1\r\nHost: x\r\n"
# RFC 9112 section 6.1: 501 for a coding that is not known; section 6.3: 400 where chunked is not the last.
UNKNOWN_CODINGS = (
    "deflate, chunked",
    "gzip, chunked",
    "identity, chunked",
    "GZIP,chunked",
    "gzip\r\nTransfer-Encoding: chunked",
)
BAD_CODINGS = ("gzip", "identity", "chunked, gzip", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked")


REFUSED = [
    ("nonsense\r\n\r\n", 400, "GW_003"),
    ("GET /gateway/health HTTP/9.9\r\nHost: x\r\n\r\n", 400, "GW_003"),
    (f"GET /{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "GW_006"),
    (LINE + f"X-Long: {'a' * 9000}\r\n\r\n", 431, "GW_008"),
    (LINE + "".join(f"X-{n}: 1\r\n" for n in range(200)) + "\r\n", 431, "GW_008"),
    (LINE + "Transfer-Encoding: nonsense\r\n\r\n", 501, "GW_009"),
    *((f"{LINE}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n", 501, "GW_009") for coding in UNKNOWN_CODINGS),
    *((f"{LINE}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n", 400, "GW_003") for coding in BAD_CODINGS),
    (LINE.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "GW_003"),
    (LINE + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, "GW_003"),
    (LINE + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, "GW_003"),
    (LINE + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400, "GW_003"),
    (LINE + "Content-Length: 5, 5\r\n\r\n", 400, "GW_003"),
    (LINE + "Content-Length: -5\r\n\r\n", 400, "GW_003"),
    (LINE + "Content-Length: +5\r\n\r\n", 400, "GW_003"),
    (LINE + "Content-Length: 0x5\r\n\r\n", 400, "GW_003"),
    (LINE + "Transfer-Encoding : chunked\r\n\r\n", 400, "GW_003"),
    (LINE + "X-A: 1\r\n X-User-ID: root\r\n\r\n", 400, "GW_003"),
    (LINE + "Bad Name: 1\r\n\r\n", 400, "GW_003"),
    (LINE + "Host: y\r\n\r\n", 400, "GW_003"),
    (LINE + "Expect: the-unexpected\r\n\r\n", 417, "GW_007"),
    ("GET /gateway/health HTTP/1.1\r\n\r\n", 400, "GW_002"),
    ("GET /gateway/health HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "GW_002"),
    ("GET http://user@elsewhere/gateway/health HTTP/1.1\r\nHost: x\r\n\r\n", 400, "GW_001"),
    ("GET http:///gateway/health HTTP/1.1\r\nHost: x\r\n\r\n", 400, "GW_001"),
    ("GET ftp://elsewhere/gateway/health HTTP/1.1\r\nHost: x\r\n\r\n", 400, "GW_001"),
    ("GET http://elsewhere/gateway/health#part HTTP/1.1\r\nHost: x\r\n\r\n", 400, "GW_001"),
    ("GET http://elsewhere/gateway/health HTTP/1.1\r\n\r\n", 400, "GW_002"),
    ("GET http://elsewhere/gateway/health HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "GW_002"),
    ("CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "GW_001"),
    ("GET /gateway/health#part HTTP/1.1\r\nHost: x\r\n\r\n", 400, "GW_001"),
]


def test_the_parsers_refusals_are_ours(subtests: pytest.Subtests, gateway: GunicornProcess) -> None:
    for request_text, status, code in REFUSED:
        with subtests.test(str(request_text[:60])):
            with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link:
                link.sendall(request_text.encode())
                head, body = read_answer(link)
            assert head.startswith(f"http/1.1 {status} ")
            assert "content-type: application/json" in head
            assert "x-gateway-request-id: " in head
            document = json.loads(body)["error"]
            assert document["code"] == code
            assert "gunicorn" not in body.decode()


@pytest.mark.parametrize(
    "body",
    ["zz\r\nhello\r\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "-1\r\n\r\n", "5;\rx\r\nhello\r\n0\r\n\r\n"],
)
def test_a_broken_body_closes_the_connection(gateway: GunicornProcess, body: str) -> None:
    head = f"POST /timeseries/query HTTP/1.1\r\nHost: x\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n"
    follow_up = "GET /audit/events HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = gateway.raw((head + body + follow_up).encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"GW_004" in answer
    assert answer.count(b"HTTP/1.1 ") == 1  # what follows a broken body is never read as a request


SMUGGLED = "GET /users/me HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (f"Content-Length: {len(SMUGGLED) + 5}\r\nTransfer-Encoding: chunked\r\n", f"0\r\n\r\n{SMUGGLED}"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", f"0\r\n\r\n{SMUGGLED}"),
        (f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n", SMUGGLED),
        (f"Content-Length: 0, {len(SMUGGLED)}\r\n", SMUGGLED),
        ("Transfer-Encoding: chunked, identity\r\n", f"0\r\n\r\n{SMUGGLED}"),
        ("Transfer-Encoding: xchunked\r\n", f"0\r\n\r\n{SMUGGLED}"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", f"0\r\n\r\n{SMUGGLED}"),
        ("Transfer-Encoding: chunked\r\n", f"0x0\r\n\r\n{SMUGGLED}"),
        ("Transfer-Encoding: chunked\r\n", f" 0\r\n\r\n{SMUGGLED}"),
        ("Transfer-Encoding: chunked\r\n", f"1_0\r\n{'x' * 16}\r\n0\r\n\r\n{SMUGGLED}"),
        ("Content-Length: \x0b0\r\n", SMUGGLED),
    ],
)
def test_nothing_is_smuggled_past_a_length_that_two_readers_read_differently(
    gateway: GunicornProcess, backend: Backend, framing: str, body: str
) -> None:
    before = len(backend.seen)
    head = f"POST /timeseries/query HTTP/1.1\r\nHost: x\r\n{AUTH}{framing}\r\n"
    answer = gateway.raw((head + body).encode())  # returns when the gateway has closed
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert len(backend.seen) == before


def test_a_body_that_ends_early_is_400(gateway: GunicornProcess) -> None:
    head = f"POST /timeseries/query HTTP/1.1\r\nHost: x\r\n{AUTH}Content-Length: 100\r\n\r\nonly this"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link:
        link.sendall(head.encode())
        link.shutdown(socket.SHUT_WR)
        head, body = read_answer(link)
    assert head.startswith("http/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "GW_004"


def not_found(_: object, start_response: Callable[..., object]) -> list[bytes]:
    """An application that reads no body."""
    start_response("404 Not Found", [("Content-Length", "0")])
    return [b""]


@contextmanager
def resting() -> Iterator[tuple[ClientConnections, Any]]:
    """The connections of a worker in this process, and the other end of one that rests."""
    connections = ClientConnections(RequestLoop(Config(), not_found, lambda: False).serve)
    with cooperative.socket() as entry_point:
        entry_point.bind(("127.0.0.1", 0))
        entry_point.listen()
        link = cooperative.create_connection(entry_point.getsockname(), timeout=60)
        connections.take(Client(*entry_point.accept(), entry_point.getsockname()))
    with link:
        yield connections, link


@pytest.mark.parametrize("sent", [b"G", b"GET /gateway/health HTTP/1.1\r\nHo"])
def test_a_head_that_trickles_is_408_when_its_time_is_over(sent: bytes) -> None:
    with resting() as (connections, link):
        link.sendall(sent)
        gevent.sleep(0.05)
        connections.sweep(rest_seconds=75, head_seconds=60)
        assert len(connections) == 1
        connections.sweep(rest_seconds=75, head_seconds=0.01)
        head, body = read_answer(link)
        assert link.recv(1) == b""
    assert head.startswith("http/1.1 408 ")
    assert "connection: close" in head
    assert json.loads(body)["error"]["code"] == "GW_005"


def test_a_client_that_trickles_an_unread_body_is_cut_off() -> None:
    with resting() as (connections, link):
        link.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nx")
        assert read_answer(link)[0].startswith("http/1.1 404 ")
        link.sendall(b"x")
        gevent.sleep(0.05)
        connections.sweep(rest_seconds=75, head_seconds=60)
        assert len(connections) == 1
        connections.sweep(rest_seconds=75, head_seconds=0.01)
        assert link.recv(1000) == b""
        gevent.sleep(0.05)
        assert len(connections) == 0


def test_chunked_is_known_in_any_case_of_letters(gateway: GunicornProcess) -> None:
    body = "Transfer-Encoding: Chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    answer = gateway.raw(f"POST /timeseries/query HTTP/1.1\r\nHost: x\r\n{AUTH}{body}".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("line", "status"),
    [("PUT /nowhere", b"404"), ("POST /auth/login", b"413"), ("PUT /media/upload?file_name=a", b"401")],
)
def test_a_client_that_sends_a_large_body_first_can_read_the_answer(
    gateway: GunicornProcess, line: str, status: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link:
        link.sendall(f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n".encode())
        link.sendall(b"x" * 4_000_000)
        assert link.recv(12) == b"HTTP/1.1 " + status


UPGRADES = {
    "websocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "h2c": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
}


@pytest.mark.parametrize("lines", UPGRADES.values(), ids=UPGRADES)
def test_an_upgrade_is_answered_as_if_it_had_not_been_asked_for(
    gateway: GunicornProcess, backend: Backend, lines: str
) -> None:
    # RFC 9110 section 7.8 lets a server ignore Upgrade; what follows is HTTP/1.1 still, and frames are none.
    asked = f"GET /users/me HTTP/1.1\r\nHost: x\r\n{AUTH}{lines}\r\n"
    answer = gateway.raw(asked.encode() + b"\x81\x05hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 400 " in answer
    assert not {"upgrade", "http2-settings"} & set(backend.last.headers)


def test_an_absolute_target_is_treated_as_its_path(gateway: GunicornProcess, backend: Backend) -> None:
    def ask(target: str) -> bytes:
        lines = f"{AUTH}X-Request-ID: absolute\r\nConnection: close\r\n"
        return gateway.raw(f"GET {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())

    for target in ("http://elsewhere:80/users/12?a=http://b", "HTTPS://[::1]/users/12?a=http://b"):
        assert ask(target).startswith(b"HTTP/1.1 200 ")
        assert backend.last.path == "/users/12?a=http://b"
    assert ask("http://elsewhere/nothing").startswith(b"HTTP/1.1 404 ")
    assert ask("http://elsewhere").startswith(b"HTTP/1.1 200 ")  # of an empty path it is "/" (RFC 9112 section 3.2.2)
    assert ask("http://elsewhere/../users/12").startswith(b"HTTP/1.1 400 ")
    options = gateway.raw(b"OPTIONS http://elsewhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert options.startswith(b"HTTP/1.1 204 ")
    paths = {line["path"] for line in gateway.lines() if line.get("request_id") == "absolute" and line["status"] == 200}
    assert paths == {"/users/12", "/"}


def test_requests_follow_one_another_on_one_connection(gateway: GunicornProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link:
        link.sendall((LINE + "\r\n").encode() * 3)
        statuses = []
        data = b""
        while data.count(b'"gateway"}') < 3:
            data += link.recv(65536)
        statuses = data.count(b"HTTP/1.1 200 ")
    assert statuses == 3


def test_a_client_that_waits_for_continue_gets_it(gateway: GunicornProcess, backend: Backend) -> None:
    head = f"POST /timeseries/query HTTP/1.1\r\nHost: x\r\n{AUTH}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link:
        link.sendall(head.encode())
        assert link.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(b"{}")
        answer, _ = read_answer(link)
    assert answer.startswith("http/1.1 200 ")
    assert (backend.last.size, "expect" in backend.last.headers) == (2, False)


def test_a_field_that_is_repeated_is_one_list(gateway: GunicornProcess, backend: Backend) -> None:
    lines = "Accept-Language: es\r\nX-Other: 1\r\nAccept-Language: en;q=0.5\r\n"
    gateway.raw(f"GET /users/me HTTP/1.1\r\nHost: x\r\n{AUTH}{lines}Connection: close\r\n\r\n".encode())
    assert backend.last.headers["accept-language"] == "es,en;q=0.5"  # RFC 9110 section 5.3


def test_a_refused_small_body_does_not_become_the_next_request(gateway: GunicornProcess) -> None:
    smuggled = "GET /gateway/health HTTP/1.1\r\nHost: x\r\n\r\n"
    first = f"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: {len(smuggled)}\r\n\r\n{smuggled}"
    answer = gateway.raw((first + "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").encode())
    assert answer.count(b"HTTP/1.1 404 ") == 2
    assert b"200 OK" not in answer
