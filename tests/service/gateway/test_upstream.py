"""The client that speaks to the services, against a service that misbehaves."""

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.connection import BadAnswer
from heartguard_gateway.pool import RetryBudget
from heartguard_gateway.ports import Outbound
from heartguard_gateway.upstream import Upstream, UpstreamLimits
from tests.service.gateway.scripted import GET, OK, answering, client, close_all, code, read_head, scripted
from tests.service.gateway.stack import Backend


@pytest.fixture(autouse=True)
def closed_in_the_end() -> Iterator[None]:
    yield
    close_all()


def test_repeated_headers_and_odd_values_arrive_as_sent() -> None:
    fields = b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty:\r\nX-Latin: \xe9\r\nContent-Length: 2"
    answer = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\nok"
    with scripted(answering(answer)) as url:
        reply = client(url).send(GET).reply
    assert reply.headers == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("X-Empty", ""),
        ("X-Latin", "é"),
        ("Content-Length", "2"),
    ]
    assert reply.body == b"ok"


def test_an_interim_answer_is_not_the_answer() -> None:
    with scripted(answering(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + OK)) as url:
        reply = client(url).send(GET).reply
    assert (reply.status, reply.body) == (200, b"ok")
    assert ("Link", "<a>") not in reply.headers


def test_an_answer_may_end_with_the_connection() -> None:
    with scripted(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as url:
        stream = client(url).send(GET).reply.stream
        assert stream is not None
        assert b"".join(stream) == b"all of it"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
def test_an_invalid_answer_is_502(answer: bytes) -> None:
    with scripted(answering(answer)) as url:
        assert code(client(url)) == "GW_010"


def test_an_answer_cut_in_its_stream_raises_and_does_not_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000
    with scripted(answering(head)) as url:
        stream = client(url).send(GET).reply.stream
        assert stream is not None
        with pytest.raises(BadAnswer):
            list(stream)


def test_a_service_that_falls_silent_or_resets_in_a_stream_is_not_taken_for_a_client_that_is_gone() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000
    done = threading.Event()

    def silent(link: socket.socket) -> None:
        read_head(link)
        link.sendall(head)
        done.wait(10)

    def reset(link: socket.socket) -> None:
        read_head(link)
        link.sendall(head)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    for way in (silent, reset):
        with scripted(way) as url:
            stream = client(url, UpstreamLimits(block=0.2)).send(GET).reply.stream
            assert stream is not None
            with pytest.raises(BadAnswer):
                list(stream)
            done.set()


def test_nobody_there_is_502_and_a_late_answer_504() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        assert code(client(url, UpstreamLimits(answer=0.2))) == "GW_012"
        assert 0.15 < time.monotonic() - started < UpstreamLimits().answer  # its own limit, and not the usual one
    assert code(client(url)) == "GW_010"


def test_five_failures_open_the_breaker_and_one_request_tries_later() -> None:
    now = [100.0]
    tries = []

    class Counted(Upstream):
        def _take(self, *, fresh: bool) -> object:  # type: ignore[override]
            tries.append(fresh)
            return super()._take(fresh=fresh)

    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    upstream = client(url, kind=Counted, monotonic=lambda: now[0])
    assert [code(upstream) for _ in range(6)] == ["GW_010"] * 5 + ["GW_011"]
    assert len(tries) == 5
    with pytest.raises(ServiceError) as caught:
        upstream.send(GET)
    assert caught.value.headers["Retry-After"] == "5"
    now[0] += 5.0
    assert code(upstream) == "GW_010"
    assert code(upstream) == "GW_011"
    assert len(tries) == 6


def test_a_kept_connection_that_died_is_replaced_once_for_requests_that_may_be_repeated_only() -> None:
    def once(link: socket.socket) -> None:
        read_head(link)
        link.sendall(OK)
        read_head(link)  # the second request is read, and then the connection breaks

    with scripted(once, answering(OK)) as url:
        upstream = client(url)
        assert code(upstream) == "200"
        assert code(upstream) == "200"
    for method in ("POST", "PATCH", "PUT"):  # a PUT to /media/upload makes an item each time
        with scripted(once) as url:
            upstream = client(url)
            assert code(upstream) == "200"
            assert code(upstream, Outbound(method, "/x", [], b"{}")) == "GW_010"


def test_a_connection_the_service_has_closed_is_not_used_again() -> None:
    with scripted(answering(OK), answering(OK)) as url:
        upstream = client(url)
        assert code(upstream) == "200"
        time.sleep(0.05)  # the close of the other side has to arrive
        assert code(upstream, Outbound("POST", "/x", [], b"{}")) == "200"


def test_a_streamed_body_is_never_sent_twice() -> None:
    def once(link: socket.socket) -> None:
        read_head(link)
        link.sendall(OK)
        link.recv(65536)

    with scripted(once) as url:
        upstream = client(url)
        assert code(upstream) == "200"
        blocks = iter([b"x" * 70_000, b"y" * 70_000])
        assert code(upstream, Outbound("PUT", "/x", [], blocks, 140_000)) == "GW_010"


def test_retries_have_a_budget() -> None:
    budget = RetryBudget(0.2)
    assert [budget.withdraw() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(5):
        budget.deposit()
    assert [budget.withdraw(), budget.withdraw()] == [True, False]


def test_an_early_answer_ends_the_upload() -> None:
    taken = []

    def blocks() -> Iterator[bytes]:
        for _ in range(1000):
            taken.append(1)
            time.sleep(0.001)  # the service's answer travels meanwhile
            yield b"x" * 32_768

    def refuse(link: socket.socket) -> None:
        read_head(link)
        link.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        link.shutdown(socket.SHUT_WR)
        while link.recv(65536):
            pass

    with scripted(refuse) as url:
        inbound = client(url).send(Outbound("PUT", "/x", [], blocks(), 32_768_000))
    assert (inbound.reply.status, inbound.reply.body, inbound.early) == (413, b"big", True)
    assert len(taken) < 1000


def test_an_error_of_the_client_does_not_count_against_the_service(backend: Backend) -> None:
    class GoneError(Exception):
        pass

    def blocks() -> Iterator[bytes]:
        yield b"x" * 1000
        raise GoneError

    upstream = client(backend.url, UpstreamLimits(connections=2, streams=1, failures=1))
    for _ in range(5):  # more often than there are connections: no slot leaks
        with pytest.raises(GoneError):
            upstream.send(Outbound("PUT", "/media/upload", [], blocks(), 1_000_000))
    assert code(upstream) == "200"
