"""What a service does in PostgreSQL: its connections, what waits for a lock, and what takes long."""

import logging

from heartguard_common.core.metrics import LiveGauge, Metrics, Values
from heartguard_common.stores.database import Database, text

CONNECTIONS = LiveGauge("heartguard_database_connections", "Connections of the service's role", ("state",))
LOCK_WAITS = LiveGauge("heartguard_database_lock_waits", "Statements of the service that wait for a lock")
LOCK_SECONDS = LiveGauge("heartguard_database_lock_seconds", "How long the statement has run that waits for a lock")
STATEMENT_SECONDS = LiveGauge("heartguard_database_statement_seconds", "How long the longest statement has run")
TRANSACTION_SECONDS = LiveGauge("heartguard_database_transaction_seconds", "How long the oldest transaction is open")
_STATES = ("active", "idle", "idle in transaction")
# Each role sees what its own connections do, without further rights.
_ACTIVITY = text("""
    SELECT count(*) FILTER (WHERE state = 'active') AS active,
           count(*) FILTER (WHERE state = 'idle') AS idle,
           count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
           count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting,
           coalesce(max(extract(epoch FROM clock_timestamp() - query_start))
                    FILTER (WHERE wait_event_type = 'Lock'), 0)::float AS waiting_seconds,
           coalesce(max(extract(epoch FROM clock_timestamp() - query_start))
                    FILTER (WHERE state = 'active'), 0)::float AS statement_seconds,
           coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float AS transaction_seconds
    FROM pg_stat_activity
    WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()
""")
_log = logging.getLogger("heartguard")


class StatementMetrics:
    """Counts the statements of one process that took long, and what found no free connection."""

    def __init__(self, metrics: Metrics) -> None:
        own = (metrics.service,)
        self._slow = metrics.counter(
            "heartguard_slow_statements", "Statements that took longer than a second", ("service",)
        ).labels(*own)
        self._exhausted = metrics.counter(
            "heartguard_database_pool_timeouts", "Transactions that found no free connection", ("service",)
        ).labels(*own)
        self._allowed = metrics.gauge(
            "heartguard_database_pool_size", "Connections that the processes may open", ("service",)
        ).labels(*own)

    def opened(self, pool_size: int) -> None:
        """A pool of so many connections was made."""
        self._allowed.inc(pool_size)

    def slow(self, statement: str, seconds: float) -> None:
        """A statement took so long. Its text is logged, which has parameters in place of values."""
        self._slow.inc()
        fields = {
            "message": "slow statement",
            "seconds": round(seconds, 3),
            "statement": " ".join(statement.split())[:1000],
        }
        _log.warning("slow statement", extra={"fields": fields})

    def exhausted(self) -> None:
        """All connections of the pool were in use for as long as a transaction may wait for one."""
        self._exhausted.inc()


def show_database(metrics: Metrics, database: Database) -> None:
    """Add the gauges of what the service's role does in PostgreSQL, over all its processes."""

    def read() -> Values:
        row = database.one(_ACTIVITY, {})
        counts = (row.active, row.idle, row.idle_in_transaction)
        return {
            CONNECTIONS.name: {(state,): float(count) for state, count in zip(_STATES, counts, strict=True)},
            LOCK_WAITS.name: {(): float(row.waiting)},
            LOCK_SECONDS.name: {(): row.waiting_seconds},
            STATEMENT_SECONDS.name: {(): row.statement_seconds},
            TRANSACTION_SECONDS.name: {(): row.transaction_seconds},
        }

    metrics.live_group((CONNECTIONS, LOCK_WAITS, LOCK_SECONDS, STATEMENT_SECONDS, TRANSACTION_SECONDS), read)
