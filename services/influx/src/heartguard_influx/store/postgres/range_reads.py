"""Readings of many short ranges, in one statement."""

from collections.abc import Sequence

from heartguard_common.stores.arrays import numbers, texts
from heartguard_common.stores.database import Database, prepared
from heartguard_influx.feed.domain import PersonRange, Reading
from heartguard_influx.series.domain import EARLIEST_NS, LATEST_NS

# OFFSET 0 keeps PostgreSQL from joining series and points at once, instead of looking up those of each range.
_READ = prepared(
    """
    SELECT w.place, s.id, s.motion, p.time_ns, f.field, p.number
    FROM unnest(:orgs, :persons, :measurements, :starts, :stops)
        WITH ORDINALITY AS w (org_id, person, measurement, start_ns, stop_ns, place)
    CROSS JOIN LATERAL (
        SELECT one.id, one.tags ->> 'motion_context' AS motion FROM heartguard_core.series AS one
        WHERE one.user_id = w.person AND one.measurement = w.measurement
            AND one.bucket_id IN (SELECT b.id FROM heartguard_core.buckets AS b WHERE b.org_id = w.org_id) OFFSET 0
    ) AS s
    CROSS JOIN LATERAL (
        SELECT one.time_ns, one.field_id, one.number FROM heartguard_core.points AS one
        WHERE one.series_id = s.id AND one.time_ns >= w.start_ns AND one.time_ns < w.stop_ns
        ORDER BY one.time_ns LIMIT :each + 1
    ) AS p
    LEFT JOIN heartguard_core.field_types AS f ON f.id = p.field_id AND f.type = 'float'
    """,
    orgs="integer[]",
    persons="bigint[]",
    measurements="text[]",
    starts="bigint[]",
    stops="bigint[]",
    each="bigint",
)


class PostgresRangeReader:
    """A `RangeReader` over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def whole(self, ranges: Sequence[PersonRange], each: int) -> Sequence[Sequence[Reading] | None]:
        """All readings of each range in order of time; None for one with a series of more than `each` values."""
        if not ranges:
            return ()
        orgs, persons, measurements, starts, stops = zip(*ranges, strict=True)
        values = {
            "orgs": numbers(orgs),
            "persons": numbers(persons),
            "measurements": texts(measurements),
            "starts": numbers(map(_as_bigint, starts)),
            "stops": numbers(map(_as_bigint, stops)),
            "each": each,
        }
        found: list[list[Reading]] = [[] for _ in ranges]
        counts: dict[tuple[int, int], int] = {}
        known: dict[tuple[int, int, int], dict[str, float]] = {}
        for place, series, motion, time_ns, field, number in self._database.run(_READ, values).tuples():
            counts[place, series] = counts.get((place, series), 0) + 1
            if field is None:
                continue
            point = known.get((place, series, time_ns))
            if point is None:
                point = known[place, series, time_ns] = {}
                found[place - 1].append(Reading(time_ns, point, motion))
            point[field] = number
        for readings in found:
            readings.sort(key=lambda it: it.time_ns)
        beyond = {place for (place, _), count in counts.items() if count > each}
        return [None if place in beyond else readings for place, readings in enumerate(found, 1)]


def _as_bigint(time_ns: int) -> int:
    return min(max(time_ns, EARLIEST_NS), LATEST_NS)
