"""Sums of days that are over, by five minutes, from which windows over long ranges are read.

A row of `day_sums` is for one series and day. Whoever stores, changes or removes points of a day that is over clears
its row in the same transaction, and a background task fills it again (`DaySums`). Both hold the
row's lock until they commit, so that a filled row always is what the points add up to. Points of a day that is not over
have no row, so that the writing of present points costs nothing more.
"""

from collections.abc import Collection, Iterable, Sequence

from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.stores.arrays import numbers
from heartguard_common.stores.database import Connection, Database, prepared, text
from heartguard_influx.points.domain.duplicates import Cell

HOUR_NS = 3600 * NANOSECONDS
SLOT_NS = 300 * NANOSECONDS
DAY_NS = 24 * HOUR_NS
# A writer clears days that ended an hour ago or longer; a day is first added up two hours after its end. A transaction
# that began before a day counted as over, and the difference of two clocks, are shorter than the hour in between.
CLEARED_AFTER_NS, SUMMED_AFTER_NS = HOUR_NS, 2 * HOUR_NS
SERIES_AT_ONCE = 200
DAYS_AT_ONCE = 400
AGAIN_SECONDS = 60.0
BUSY_SECONDS = 1.0  # while there is more to do

_CONFLICT = """
ON CONFLICT (series_id, day) DO UPDATE
    SET fields = NULL, slots = NULL, counts = NULL, sums = NULL, lows = NULL, highs = NULL
    WHERE d.counts IS NOT NULL
"""
# A row that is cleared already is locked all the same. Sorted, so that two writers lock them in the same order.
_CLEAR = prepared(
    f"""
    INSERT INTO heartguard_core.day_sums AS d (series_id, day)
    SELECT w.series_id, w.day FROM unnest(:series, :days) AS w (series_id, day)
    JOIN heartguard_core.series AS s ON s.id = w.series_id
    ORDER BY 1, 2 {_CONFLICT}
    """,  # noqa: S608
    series="bigint[]",
    days="integer[]",
)
_BEHIND = """
SELECT s.id, s.bucket_id, coalesce(u.until_day, 0) AS day FROM heartguard_core.series AS s
LEFT JOIN heartguard_core.summed_series AS u ON u.series_id = s.id
WHERE coalesce(u.until_day, 0) < :closed_day ORDER BY s.id LIMIT :limit
"""
_NEXT = """
SELECT time_ns FROM heartguard_core.points WHERE series_id = :series AND time_ns >= :start AND time_ns < :stop
ORDER BY time_ns LIMIT 1
"""
_STILL = "SELECT id FROM heartguard_core.series WHERE id = :series FOR KEY SHARE"
_ENTER = """
INSERT INTO heartguard_core.day_sums (series_id, day)
SELECT :series, w.day FROM unnest(cast(:days AS integer[])) AS w (day) ORDER BY 2 ON CONFLICT DO NOTHING
"""
_ENTERED = """
INSERT INTO heartguard_core.summed_series AS u (series_id, until_day) VALUES (:series, :day)
ON CONFLICT (series_id) DO UPDATE SET until_day = greatest(u.until_day, excluded.until_day)
"""
_DUE = """
SELECT d.series_id, d.day, s.bucket_id FROM heartguard_core.day_sums AS d
JOIN heartguard_core.series AS s ON s.id = d.series_id
WHERE d.counts IS NULL AND d.day < :closed_day ORDER BY d.series_id, d.day LIMIT :limit
"""
# No removal of series runs at the same time.
_BUCKET = "SELECT FROM heartguard_core.buckets WHERE id = :bucket_id FOR KEY SHARE"
# A row that another process fills, or that a writer is clearing again, is passed by: the next run finds it.
_LOCK_DAY = """
SELECT FROM heartguard_core.day_sums WHERE series_id = :series AND day = :day AND counts IS NULL FOR UPDATE SKIP LOCKED
"""
_FILL = f"""
WITH slot AS (
    SELECT p.field_id, (p.time_ns - :start) / {SLOT_NS} AS slot, count(*) AS number, sum(p.number) AS total,
        min(p.number) AS low, max(p.number) AS high
    FROM heartguard_core.points AS p
    WHERE p.series_id = :series AND p.time_ns >= :start AND p.time_ns < :stop GROUP BY 1, 2
), every AS (
    SELECT array_agg(field_id) AS fields, array_agg(slot) AS slots, array_agg(number) AS counts,
        array_agg(total) AS sums, array_agg(low) AS lows, array_agg(high) AS highs
    FROM slot
)
UPDATE heartguard_core.day_sums AS d SET fields = coalesce(e.fields, '{{}}'), slots = coalesce(e.slots, '{{}}'),
    counts = coalesce(e.counts, '{{}}'), sums = coalesce(e.sums, '{{}}'), lows = coalesce(e.lows, '{{}}'),
    highs = coalesce(e.highs, '{{}}')
FROM every AS e WHERE d.series_id = :series AND d.day = :day
"""  # noqa: S608
# A day whose points were all removed, such as by retention, needs no row.
_DROP_EMPTY = "DELETE FROM heartguard_core.day_sums WHERE series_id = :series AND day = :day AND counts = '{}'"


def clear(connection: Connection, cells: Iterable[Cell], now_ns: int) -> None:
    """Clear the rows of the days of some cells that have changed."""
    clear_days(connection, {(cell[0], cell[1] // DAY_NS) for cell in cells}, now_ns)


def clear_days(connection: Connection, days: Collection[tuple[int, int]], now_ns: int) -> None:
    """Clear the rows of some series and days that are over; nothing is sent where no day is over."""
    end = (now_ns - CLEARED_AFTER_NS) // DAY_NS
    over = sorted(it for it in days if 0 <= it[1] < end)
    if over:
        values = {"series": numbers(series for series, _ in over), "days": numbers(day for _, day in over)}
        connection.execute(_CLEAR, values)


class DaySums:
    """Fills the rows of days that are over."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self) -> float:
        """Fill what is due, a limited number of days; returns the seconds until the next run."""
        closed_day = (self._clock.now_ns() - SUMMED_AFTER_NS) // DAY_NS
        entered = self._enter(closed_day)
        filled = self.fill_due(closed_day)
        return BUSY_SECONDS if entered or filled == DAYS_AT_ONCE else AGAIN_SECONDS

    def _enter(self, closed_day: int) -> bool:
        """Give the days of some series their rows; returns whether there may be more."""
        with self._database.transaction() as connection:
            series = connection.execute(text(_BEHIND), {"closed_day": closed_day, "limit": SERIES_AT_ONCE}).all()
        finished = [self._enter_days(row.id, row.bucket_id, row.day, closed_day) for row in series]
        return len(series) == SERIES_AT_ONCE or not all(finished)

    def _enter_days(self, series: int, bucket_id: int, first_day: int, closed_day: int) -> bool:
        """Give days of a series their rows, at most `DAYS_AT_ONCE`; returns whether all have them."""
        days: list[int] = []
        day = first_day
        with self._database.transaction() as connection:
            connection.execute(text(_BUCKET), {"bucket_id": bucket_id})
            while day < closed_day and len(days) < DAYS_AT_ONCE:
                values = {"series": series, "start": day * DAY_NS, "stop": closed_day * DAY_NS}
                found = connection.execute(text(_NEXT), values).scalar()
                if found is None:
                    day = closed_day
                    break
                days.append(found // DAY_NS)
                day = days[-1] + 1
            if connection.execute(text(_STILL), {"series": series}).scalar() is None:
                return True
            connection.execute(text(_ENTER), {"series": series, "days": numbers(days)})
            connection.execute(text(_ENTERED), {"series": series, "day": day})
        return day >= closed_day

    def fill_due(self, closed_day: int) -> int:
        """Fill rows that are cleared, at most `DAYS_AT_ONCE`, each in a transaction of its own; returns how many."""
        with self._database.transaction() as connection:
            due: Sequence[tuple[int, int, int]] = [
                (row.series_id, row.day, row.bucket_id)
                for row in connection.execute(text(_DUE), {"closed_day": closed_day, "limit": DAYS_AT_ONCE})
            ]
        for series, day, bucket_id in due:
            values = {"series": series, "day": day, "start": day * DAY_NS, "stop": (day + 1) * DAY_NS}
            with self._database.transaction() as connection:
                connection.execute(text(_BUCKET), {"bucket_id": bucket_id})
                if connection.execute(text(_LOCK_DAY), values).one_or_none() is not None:
                    connection.execute(text(_FILL), values)
                    connection.execute(text(_DROP_EMPTY), values)
        return len(due)
