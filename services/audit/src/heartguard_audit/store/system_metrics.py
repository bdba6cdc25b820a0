"""What belongs to the whole system and no service alone: PostgreSQL, Redis, and the newest backup.

Audit shows it, because one service must, and this one answers no request of a member while it reads them.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from heartguard_common.core.clock import NANOSECONDS, parse_rfc3339
from heartguard_common.core.metrics import LiveGauge, Metrics, Values
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.stores.database import Database, text
from heartguard_common.stores.redis_client import RedisClient

# The backup command writes it after each run, whatever place the backups themselves go to.
LAST_BACKUP = REPO_ROOT / "var" / "backups" / "last.json"
_STAMP = "heartguard-%Y%m%dT%H%M%S.%fZ"

POSTGRES_SIZE = LiveGauge("heartguard_postgres_size_bytes", "Size of the database")
POSTGRES_CONNECTIONS = LiveGauge("heartguard_postgres_connections", "Connections of all programs to the server")
POSTGRES_LIMIT = LiveGauge("heartguard_postgres_connections_limit", "How many connections the server accepts")
POSTGRES_AGE = LiveGauge("heartguard_postgres_transaction_age", "Transactions since the oldest row was frozen")
_POSTGRES = text("""
    SELECT pg_database_size(current_database()) AS size,
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
           current_setting('max_connections')::int AS allowed,
           (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS age
""")

REDIS_MEMORY = LiveGauge("heartguard_redis_memory_bytes", "Memory that Redis uses for its data")
REDIS_LIMIT = LiveGauge("heartguard_redis_memory_limit_bytes", "Memory that Redis may use for its data")
REDIS_CLIENTS = LiveGauge("heartguard_redis_clients", "Connections of all programs to Redis")
REDIS_DURABLE = LiveGauge("heartguard_redis_durable", "1 where Redis's last write to its disk succeeded, otherwise 0")

BACKUP_SUCCESS = LiveGauge("heartguard_backup_success_time_seconds", "When the newest complete backup was made")
BACKUP_ENDED = LiveGauge("heartguard_backup_ended_time_seconds", "When the backup command ended last")
BACKUP_FAILED = LiveGauge("heartguard_backup_failed", "1 where the backup command failed last, otherwise 0")
BACKUP_SECONDS = LiveGauge("heartguard_backup_seconds", "How long the backup command ran last")
BACKUP_BYTES = LiveGauge("heartguard_backup_bytes", "Size of the backup that was made last")

BACKUP = (BACKUP_SUCCESS, BACKUP_ENDED, BACKUP_FAILED, BACKUP_SECONDS, BACKUP_BYTES)


def show_system(metrics: Metrics, database: Database, redis: RedisClient, last_backup: Path = LAST_BACKUP) -> None:
    """Add these gauges; `last_backup` is the file that the backup command writes."""
    metrics.live_group(BACKUP, lambda: _backup(last_backup))
    metrics.live_group((REDIS_MEMORY, REDIS_LIMIT, REDIS_CLIENTS, REDIS_DURABLE), lambda: _redis(redis))
    postgres = (POSTGRES_SIZE, POSTGRES_CONNECTIONS, POSTGRES_LIMIT, POSTGRES_AGE)
    metrics.live_group(postgres, lambda: _postgres(database))


def _postgres(database: Database) -> Values:
    row = database.one(_POSTGRES, {})
    return _values(
        {
            POSTGRES_SIZE: row.size,
            POSTGRES_CONNECTIONS: row.connections,
            POSTGRES_LIMIT: row.allowed,
            POSTGRES_AGE: row.age,
        }
    )


def _redis(redis: RedisClient) -> Values:
    found = redis.info()
    ended = found.get("rdb_last_bgsave_status", "ok"), found.get("aof_last_write_status", "ok")
    return _values(
        {
            REDIS_MEMORY: found["used_memory"],
            REDIS_LIMIT: found.get("maxmemory") or None,
            REDIS_CLIENTS: found["connected_clients"],
            REDIS_DURABLE: ended == ("ok", "ok"),
        }
    )


def _backup(file: Path) -> Values:
    """What the backup command wrote; without it, when the newest backup in the same directory began."""
    known: dict[str, object] = json.loads(file.read_text()) if file.exists() else {}
    return _values(
        {
            BACKUP_ENDED: _time(known.get("ended")),
            BACKUP_SECONDS: _number(known.get("seconds")),
            BACKUP_BYTES: _number(known.get("bytes")),
            BACKUP_FAILED: known["result"] != "ok" if "result" in known else None,
            BACKUP_SUCCESS: succeeded(known, file.parent),
        }
    )


def _values(known: Mapping[LiveGauge, float | None]) -> Values:
    return {gauge.name: {(): float(value)} for gauge, value in known.items() if value is not None}


def succeeded(known: dict[str, object], directory: Path) -> float | None:
    """When the newest complete backup was made, in seconds since 1970; `known` is what the backup command wrote."""
    if known.get("result") == "ok":
        return _time(known.get("ended"))
    times = [
        _time(known.get("succeeded")),
        *(_taken_at(path) for path in directory.glob("heartguard-*Z/manifest.json")),
    ]
    return max((time for time in times if time is not None), default=None)


def _taken_at(manifest: Path) -> float | None:
    try:
        return datetime.strptime(manifest.parent.name, _STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _time(value: object) -> float | None:
    return parse_rfc3339(value) / NANOSECONDS if isinstance(value, str) else _number(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
