"""Failed items as rows of PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from heartguard_common.core.clock import Clock, from_datetime, parse_rfc3339
from heartguard_common.core.ids import uuid7
from heartguard_common.jobs.dead_letters import REASON_LENGTH, DeadLetter, Failure, Patience, log_failure
from heartguard_common.stores.database import Database

# Older failures are removed, except dead letters that hold the item itself.
KEPT_DAYS = 30


class PostgresDeadLetters:
    """The rows of one service in the table `dead_letters`."""

    def __init__(self, service: str, database: Database, clock: Clock) -> None:
        self.service = service
        self._database = database
        self._clock = clock

    def failed(self, failure: Failure, patience: Patience) -> DeadLetter:
        """Record a failure; in a transaction it is part of that."""
        values = {
            **vars(failure),
            **vars(patience),
            **self._scope(),
            "id": uuid7(self._clock),
            "reason": failure.reason[:REASON_LENGTH],
        }
        with self._database.transaction() as connection:
            dead_letter = _dead_letter(connection.execute(text(_FAILED), values).one())
        log_failure(self.service, dead_letter)
        return dead_letter

    def succeeded(self, queue: str, items: Collection[str]) -> None:
        """Forget the failures of items."""
        if items:
            with self._database.transaction() as connection:
                connection.execute(text(_SUCCEEDED), {**self._scope(), "queue": queue, "items": list(items)})

    def resting(self, queue: str, items: Collection[str]) -> set[str]:
        """Those of the items that are not to be tried now."""
        if not items:
            return set()
        with self._database.transaction() as connection:
            values = {**self._scope(), "queue": queue, "items": list(items)}
            return set(connection.execute(text(_RESTING), values).scalars())

    def page(self, queue: str | None, status: str | None, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """At most `limit`, the oldest first, behind the id `after`."""
        dead = None if status is None else status == "dead"
        values = {**self._scope(), "queue": queue, "dead": dead, "after": after, "limit": limit}
        with self._database.transaction() as connection:
            return [_dead_letter(row) for row in connection.execute(text(_PAGE), values)]

    def find(self, dead_letter_id: str) -> DeadLetter | None:
        """One by its id, locked until the transaction ends."""
        with self._database.transaction() as connection:
            row = connection.execute(text(_FIND), {**self._scope(), "id": dead_letter_id}).one_or_none()
            return None if row is None else _dead_letter(row)

    def remove(self, dead_letter_id: str) -> None:
        """Forget one."""
        with self._database.transaction() as connection:
            connection.execute(text(_REMOVE), {**self._scope(), "id": dead_letter_id})

    def purge(self) -> None:
        """Forget what failed last `KEPT_DAYS` ago: what is still there is tried again, and fails anew."""
        before = self._now() - timedelta(days=KEPT_DAYS)
        with self._database.transaction() as connection:
            connection.execute(text(_PURGE), {**self._scope(), "before": before})

    def counts(self, queues: Collection[str]) -> Mapping[str, float]:
        """How many of each queue are given up; 0 for those of `queues` that have none."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_COUNTS), self._scope()).all()
        return {**dict.fromkeys(queues, 0.0), **{row.queue: float(row.dead) for row in rows}}

    def _now(self) -> datetime:
        return datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(
            microseconds=self._clock.now_ns() // 1000
        )

    def _scope(self) -> dict[str, object]:
        return {"service": self.service, "now": self._now()}


def _dead_letter(row: Any) -> DeadLetter:
    return DeadLetter(
        id=str(row.id),
        queue=row.queue,
        item=row.item,
        org_id=row.org_id,
        attempts=row.attempts,
        reason=row.reason,
        failed_ns=_nanoseconds(row.failed_at),
        last_failed_ns=_nanoseconds(row.last_failed_at),
        due_ns=None if row.due_at is None else _nanoseconds(row.due_at),
        content=row.content,
    )


def _nanoseconds(value: datetime) -> int:
    return parse_rfc3339(from_datetime(value))


_TABLE = "heartguard_core.dead_letters"
_COLUMNS = "id, queue, item, org_id, attempts, reason, content, failed_at, last_failed_at, due_at"
# 2^20 times the first rest is beyond any longest one.
_FAILED = f"""
INSERT INTO {_TABLE} AS d
    (id, service, queue, item, org_id, attempts, reason, content, failed_at, last_failed_at, due_at)
VALUES (:id, :service, :queue, :item, :org_id, 1, :reason, :content, :now, :now,
    CASE WHEN :lasting OR :attempts <= 1 THEN NULL ELSE :now + make_interval(secs => :first_seconds) END)
ON CONFLICT (service, queue, item) DO UPDATE SET
    attempts = d.attempts + 1, reason = excluded.reason, content = coalesce(excluded.content, d.content),
    last_failed_at = excluded.last_failed_at,
    due_at = CASE WHEN :lasting OR d.attempts + 1 >= :attempts THEN NULL ELSE :now + make_interval(
        secs => least(:first_seconds * 2 ^ least(d.attempts, 20), :longest_seconds)) END
RETURNING {_COLUMNS}
"""  # noqa: S608
_SUCCEEDED = f"DELETE FROM {_TABLE} WHERE service = :service AND queue = :queue AND item = ANY(:items)"  # noqa: S608
_RESTING = f"""
SELECT item FROM {_TABLE}
WHERE service = :service AND queue = :queue AND item = ANY(:items) AND (due_at IS NULL OR due_at > :now)
"""  # noqa: S608
_PAGE = f"""
SELECT {_COLUMNS} FROM {_TABLE}
WHERE service = :service AND (cast(:queue AS text) IS NULL OR queue = :queue)
    AND (cast(:dead AS boolean) IS NULL OR (due_at IS NULL) = :dead)
    AND (cast(:after AS uuid) IS NULL OR id > cast(:after AS uuid))
ORDER BY id LIMIT :limit
"""  # noqa: S608
_FIND = f"SELECT {_COLUMNS} FROM {_TABLE} WHERE service = :service AND id = cast(:id AS uuid) FOR UPDATE"  # noqa: S608
_REMOVE = f"DELETE FROM {_TABLE} WHERE service = :service AND id = cast(:id AS uuid)"  # noqa: S608
_PURGE = f"DELETE FROM {_TABLE} WHERE service = :service AND last_failed_at < :before AND content IS NULL"  # noqa: S608
_COUNTS = f"SELECT queue, count(*) AS dead FROM {_TABLE} WHERE service = :service AND due_at IS NULL GROUP BY queue"  # noqa: S608
