"""Failed items as rows of PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from heartguard_common.core.clock import Clock, from_datetime, parse_rfc3339
from heartguard_common.core.ids import uuid7
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.jobs.dead_letters import REASON_LENGTH, DeadLetter, FailedItem, FailureCounts, log_failure
from heartguard_common.stores.database import Database, text

# Older failures are removed, except dead letters that hold the item itself.
KEPT_DAYS = 30


class PostgresDeadLetters:
    """The rows of one service in the table `dead_letters`."""

    def __init__(self, service: str, database: Database, clock: Clock) -> None:
        self.service = service
        self._database = database
        self._clock = clock

    def failed(self, item: FailedItem, retry: RetryPolicy) -> DeadLetter:
        """Record that an item failed; in a transaction it is part of that."""
        values = {**vars(item), **self._scope(), "id": uuid7(self._clock), "reason": item.reason[:REASON_LENGTH]}
        with self._database.transaction() as connection:
            # The row is locked now, so that nobody else's attempt comes between counting and the delay.
            failed = connection.execute(text(_FAILED), values).one()
            given_up = item.permanent or retry.exhausted(failed.attempts)
            due = None if given_up else self._now() + timedelta(seconds=retry.delay(failed.attempts))
            row = connection.execute(text(_POSTPONE), {"id": failed.id, "due": due}).one()
            dead_letter = _dead_letter(row)
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

    def counts(self, queues: Collection[str]) -> Mapping[str, FailureCounts]:
        """How many items of each queue failed; also those of queues that are not in `queues` and have any."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_COUNTS), self._scope()).all()
        found = {row.queue: FailureCounts(int(row.retrying), int(row.dead)) for row in rows}
        return {**dict.fromkeys(queues, FailureCounts()), **found}

    def transaction(self) -> AbstractContextManager[object]:
        """Everything inside happens together or not at all."""
        return self._database.transaction()

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
_FAILED = f"""
INSERT INTO {_TABLE} AS d (id, service, queue, item, org_id, attempts, reason, content, failed_at, last_failed_at)
VALUES (:id, :service, :queue, :item, :org_id, 1, :reason, :content, :now, :now)
ON CONFLICT (service, queue, item) DO UPDATE SET
    attempts = d.attempts + 1, reason = excluded.reason, content = coalesce(excluded.content, d.content),
    last_failed_at = excluded.last_failed_at
RETURNING id, attempts
"""  # noqa: S608
_POSTPONE = f"UPDATE {_TABLE} SET due_at = :due WHERE id = :id RETURNING {_COLUMNS}"  # noqa: S608
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
_COUNTS = f"""
SELECT queue, count(due_at) AS retrying, count(*) - count(due_at) AS dead
FROM {_TABLE} WHERE service = :service GROUP BY queue
"""  # noqa: S608
