"""What counts against a service and what does not, and how many large documents it gets at once."""

import socket
import threading
from collections.abc import Iterator

import gevent
import pytest

from heartguard_gateway.ports import Outbound
from heartguard_gateway.upstream.limits import UpstreamLimits
from tests.service.gateway.scripted import OK, answering, client, close_all, code, read_head, scripted
from tests.service.gateway.stack import Backend, Handler


@pytest.fixture(autouse=True)
def closed_in_the_end() -> Iterator[None]:
    yield
    close_all()


def test_one_slow_route_opens_no_breaker_while_the_service_answers_health(backend: Backend) -> None:
    """Six time-outs of a verification; before, after the fifth all requests were refused."""
    release = threading.Event()

    def slow(handler: Handler) -> None:
        if handler.path == "/slow":
            release.wait(10)
        handler.reply(200, b"{}")

    verify = Outbound("GET", "/slow", [])
    limits = UpstreamLimits(answer=0.05)
    with backend.behaving(slow):
        upstream = client(backend.url, limits, health="/users/health")
        assert [code(upstream, verify) for _ in range(6)] == ["GW_012"] * 6
        assert code(upstream) == "200"
        blind = client(backend.url, limits)
        assert [code(blind, verify) for _ in range(6)] == ["GW_012"] * 5 + ["GW_011"]
        release.set()


def test_a_service_that_hangs_as_a_whole_opens_the_breaker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        upstream = client(url, UpstreamLimits(answer=0.05, probe=0.05), health="/users/health")
        assert [code(upstream) for _ in range(6)] == ["GW_012"] * 5 + ["GW_011"]


def test_connections_that_ended_while_they_were_kept_open_no_breaker() -> None:
    def once(link: socket.socket) -> None:
        read_head(link)
        link.sendall(OK)
        read_head(link)

    with scripted(*[once] * 3, answering(OK)) as url:
        upstream = client(url, UpstreamLimits(failures=2))
        for _ in range(3):
            assert code(upstream) == "200"
            assert code(upstream, Outbound("POST", "/x", [], b"{}")) == "GW_010"
        assert code(upstream) == "200"


def test_large_documents_wait_for_their_turn_and_no_client_has_all_of_them(backend: Backend) -> None:
    reading, release = threading.Semaphore(0), threading.Event()

    def busy(handler: Handler) -> None:
        handler.read_body()
        if handler.command == "POST":
            reading.release()
            release.wait(10)
        handler.reply(200, b"{}")

    def large(holder: str) -> Outbound:
        return Outbound("POST", "/timeseries/write", [], b"{}", 2, holder, large=True)

    with backend.behaving(busy):
        upstream = client(backend.url, UpstreamLimits(documents=2, documents_share=1, turn=0.1))
        first = gevent.spawn(code, upstream, large("organization 1"))
        gevent.sleep(0)
        assert code(upstream, large("organization 1")) == "GW_016"
        assert code(upstream) == "200"
        second = gevent.spawn(code, upstream, large("organization 2"))
        gevent.sleep(0.05)
        release.set()
        assert [one.get(timeout=60) for one in (first, second)] == ["200", "200"]
        assert code(upstream, large("organization 1")) == "200"
