"""The short form of bench/soak.py: many idle connections and slow uploads, and others who ask meanwhile."""

import socket

import pytest

from bench import soak
from tests.service.gateway.house import Gateway

pytestmark = pytest.mark.alone


def test_idle_connections_and_slow_uploads_are_noticed_by_nobody(gateway: Gateway) -> None:
    report = soak.soak(gateway, idle=300, slow=80, seconds=2)
    assert report.faults == []
    assert (report.uploaded, report.idle_alive) == (80, 300)
    assert sorted(report.health)[len(report.health) // 2] < soak.HEALTH_SECONDS
    assert sorted(report.others)[len(report.others) // 2] < soak.OTHERS_SECONDS
    assert max(report.others) < 5  # the time after which a request without a connection to its service is refused
    assert report.megabytes < soak.MEGABYTES


@pytest.mark.parametrize("asked", [False, True])
def test_a_resting_connection_costs_little_more_than_its_socket(gateway: Gateway, asked: bool) -> None:
    assert gateway.process is not None
    for _ in range(20):
        assert gateway.ask("GET", "/gateway/health").status == 200
    before = soak.megabytes(gateway.process.pid)
    links = [socket.create_connection(("127.0.0.1", gateway.port), timeout=20) for _ in range(500)]
    try:
        for link in links if asked else ():
            link.sendall(b"GET /gateway/health HTTP/1.1\r\nHost: x\r\n\r\n")
        for link in links if asked else ():
            assert link.recv(65536).startswith(b"HTTP/1.1 200 ")
        # A greenlet for each, which is what gevent's servers do, takes 14 MB.
        assert soak.megabytes(gateway.process.pid) - before < 5
    finally:
        for link in links:
            link.close()
