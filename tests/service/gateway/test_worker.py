"""The worker under many connections, and how it stops; its log and its metrics."""

import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path

from heartguard_gateway.pipeline.stages.shed_load import LONGEST_WAIT_SECONDS
from tests.servers import Valkey, children, until
from tests.service.gateway.stack import Answer, Backend, GunicornProcess, Handler, environ, read_answer
from tests.tokens import bearer, mark_ready

ME = bearer(12, "user", 3)


def test_idle_and_slow_connections_do_not_delay_others(gateway: GunicornProcess) -> None:
    links = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(200)]
    try:
        for link in links[:100]:
            link.sendall(b"GET /gateway/health HTTP/1.1\r\nHo")
        for _ in range(20):
            assert gateway.ask("GET", "/gateway/health").status == 200
    finally:
        for link in links:
            link.close()


def test_a_client_that_opens_all_connections_shuts_no_other_out(
    backend: Backend, valkey: Valkey, tmp_path: Path
) -> None:
    mark_ready(valkey.url)
    few = {"GUNICORN_CMD_ARGS": "--worker-connections 40"}
    gateway = GunicornProcess(environ(valkey.url, backend.url, tmp_path / "spool", **few), tmp_path / "log", workers=1)
    with gateway.running(), ExitStack() as stack:
        kept = HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        stack.callback(kept.close)
        for round_ in range(3):
            for place in range(100):
                link = socket.create_connection(("127.0.0.1", gateway.port), 20, source_address=("127.0.0.2", 0))
                stack.enter_context(link)
                if place % 2:
                    with suppress(OSError):  # ended already
                        link.sendall(b"GET /gateway/health HTTP/1.1\r\nHo")
            assert gateway.ask("GET", "/users/me", ME).status == 200, round_
            kept.request("GET", "/gateway/health")
            answer = kept.getresponse()
            assert (answer.status, answer.read()[:1]) == (200, b"{")


def test_a_slow_body_does_not_hold_a_connection_to_the_service(gateway: GunicornProcess, backend: Backend) -> None:
    before = len(backend.seen)
    head = f"POST /timeseries/write HTTP/1.1\r\nHost: x\r\nAuthorization: {ME['Authorization']}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link:
        link.sendall(head.encode() + b"Content-Length: 2000\r\n\r\n" + b"x" * 1999)
        assert gateway.ask("GET", "/users/me", ME).status == 200
        assert len(backend.seen) == before + 1  # the slow one is not among them
        link.sendall(b"x")
        assert link.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_one_busy_connection_does_not_block_others(gateway: GunicornProcess) -> None:
    """It asks on without a pause until the others have been answered."""
    enough = threading.Event()

    def drain(link: socket.socket) -> None:
        while link.recv(1 << 20):
            pass

    def flood(link: socket.socket) -> None:
        while not enough.is_set():
            link.sendall(b"GET /gateway/health HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        link.shutdown(socket.SHUT_WR)

    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link, ExitStack() as stack:
        for work in (drain, flood):
            thread = threading.Thread(target=work, args=(link,))
            thread.start()
            stack.callback(thread.join)
        stack.callback(enough.set)
        for _ in range(4):
            assert gateway.ask("GET", "/gateway/health").status == 200


def test_a_stop_finishes_begun_requests_and_closes_idle_connections(
    backend: Backend, valkey: Valkey, tmp_path: Path
) -> None:
    """The idle connection ends first, and only then the service answers what was begun."""
    mark_ready(valkey.url)
    begun, idler_gone = threading.Event(), threading.Event()

    def slow(handler: Handler) -> None:
        begun.set()
        idler_gone.wait(60)
        handler.reply(200, b"{}")

    gateway = GunicornProcess(environ(valkey.url, backend.url, tmp_path / "spool"), tmp_path / "log")
    answers: list[Answer] = []
    with gateway.running(), socket.create_connection(("127.0.0.1", gateway.port)) as idler, backend.behaving(slow):
        idler.sendall(b"GET /gateway/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idler.recv(65536).startswith(b"HTTP/1.1 200")
        caller = threading.Thread(target=lambda: answers.append(gateway.ask("GET", "/users/me", ME)))
        caller.start()
        assert begun.wait(20)
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGTERM)
        assert idler.recv(1) == b""
        idler_gone.set()
        assert gateway.process.wait(60) == 0
        caller.join()
    assert answers[0].status == 200


def test_a_stop_under_load_resets_no_accepted_connection(backend: Backend, valkey: Valkey, tmp_path: Path) -> None:
    mark_ready(valkey.url)
    settings = environ(valkey.url, backend.url, tmp_path / "spool", RATE_LIMIT="99999/s")
    gateway = GunicornProcess(settings, tmp_path / "log")
    ends: list[type[Exception]] = []
    statuses: set[int] = set()
    answered = threading.Semaphore(0)

    def keep_asking() -> None:
        try:
            while True:
                statuses.add(gateway.ask("GET", "/users/me", ME).status)
                answered.release()
        except OSError as error:
            ends.append(type(error))

    with gateway.running():
        callers = [threading.Thread(target=keep_asking) for _ in range(16)]
        for caller in callers:
            caller.start()
        for _ in range(200):
            assert answered.acquire(timeout=20)
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGTERM)
        for caller in callers:
            caller.join(20)
    assert 200 in statuses
    assert statuses <= {200, 503}  # a machine that stands still for seconds has them refused, which is an answer too
    assert len(ends) == 16
    # Between the last accept and the close of the listening socket the kernel may still accept one for each worker.
    assert ends.count(ConnectionRefusedError) >= 14


def test_a_killed_worker_is_replaced(gateway: GunicornProcess) -> None:
    import psutil

    assert gateway.process is not None
    master = psutil.Process(gateway.process.pid)
    victim = master.children()[0]
    victim.kill()
    until(lambda: victim.pid not in [child.pid for child in master.children()], "end of the worker")
    until(lambda: len(master.children()) == 2, "a new worker")
    for _ in range(10):
        assert gateway.ask("GET", "/gateway/health").status == 200


def test_a_service_that_is_gone_is_502_then_503_and_comes_back(valkey: Valkey, tmp_path: Path) -> None:
    mark_ready(valkey.url)
    service = Backend()
    with service.running():
        pass  # its port stays known, and free
    gateway = GunicornProcess(
        environ(valkey.url, service.url, tmp_path / "spool", RATE_LIMIT="9999/s"), tmp_path / "log", 1
    )
    with gateway.running():
        statuses = [gateway.ask("GET", "/users/me", ME).status for _ in range(6)]
        assert statuses == [502] * 5 + [503]
        refused = gateway.ask("GET", "/users/me", {**ME, "Accept": "text/xml"})
        assert refused.headers["content-type"] == "text/xml; charset=utf-8"
        assert b"<code>GW_011</code>" in refused.body
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        with service.running():
            until(lambda: gateway.ask("GET", "/users/me", ME).status == 200, "the service back in use")


def test_the_log_has_a_line_for_each_request_and_no_secret(gateway: GunicornProcess) -> None:
    token = ME["Authorization"].split()[1]
    sent = {**ME, "X-Request-ID": "log-me", "User-Agent": "Jane"}
    gateway.ask("GET", "/users/12?q=jane@example.com", sent)
    gateway.ask("GET", "/reset/jane@example.com", {"X-Request-ID": "log-me-too"})
    until(lambda: len([line for line in gateway.lines() if "log-me" in str(line)]) == 2, "the log lines")
    first, second = (line for line in gateway.lines() if "log-me" in str(line))
    expected = {
        "level": "info",
        "service": "gateway",
        "request_id": "log-me",
        "method": "GET",
        "path": "/users/12",
        "route": "user.read",
        "status": 200,
        "user_id": 12,
        "org_id": 3,
    }
    assert {name: first[name] for name in expected} == expected
    assert first["timestamp"].endswith("Z")
    assert first["latency_ms"] > 0
    assert (second["route"], second["refused_by"], second["code"]) == ("unmatched", "admit", "GEN_404")
    text = gateway.log.read_text()
    assert token not in text
    assert "jane" not in text.lower()


def test_metrics_count_over_all_workers_without_naming_persons(gateway: GunicornProcess) -> None:
    def counted() -> float:
        text = gateway.ask("GET", "/gateway/metrics").body.decode()
        wanted = 'heartguard_requests_total{method="GET",route="user.read",service="gateway",status="200"} '
        return sum(float(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))

    before = counted()
    for _ in range(20):
        gateway.ask("GET", "/users/12", ME)
    assert counted() - before == 20
    gateway.ask("BREW", "/users/987654", ME)
    text = gateway.ask("GET", "/gateway/metrics").body.decode()
    assert "987654" not in text
    assert "BREW" not in text
    assert 'method="other",route="unmatched"' in text
    assert "heartguard_request_seconds_bucket" in text


def test_pools_and_breakers_are_shown_by_metrics(gateway: GunicornProcess) -> None:
    assert gateway.ask("GET", "/users/me", ME).status == 200

    def kept() -> float:
        text = gateway.ask("GET", "/gateway/metrics").body.decode()
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert float(lines['heartguard_gateway_breaker_open{upstream="user"}']) == 0
        return float(lines['heartguard_gateway_upstream_connections{state="idle",upstream="user"}'])

    until(lambda: kept() >= 1, "a kept connection in the gauge")


def test_parser_errors_are_logged_without_the_bytes_that_were_sent(gateway: GunicornProcess) -> None:
    gateway.raw(b"GET /secret-path HTTP/9.9\r\nHost: x\r\n\r\n")
    until(lambda: '"unparsed"' in gateway.log.read_text(), "the log line")
    assert "secret-path" not in gateway.log.read_text()


def test_a_request_that_waited_too_long_is_refused_in_its_format_and_health_is_not(gateway: GunicornProcess) -> None:
    """Under overload, work for clients that have given up would leave no time for the others."""
    assert gateway.process is not None
    family = [gateway.process.pid, *children(gateway.process.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        with ExitStack() as stack:
            answers = []
            for path in ("/users/12", "/gateway/health"):
                link = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=60))
                link.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/xml\r\n\r\n".encode())
                answers.append(link)
            time.sleep(LONGEST_WAIT_SECONDS + 0.3)
            for pid in family:
                os.kill(pid, signal.SIGCONT)
            late, health = [read_answer(link) for link in answers]
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)
    assert health[0].startswith("http/1.1 200 ")
    if not hasattr(socket, "TCP_INFO"):  # a system that does not say how long
        assert late[0].startswith("http/1.1 401 ")
        return
    assert late[0].startswith("http/1.1 503 ")
    assert "retry-after: 2" in late[0]
    assert b"<code>GW_014</code>" in late[1]
    assert gateway.ask("GET", "/gateway/health").status == 200
