"""The connections to PostgreSQL that all programs may open, against what the server accepts."""

import requests
from prometheus_client.parser import text_string_to_metric_families

from heartguard_common.core.registry import SERVICES
from tests.running import RunningSystem

BESIDE = 2 + 1 + 2
"""Connections of programs that have no metric of their own: audit's consumer, pg_dump, and an operator's commands."""
RESERVED = 3
"""`superuser_reserved_connections`, whose default is 3."""


def _metrics(system: RunningSystem, prefix: str) -> dict[str, float]:
    """What the metrics of a service say, summed over their labels."""
    answer = requests.get(f"{system.gateway_url}{prefix}/metrics", headers=system.operator, timeout=60)
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def test_a_rolling_restart_needs_fewer_connections_than_the_server_accepts(running_system: RunningSystem) -> None:
    found = {name: _metrics(running_system, it.prefix) for name, it in SERVICES.items() if it.database}
    pools = {name: values["heartguard_database_pool_size"] for name, values in found.items()}
    accepted = found["audit"]["heartguard_postgres_connections_limit"] - RESERVED
    assert all(pools.values()), pools
    assert 2 * (sum(pools.values()) + BESIDE) <= accepted, pools
