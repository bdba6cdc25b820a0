"""How many field values an organization has written and stored, counted with the points and held to its limits.

There are 16 rows of counts for an organization and day, shared out among the connections, so that writers rarely wait
for each other. Their sum is read again after `FRESH_SECONDS`. When less than `MARGIN` is left under a limit, it is read
for each batch under a lock of the organization, so that two batches can't both take the last values.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock

from heartguard_common.core.limits import LimitError
from heartguard_common.stores.database import Connection, text
from heartguard_common.stores.limit_store import PostgresLimits
from heartguard_influx.points.domain.point import Sender

PER_DAY, PER_MEMBER, STORED = "points_per_day", "points_per_day_per_member", "stored_points"
FRESH_SECONDS = 2.0
MARGIN = 1_000_000
MOST_REMEMBERED = 10_000

_READ = text("""
SELECT coalesce(sum(written) FILTER (WHERE day = :today), 0) AS written, coalesce(sum(stored), 0) AS stored,
    (SELECT coalesce(json_object_agg(name, value), '{}') FROM heartguard_core.organization_limits
     WHERE org_id = :org_id AND name IN ('points_per_day', 'points_per_day_per_member', 'stored_points')) AS own
FROM heartguard_core.point_counts WHERE org_id = :org_id
""")
_OF_MEMBER = text("""
SELECT used FROM heartguard_core.daily_counts
WHERE org_id = :org_id AND day = :today AND name = 'points_per_day_per_member' AND subject = :subject
""")
COUNTED = """
counted AS (
    INSERT INTO heartguard_core.point_counts AS c (org_id, day, shard, written, stored)
    SELECT cast(:org_id AS integer), cast(:today AS date), pg_backend_pid() % 16, changed, number
    FROM made WHERE changed <> 0
    ON CONFLICT (org_id, day, shard) DO UPDATE SET written = c.written + excluded.written,
        stored = c.stored + excluded.stored
), sent AS (
    INSERT INTO heartguard_core.daily_counts AS d (org_id, day, name, subject, used)
    SELECT cast(:org_id AS integer), cast(:today AS date), 'points_per_day_per_member', :subject, changed
    FROM made WHERE changed <> 0
    ON CONFLICT (org_id, day, name, subject) DO UPDATE SET used = d.used + excluded.used
    RETURNING used
)
"""
"""Counts `made.changed` values as written and `made.number` as stored; `sent.used` is the member's sum of the day."""
COUNTED_EACH = """
counted AS (
    INSERT INTO heartguard_core.point_counts AS c (org_id, day, shard, written, stored)
    SELECT org_id, :today, pg_backend_pid() % 16, count(*), count(*) FILTER (WHERE created)
    FROM changed GROUP BY org_id ORDER BY org_id
    ON CONFLICT (org_id, day, shard) DO UPDATE SET written = c.written + excluded.written,
        stored = c.stored + excluded.stored
), sent AS (
    INSERT INTO heartguard_core.daily_counts AS d (org_id, day, name, subject, used)
    SELECT org_id, :today, 'points_per_day_per_member', cast(user_id AS text), count(*)
    FROM changed GROUP BY org_id, user_id ORDER BY org_id, user_id
    ON CONFLICT (org_id, day, name, subject) DO UPDATE SET used = d.used + excluded.used
    RETURNING org_id, cast(subject AS bigint) AS user_id, used
)
"""
"""The same for the values of several senders, which `changed` has with whether each was `created`."""
_COUNT = f"""
WITH made AS (SELECT cast(:changed AS bigint) AS changed, cast(:number AS bigint) AS number), {COUNTED}
SELECT used FROM sent
"""  # noqa: S608
_REMOVED = """
INSERT INTO heartguard_core.point_counts AS c (org_id, day, shard, written, stored)
SELECT org_id, DATE '1970-01-01', 0, 0, -:removed FROM heartguard_core.buckets WHERE id = :bucket_id
ON CONFLICT (org_id, day, shard) DO UPDATE SET stored = c.stored + excluded.stored
"""
_FOLD = """
WITH old AS (DELETE FROM heartguard_core.point_counts WHERE day > '1970-01-01' AND day < :today - 1
             RETURNING org_id, stored)
INSERT INTO heartguard_core.point_counts AS c (org_id, day, shard, written, stored)
SELECT org_id, DATE '1970-01-01', 0, 0, sum(stored) FROM old GROUP BY org_id
ON CONFLICT (org_id, day, shard) DO UPDATE SET stored = c.stored + excluded.stored
"""
# Organizations that have used more than half of their limit: their values are worth counting anew.
_OVER_HALF = """
SELECT c.org_id, sum(c.stored) AS stored FROM heartguard_core.point_counts AS c
LEFT JOIN heartguard_core.organization_limits AS l ON l.org_id = c.org_id AND l.name = 'stored_points'
GROUP BY c.org_id, l.value HAVING sum(c.stored) > coalesce(l.value, :default) / 2
"""
_CORRECT = """
INSERT INTO heartguard_core.point_counts AS c (org_id, day, shard, written, stored)
VALUES (:org_id, DATE '1970-01-01', 0, 0, :missing)
ON CONFLICT (org_id, day, shard) DO UPDATE SET stored = c.stored + excluded.stored
"""


@dataclass(frozen=True)
class _Seen:
    """The values written on a day and stored, as far as this process knows, and the limits on them."""

    at: float
    day: date
    written: int
    stored: int
    values: Mapping[str, int]

    def near(self, amount: int) -> bool:
        """Whether `amount` more values come close to a limit of the organization."""
        return (
            self.written + amount + MARGIN > self.values[PER_DAY] or self.stored + amount + MARGIN > self.values[STORED]
        )


class PointCounts:
    """The table `point_counts`, and the members' part of `daily_counts`."""

    def __init__(self, limits: PostgresLimits, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._lock = Lock()
        self._seen: dict[int, _Seen] = {}
        self._full: dict[tuple[int, int], date] = {}  # members who have reached their limit of this day

    def admit(self, connection: Connection, sender: Sender, amount: int) -> dict[str, object]:
        """Admit a batch of `amount` values before it is stored; returns the parameters of `COUNTED`.

        Raises `LimitError` when the organization or the member has no room for all of them.
        """
        today = self._limits.today()
        seen = self._seen.get(sender.org_id)
        if seen is None or seen.day != today or self._monotonic() - seen.at > FRESH_SECONDS:
            seen = self._read(connection, sender.org_id, today)
        if seen.near(amount):
            self._limits.lock(sender.org_id, "points")
            seen = self._read(connection, sender.org_id, today)
            self._require(seen, amount)
        member = (sender.org_id, sender.user_id)
        if self._full.get(member) == today:
            values = {"org_id": sender.org_id, "today": today, "subject": str(sender.user_id)}
            self.require_member(sender, int(connection.execute(_OF_MEMBER, values).scalar() or 0) + amount)
            self._full.pop(member, None)
        self._remember(sender.org_id, seen, amount)
        return {"org_id": sender.org_id, "today": today, "subject": str(sender.user_id)}

    def _remember(self, org_id: int, seen: _Seen, amount: int) -> None:
        with self._lock:
            self._seen[org_id] = replace(seen, written=seen.written + amount, stored=seen.stored + amount)
            while len(self._seen) > MOST_REMEMBERED:
                del self._seen[next(iter(self._seen))]

    def admit_unhindered(self, connection: Connection, sender: Sender, amount: int) -> bool:
        """Admit `amount` values where no limit is near and the member's was not reached today; else change nothing."""
        today = self._limits.today()
        seen = self._seen.get(sender.org_id)
        if seen is None or seen.day != today or self._monotonic() - seen.at > FRESH_SECONDS:
            seen = self._read(connection, sender.org_id, today)
        if seen.near(amount) or self._full.get((sender.org_id, sender.user_id)) == today:
            return False
        self._remember(sender.org_id, seen, amount)
        return True

    def member_has_room(self, sender: Sender, used: int) -> bool:
        """Whether a member's sum of the day is within the limit."""
        seen = self._seen.get(sender.org_id)
        return used <= (seen.values[PER_MEMBER] if seen else self._limits.value(sender.org_id, PER_MEMBER))

    def today(self) -> date:
        """The day on which values are counted now."""
        return self._limits.today()

    def require_member(self, sender: Sender, used: int) -> None:
        """Raises `LimitError` where a member's sum of the day, with this batch, is over the limit.

        It rolls the batch back with the transaction; the next one is refused before it is stored.
        """
        seen = self._seen.get(sender.org_id)
        value = seen.values[PER_MEMBER] if seen else self._limits.value(sender.org_id, PER_MEMBER)
        if used > value:
            with self._lock:
                self._full[sender.org_id, sender.user_id] = self._limits.today()
                while len(self._full) > MOST_REMEMBERED:
                    del self._full[next(iter(self._full))]
            raise LimitError(PER_MEMBER, value, wait_seconds=self._limits.until_tomorrow())

    def count(self, connection: Connection, sender: Sender, changed: int, stored: int) -> None:
        """Count values that are stored in an InfluxDB; negative numbers undo a count. Raises as `require_member`."""
        values = {"org_id": sender.org_id, "today": self._limits.today(), "subject": str(sender.user_id)}
        row = connection.execute(text(_COUNT), {**values, "changed": changed, "number": stored}).first()
        if row is not None and changed > 0:
            self.require_member(sender, int(row.used))

    def _read(self, connection: Connection, org_id: int, today: date) -> _Seen:
        row = connection.execute(_READ, {"org_id": org_id, "today": today}).one()
        values = {name: int(row.own.get(name, self._limits.defaults[name])) for name in (PER_DAY, PER_MEMBER, STORED)}
        return _Seen(self._monotonic(), today, int(row.written), int(row.stored), values)

    def _require(self, seen: _Seen, amount: int) -> None:
        if seen.written + amount > seen.values[PER_DAY]:
            raise LimitError(PER_DAY, seen.values[PER_DAY], wait_seconds=self._limits.until_tomorrow())
        if seen.stored + amount > seen.values[STORED]:
            raise LimitError(STORED, seen.values[STORED])

    def fold(self, connection: Connection) -> None:
        """Add up the counts of days that are over."""
        connection.execute(text(_FOLD), {"today": self._limits.today()})

    def over_half(self, connection: Connection) -> Mapping[int, int]:
        """The organizations that store more than half of their limit, and how many values they store."""
        rows = connection.execute(text(_OVER_HALF), {"default": self._limits.defaults[STORED]})
        return {row.org_id: int(row.stored) for row in rows}

    def correct(self, connection: Connection, org_id: int, missing: int) -> None:
        """Add values that were missing in an organization's sum; a negative number subtracts."""
        connection.execute(text(_CORRECT), {"org_id": org_id, "missing": missing})


def count_removed(connection: Connection, bucket_id: int, values: int) -> None:
    """Count `values` of a bucket as no longer stored."""
    if values:
        connection.execute(text(_REMOVED), {"bucket_id": bucket_id, "removed": values})
