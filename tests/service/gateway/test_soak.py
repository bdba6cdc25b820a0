"""The short form of bench/soak.py: many idle connections and slow uploads, and others who ask meanwhile."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import soak
from tests.memory import Held
from tests.service.gateway.stack import GunicornProcess


def test_idle_connections_and_slow_uploads_do_not_delay_others(gateway: GunicornProcess) -> None:
    report = soak.soak(gateway, idle=300, slow=80, seconds=2)
    assert report.faults == []
    assert (report.uploaded, report.idle_alive) == (80, 300)
    assert report.health
    assert report.others  # each was answered with 200; how long that takes is what bench.soak says
    assert report.megabytes < soak.MEGABYTES


@pytest.mark.parametrize("asked", [False, True])
def test_a_resting_connection_costs_little_more_than_its_socket(gateway: GunicornProcess, asked: bool) -> None:
    assert gateway.process is not None
    for _ in range(20):
        assert gateway.ask("GET", "/gateway/health").status == 200
    before = Held.by_family(gateway.process.pid).own
    links = [socket.create_connection(("127.0.0.1", gateway.port), timeout=120) for _ in range(500)]
    try:
        for link in links if asked else ():
            link.sendall(b"GET /gateway/health HTTP/1.1\r\nHost: x\r\n\r\n")
        for link in links if asked else ():
            assert link.recv(65536).startswith(b"HTTP/1.1 200 ")
        # A greenlet for each, which is what gevent's servers do, takes 14 MB.
        assert Held.by_family(gateway.process.pid).own - before < 5 * 10**6
    finally:
        for link in links:
            link.close()


def unsent(port: int) -> int:
    """Bytes that the kernel keeps for clients of a port (proc(5): tx_queue of /proc/net/tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].partition(":")[0], 16) for row in rows if int(row[1].partition(":")[2], 16) == port)


def test_slow_readers_of_the_contract_share_it(gateway: GunicornProcess) -> None:
    assert gateway.process is not None
    length = len(gateway.ask("GET", "/openapi.json").body)
    before = Held.by_family(gateway.process.pid).own
    with ExitStack() as stack:
        for _ in range(100):
            link = stack.enter_context(socket.socket())
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.connect(("127.0.0.1", gateway.port))
            link.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            assert link.recv(12) == b"HTTP/1.1 200"
        # Neither the kernel nor the gateway has a copy for each of them.
        assert unsent(gateway.port) < 100 * length / 2
        assert Held.by_family(gateway.process.pid).own - before < 20 * 10**6
