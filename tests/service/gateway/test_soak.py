"""The short form of bench/soak.py: many idle connections and slow uploads, and others who ask meanwhile."""

from bench import soak
from tests.service.gateway.house import Gateway


def test_idle_connections_and_slow_uploads_are_noticed_by_nobody(gateway: Gateway) -> None:
    report = soak.soak(gateway, idle=300, slow=80, seconds=2)
    assert report.faults == []
    assert (report.uploaded, report.idle_alive) == (80, 300)
    assert sorted(report.health)[len(report.health) // 2] < soak.HEALTH_SECONDS
    assert sorted(report.others)[len(report.others) // 2] < soak.OTHERS_SECONDS
    assert max(report.others) < 5  # the time after which a request without a connection to its service is refused
    assert report.megabytes < soak.MEGABYTES
