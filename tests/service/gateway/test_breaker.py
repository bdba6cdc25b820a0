"""The breaker: while it is open requests are refused at once, and a single one tries the service."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.ports import Outbound
from heartguard_gateway.upstream.breaker import Breaker
from heartguard_gateway.upstream.limits import UpstreamLimits
from heartguard_gateway.upstream.service import Upstream
from tests.servers import Valkey
from tests.service.gateway.stack import GunicornProcess, environ
from tests.tokens import bearer, mark_ready

GET = Outbound("GET", "/users/me", [("accept", "*/*")])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Service:
    """Hangs up on its first `resets` connections; keeps the others without a word until `answer` is set."""

    def __init__(self, resets: int) -> None:
        self._resets = resets
        self.accepted = 0
        self.answer = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextmanager
    def running(self) -> Iterator["Service"]:
        accepting = threading.Thread(target=self._accept)
        accepting.start()
        try:
            yield self
        finally:
            self.answer.set()
            self._listener.shutdown(socket.SHUT_RDWR)
            accepting.join(10)
            self._listener.close()

    def _accept(self) -> None:
        threads = []
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                break
            self.accepted += 1
            threads.append(threading.Thread(target=self._treat, args=(link, self.accepted)))
            threads[-1].start()
        for thread in threads:
            thread.join(10)

    def _treat(self, link: socket.socket, place: int) -> None:
        with link:
            link.recv(65536)
            if place > self._resets and self.answer.wait(20):
                link.sendall(OK)


def code(upstream: Upstream) -> str:
    try:
        return str(upstream.send(GET).reply.status)
    except ServiceError as error:
        return error.error_code.code


def test_an_open_breaker_refuses_at_once_without_asking_the_service() -> None:
    with Service(resets=5).running() as service:
        upstream = Upstream("user", service.url, UpstreamLimits(answer=10.0))
        assert [code(upstream) for _ in range(5)] == ["GW_010"] * 5
        for _ in range(20):
            with pytest.raises(ServiceError) as refused:
                upstream.send(GET)
            assert refused.value.error_code.code == "GW_011"
            assert 1 <= int(refused.value.headers["Retry-After"]) <= 5
        assert service.accepted == 5
        upstream.close()


def test_one_request_tries_the_service_and_the_others_do_not_wait() -> None:
    now = [100.0]
    with Service(resets=5).running() as service:
        upstream = Upstream("user", service.url, UpstreamLimits(answer=10.0), monotonic=lambda: now[0])
        assert [code(upstream) for _ in range(5)] == ["GW_010"] * 5
        now[0] += 5.0
        callers = [gevent.spawn(code, upstream) for _ in range(64)]
        gevent.sleep(0.3)
        refused = [caller.value for caller in callers if caller.ready()]
        assert refused == ["GW_011"] * 63
        assert service.accepted == 6
        service.answer.set()
        gevent.joinall(callers)
        assert sorted(caller.value for caller in callers) == ["200", *refused]
        assert code(upstream) == "200"
        upstream.close()


@pytest.mark.parametrize("passed", [0.0, 0.0004, 1.0, 3.9996, 4.9999])
def test_retry_after_of_an_open_breaker_is_long_enough(passed: float) -> None:
    now = [100.0]
    with Service(resets=5).running() as service:
        service.answer.set()
        upstream = Upstream("user", service.url, monotonic=lambda: now[0])
        assert [code(upstream) for _ in range(5)] == ["GW_010"] * 5
        now[0] += passed
        with pytest.raises(ServiceError) as refused:
            upstream.send(GET)
        now[0] += int(refused.value.headers["Retry-After"])
        assert code(upstream) == "200"
        upstream.close()


def test_a_failed_try_keeps_the_breaker_open_for_its_whole_time() -> None:
    now = [100.0]
    with Service(resets=6).running() as service:
        upstream = Upstream("user", service.url, monotonic=lambda: now[0])
        assert [code(upstream) for _ in range(6)] == ["GW_010"] * 5 + ["GW_011"]
        now[0] += 5.0
        assert code(upstream) == "GW_010"
        now[0] += 4.9
        assert code(upstream) == "GW_011"
        service.answer.set()
        now[0] += 0.1
        assert code(upstream) == "200"
        upstream.close()


def test_a_breaker_lets_one_request_through_and_closes_on_success() -> None:
    now = [0.0]
    breaker = Breaker(2, 5.0, lambda: now[0])
    breaker.failed()
    assert breaker.enter() == (0.0, False)
    breaker.failed()
    assert breaker.enter() == (5.0, False)
    now[0] = 5.0
    assert breaker.enter() == (0.0, True)
    assert breaker.enter()[0] > 0.0
    breaker.leave()
    assert breaker.enter() == (0.0, True)
    breaker.succeeded()
    breaker.leave()
    assert breaker.enter() == (0.0, False)


def test_the_gateway_says_503_at_once(valkey: Valkey, tmp_path: Path) -> None:
    mark_ready(valkey.url)
    me = bearer(12, "user", 3)
    with Service(resets=5).running() as service:
        settings = environ(valkey.url, service.url, tmp_path / "spool", RATE_LIMIT="9999/s")
        with GunicornProcess(settings, tmp_path / "log", 1).running() as gateway:
            assert [gateway.ask("GET", "/users/me", me).status for _ in range(5)] == [502] * 5
            for _ in range(5):
                answer = gateway.ask("GET", "/users/me", me)
                assert (answer.status, answer.code) == (503, "GW_011")
            assert service.accepted == 5
            assert 1 <= int(answer.headers["retry-after"]) <= 5
