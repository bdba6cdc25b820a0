"""The table `changed_ranges`: written here, read by the alarm service."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from heartguard_common.stores.arrays import numbers, texts
from heartguard_common.stores.database import Database, prepared, text
from heartguard_influx.changes.domain import ChangedRange, ranges_of
from heartguard_influx.feed.domain import Claimed
from heartguard_influx.points.ports import StoredBatch

# A follower that is killed has its ranges evaluated after this time. One that takes longer evaluates some twice, with
# the same result.
CLAIM_SECONDS = 15
_RECORD = prepared(
    """
    INSERT INTO heartguard_core.changed_ranges (org_id, user_id, measurement, first_ns, last_ns, ready_at)
    SELECT c.org_id, c.user_id, c.measurement, c.first_ns, c.last_ns,
        clock_timestamp() + make_interval(secs => :settle_seconds)
    FROM unnest(:orgs, :persons, :measurements, :firsts, :lasts) AS c (org_id, user_id, measurement, first_ns, last_ns)
    WHERE EXISTS (
        SELECT FROM heartguard_core.alarm_watches AS w WHERE w.org_id = c.org_id AND w.measurement = c.measurement)
    RETURNING id
    """,
    orgs="integer[]",
    persons="bigint[]",
    measurements="text[]",
    firsts="bigint[]",
    lasts="bigint[]",
    settle_seconds="float8",
)
_CONFIRM = """
UPDATE heartguard_core.changed_ranges SET ready_at = clock_timestamp()
WHERE org_id = :org_id AND id = ANY (cast(:ids AS bigint[]))
"""
_CLAIM = prepared(
    """
UPDATE heartguard_core.changed_ranges AS c
SET claimed_until = clock_timestamp() + make_interval(secs => :seconds)
FROM (
    SELECT org_id, id FROM heartguard_core.changed_ranges
    WHERE ready_at <= clock_timestamp() AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
    ORDER BY ready_at LIMIT :limit FOR UPDATE SKIP LOCKED
) AS due
WHERE c.org_id = due.org_id AND c.id = due.id
RETURNING c.org_id, c.id, c.user_id, c.measurement, c.first_ns, c.last_ns,
    cast(extract(epoch FROM c.put_at) * 1000000000 AS bigint) AS received_ns,
    EXISTS (
        SELECT FROM heartguard_core.alarm_watches AS w WHERE w.org_id = c.org_id AND w.measurement = 'steps') AS steps
    """,
    limit="integer",
    seconds="float8",
)


class PostgresChangeLog:
    """Records and hands out the ranges of measurements that a rule of the organization looks at."""

    def __init__(self, database: Database, settle_seconds: float) -> None:
        """`settle_seconds`: how long a write may take that is no part of the transaction; 0 where it is part of it."""
        self._database = database
        self._settle_seconds = settle_seconds

    @contextmanager
    def recording(self, org_id: int, ranges: Sequence[ChangedRange]) -> Iterator[None]:
        """Record ranges around the block that changes their points."""
        ids = self._record([(org_id, it) for it in ranges])
        yield
        if ids and self._settle_seconds:
            with self._database.transaction() as connection:
                connection.execute(text(_CONFIRM), {"org_id": org_id, "ids": numbers(ids)})

    def record_together(self, batches: Sequence[StoredBatch]) -> None:
        """Record the ranges of batches that the surrounding transaction stores, in one statement."""
        self._record([(batch.org_id, it) for batch in batches for it in ranges_of(batch.points)])

    def _record(self, ranges: Sequence[tuple[int, ChangedRange]]) -> Sequence[int]:
        """Record ranges, each with its organization; the ids of those that a rule looks at."""
        if not ranges:
            return ()
        values = {
            "orgs": numbers(org_id for org_id, _ in ranges),
            "persons": numbers(it.person for _, it in ranges),
            "measurements": texts(it.measurement for _, it in ranges),
            "firsts": numbers(it.first_ns for _, it in ranges),
            "lasts": numbers(it.last_ns for _, it in ranges),
            "settle_seconds": self._settle_seconds,
        }
        with self._database.transaction() as connection:
            return [int(row.id) for row in connection.execute(_RECORD, values)]

    def claim(self, limit: int) -> Sequence[Claimed]:
        """Up to `limit` ranges that nobody else has claimed in the last 15 seconds, oldest first."""
        with self._database.transaction() as connection:
            rows = connection.execute(_CLAIM, {"limit": limit, "seconds": CLAIM_SECONDS}).all()
        return sorted(Claimed(row.id, row.org_id, ChangedRange(*row[2:6]), row.received_ns, row.steps) for row in rows)
