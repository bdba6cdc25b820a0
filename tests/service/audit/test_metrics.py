"""GET /audit/metrics: what each service tells of itself, and what audit tells of the whole system."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from heartguard_audit.settings import Settings
from heartguard_audit.store.system_metrics import show_system
from heartguard_audit.wiring import create_app
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.core.metrics import Metrics
from heartguard_common.stores.database import Database as Pool
from heartguard_common.stores.database import text
from heartguard_common.stores.database_metrics import StatementMetrics, show_database
from heartguard_common.stores.redis_client import make_redis
from tests.servers import Database, Postgres, Valkey, until
from tests.tokens import settings_environ

Samples = dict[tuple[str, ...], float]


def samples(exposition: str) -> Samples:
    """Each value by the name of its metric and its labels other than the service."""
    return {
        (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "service")): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def asked(client: FlaskClient) -> Samples:
    return samples(client.get("/audit/metrics").get_data(as_text=True))


@pytest.fixture
def counted(database: Database) -> Iterator[tuple[Metrics, Pool]]:
    """The metrics of a process, and its pool of one connection."""
    metrics = Metrics("audit")
    pool = Pool(database.url_for("audit"), pool_size=1, observer=StatementMetrics(metrics))
    show_database(metrics, pool)
    yield metrics, pool
    pool.close()


def test_it_tells_what_the_process_the_stores_and_the_disk_are_like(client: FlaskClient) -> None:
    found = asked(client)
    assert found["heartguard_dependency_ready", "postgresql"] == 1
    assert found["heartguard_dependency_ready", "consumer"] == 0  # which this test does not run
    assert 0 < found["heartguard_disk_free_bytes", "spool"] < found["heartguard_disk_size_bytes", "spool"]
    assert 0 < found["heartguard_open_files",] < found["heartguard_open_files_limit",]
    assert found["heartguard_memory_bytes",] > 1_000_000
    assert found["heartguard_postgres_connections",] < found["heartguard_postgres_connections_limit",]
    assert found["heartguard_postgres_size_bytes",] > 1_000_000
    assert found["heartguard_redis_durable",] == 1


def test_a_refused_request_is_counted_by_its_code(client: FlaskClient) -> None:
    client.get("/audit/events")
    assert asked(client)["heartguard_refusals_total", "GEN_401"] == 1


def test_a_slow_statement_is_counted_and_logged_without_its_values(
    counted: tuple[Metrics, Pool], caplog: pytest.LogCaptureFixture
) -> None:
    metrics, pool = counted
    with caplog.at_level(logging.WARNING, "heartguard"):
        with pool.transaction() as connection:
            connection.execute(text("SELECT pg_sleep(1.1), :name"), {"name": "Marta"})
        pool.one(text("SELECT pg_sleep(1.1), :name"), {"name": "Marta"})
        pool.one(text("SELECT 1"), {})
    assert samples(metrics.exposition().decode())["heartguard_slow_statements_total",] == 2
    said = [record.fields for record in caplog.records if record.message == "slow statement"]
    assert ["pg_sleep" in fields["statement"] for fields in said] == [True, True]
    assert "Marta" not in str(said)


def test_waiting_for_a_lock_and_for_a_connection_is_shown(counted: tuple[Metrics, Pool], database: Database) -> None:
    metrics, pool = counted
    lock = text("SELECT pg_advisory_xact_lock(4711)")
    holder, other = Pool(database.url_for("audit")), Pool(database.url_for("audit"))
    with holder.transaction() as connection:
        connection.execute(lock)
        waiting = threading.Thread(target=lambda: other.one(lock, {}))
        waiting.start()
        until(lambda: samples(metrics.exposition().decode())["heartguard_database_lock_waits",] == 1, "waiting")
        found = samples(metrics.exposition().decode())
        assert found["heartguard_database_connections", "idle in transaction"] == 1
        assert found["heartguard_database_transaction_seconds",] > 0
        with pool.transaction():
            refused = threading.Thread(target=_refused, args=(pool,))
            refused.start()
            refused.join()
    waiting.join()
    holder.close()
    other.close()
    found = samples(metrics.exposition().decode())
    assert found["heartguard_database_pool_timeouts_total",] == 1
    assert found["heartguard_database_pool_size",] == 1
    assert found["heartguard_database_lock_waits",] == 0


def _refused(pool: Pool) -> None:
    with pytest.raises(ServiceError), pool.transaction():
        pass


def test_the_last_backup_is_read_from_the_file_that_the_command_writes(
    database: Database, redis_url: str, tmp_path: Path
) -> None:
    pool, redis = Pool(database.url_for("audit"), pool_size=1), make_redis(redis_url)
    file = tmp_path / "last.json"
    metrics = Metrics("audit")
    show_system(metrics, pool, redis, file)

    def backup() -> dict[str, float]:
        found = samples(metrics.exposition().decode())
        return {
            name.removeprefix("heartguard_backup_"): value
            for (name, *_), value in found.items()
            if name.startswith("heartguard_backup_")
        }

    assert backup() == {}
    (tmp_path / "heartguard-20261129T020000.000000Z").mkdir()
    (tmp_path / "heartguard-20261129T020000.000000Z" / "manifest.json").touch()
    assert backup() == {"success_time_seconds": 1795917600}
    said = {"began": "2026-11-30T02:00:00Z", "ended": "2026-11-30T02:00:09Z", "seconds": 9.25, "bytes": 4096}
    file.write_text(json.dumps({**said, "result": "ok", "error": None}))
    written = {"ended_time_seconds": 1796004009, "seconds": 9.25, "bytes": 4096}
    assert backup() == {"success_time_seconds": 1796004009, "failed": 0, **written}
    file.write_text(json.dumps({**said, "result": "failed", "error": "the disk is full"}))
    assert backup() == {"success_time_seconds": 1795917600, "failed": 1, **written}
    pool.close()
    redis.close()


def test_a_postgresql_that_hangs_is_named_and_hides_nothing_else(own_postgres: Postgres, valkey_server: Valkey) -> None:
    with own_postgres.database() as database:
        app = create_app(Settings.from_env(settings_environ("audit", database, valkey_server.url)))
        client = app.test_client()
        asked(client)
        own_postgres.freeze()
        try:
            found = asked(client)
        finally:
            own_postgres.thaw()
        assert found["heartguard_dependency_ready", "postgresql"] == 0
        assert found["heartguard_dependency_ready", "redis"] == 1
        assert ("heartguard_database_lock_waits",) not in found
        app.extensions[LIFECYCLE].close()
