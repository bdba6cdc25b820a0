"""Reads of a bucket by its name, in one statement: its row, its fields and series, and the last point of each series.

`PostgresBuckets`, `PostgresFieldTypes` and `PostgresStore` answer the same with a statement for each question, in a
transaction that needs two round trips more.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from heartguard_common.stores.database import Database, Statement, prepared
from heartguard_influx.fields.domain import Field, Value
from heartguard_influx.queries.domain.query import ResultRow
from heartguard_influx.queries.ports import Asked, LastPoints, Located
from heartguard_influx.series.domain import PERSON_TAG, Series, Tags, person_of
from heartguard_influx.store.postgres.buckets import ROW_OF_BUCKET, bucket_of
from heartguard_influx.store.postgres.reading import value_of
from heartguard_influx.store.postgres.series import groups_by

_BUCKET = f"{ROW_OF_BUCKET} AND b.org_id = :org_id AND b.name = :name"
_MEASUREMENT, _PERSON = "AND s.measurement = :measurement", "AND s.user_id = :person"
_TYPES = {"org_id": "integer", "name": "text", "tags": "jsonb", "limit": "integer"}
# Each plan must be good for all values. The page of series is sorted by an expression, so that it is found by bucket
# and measurement or person: along the primary key PostgreSQL could pass the series of all other buckets. OFFSET 0 keeps
# it from joining the series with all points at once, instead of looking up those of each.
_LATEST = """
SELECT s.id, s.measurement, s.tags, p.time_ns, p.number, p.string, f.field, f.type
FROM ({bucket}) AS b
LEFT JOIN LATERAL (
    SELECT s.id, s.measurement, s.tags FROM heartguard_core.series AS s
    WHERE s.bucket_id = b.id AND s.tags @> :tags AND s.id > :after {conditions}
    ORDER BY s.id + 0 LIMIT :limit
) AS s ON true
LEFT JOIN LATERAL (
    SELECT one.time_ns FROM heartguard_core.points AS one WHERE one.series_id = s.id ORDER BY one.time_ns DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT one.* FROM heartguard_core.points AS one WHERE one.series_id = s.id AND one.time_ns = last.time_ns OFFSET 0
) AS p ON true
LEFT JOIN heartguard_core.field_types AS f ON f.id = p.field_id
ORDER BY s.id, f.field COLLATE "C"
"""
_LOCATED = """
SELECT b.*, (
    SELECT json_agg(json_build_array(f.id, f.field, f.type) ORDER BY f.field) FROM heartguard_core.field_types AS f
    WHERE f.bucket_id = b.id AND f.measurement = :measurement
) AS fields, (
    SELECT json_agg(json_build_array(s.id, s.tags)) FROM (
        SELECT s.id, s.tags FROM heartguard_core.series AS s
        WHERE s.bucket_id = b.id AND s.tags @> :tags {conditions} LIMIT :limit
    ) AS s
) AS series
FROM ({bucket}) AS b
"""


def _statement(statement: str, *, measured: bool, personal: bool, **types: str) -> Statement:
    """The statement for a measurement, a person, both or neither: each has a plan of its own."""
    conditions = f"{_MEASUREMENT if measured else ''} {_PERSON if personal else ''}"
    types |= {"measurement": "text"} if measured else {}
    types |= {"person": "bigint"} if personal else {}
    return prepared(statement.format(bucket=_BUCKET, conditions=conditions), **_TYPES, **types)


_EACH = (False, True)
_LATEST_BY = {
    (measured, personal): _statement(_LATEST, measured=measured, personal=personal, after="bigint")
    for measured in _EACH
    for personal in _EACH
}
_LOCATED_BY = {personal: _statement(_LOCATED, measured=True, personal=personal) for personal in _EACH}


class QuickReads:
    """Reads in one statement, over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def located(self, asked: Asked, group_by: Sequence[str] | None, limit: int) -> Located | None:
        """A bucket, the fields of the measurement and at most `limit` series, in groups; None without such a bucket."""
        person, values = _values(asked, limit)
        row = self._database.one(_LOCATED_BY[person is not None], values)
        if row is None:
            return None
        fields = [Field(*field) for field in row.fields or ()]
        groups = groups_by([(number, tags) for number, tags in row.series or ()], group_by)
        return Located(bucket_of(row), fields, groups)

    def last_points(self, asked: Asked, *, after: int, limit: int) -> LastPoints | None:
        """At most `limit` series with an id above `after`, by id, and the last points; None without such a bucket."""
        person, values = _values(asked, limit)
        statement = _LATEST_BY[asked.measurement is not None, person is not None]
        rows = self._database.run(statement, {**values, "after": after}).tuples()
        return _last_points(rows) if rows else None


def _values(asked: Asked, limit: int) -> tuple[int | None, Mapping[str, object]]:
    """The person whose series are meant, and the parameters of a statement."""
    tags = asked.tags
    named = person_of(tags.items()) if PERSON_TAG in tags else None
    person = asked.person if asked.person is not None else named
    values: dict[str, object] = {"org_id": asked.org_id, "name": asked.bucket, "limit": limit}
    values["tags"] = json.dumps(dict(tags))
    return person, {**values, "measurement": asked.measurement, "person": person}


def _last_points(rows: Sequence[tuple[Any, ...]]) -> LastPoints:
    series: dict[int, Series] = {}
    points: dict[int, tuple[int, dict[str, Value | None]]] = {}
    for number, measurement, tags, time_ns, amount, string, name, its_type in rows:
        if number is None:
            continue
        if number not in series:
            series[number] = Series(number, measurement, _sorted(tags))
        if name is not None:
            values = points.setdefault(number, (time_ns, {}))[1]
            values[name] = value_of(its_type, amount, string)
    found = list(series.values())
    places = {one.id: place for place, one in enumerate(found)}
    return LastPoints(found, [ResultRow(places[number], *point) for number, point in points.items()])


def _sorted(tags: Mapping[str, str]) -> Tags:
    return tuple(sorted(tags.items()))
