"""Series in PostgreSQL: a measurement and its tags, under one number."""

import json
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, text

from heartguard_influx.domain.point import Tags, person_of, series_digest
from heartguard_influx.domain.query import Group, Selection, Series
from heartguard_influx.store.arrays import digests, numbers, texts

_FIND = """
SELECT digest, id FROM heartguard_core.series
WHERE bucket_id = :bucket_id AND digest = ANY (cast(:digests AS bytea[]))
"""
_MAKE = """
INSERT INTO heartguard_core.series (bucket_id, measurement, tags, digest, user_id)
SELECT :bucket_id, new.measurement, cast(new.tags AS jsonb), new.digest, new.user_id
FROM unnest(cast(:measurements AS text[]), cast(:tags AS text[]), cast(:digests AS bytea[]),
    cast(:persons AS bigint[])) AS new (measurement, tags, digest, user_id)
ORDER BY new.digest
ON CONFLICT DO NOTHING
"""
_SELECT = """
SELECT id, tags FROM heartguard_core.series
WHERE bucket_id = :bucket_id AND measurement = :measurement AND tags @> cast(:tags AS jsonb)
    AND (cast(:person AS bigint) IS NULL OR user_id = :person)
LIMIT :limit
"""


_PAGE = """
SELECT id, measurement, tags FROM heartguard_core.series
WHERE bucket_id = :bucket_id AND (cast(:measurement AS text) IS NULL OR measurement = :measurement)
    AND tags @> cast(:tags AS jsonb) AND (cast(:person AS bigint) IS NULL OR user_id = :person)
    AND id > :after
ORDER BY id LIMIT :limit
"""


def series_ids(
    connection: Connection, bucket_id: int, series: Collection[tuple[str, Tags]]
) -> dict[tuple[str, Tags], int]:
    """The numbers of series, given to those that are new."""
    wanted = {series_digest(measurement, tags): (measurement, tags) for measurement, tags in series}
    found = _find(connection, bucket_id, wanted)
    missing = [digest for digest in wanted if digest not in found]
    if missing:
        new = [wanted[digest] for digest in missing]
        values = {
            "bucket_id": bucket_id,
            "measurements": texts(measurement for measurement, _ in new),
            "tags": texts(json.dumps(dict(tags)) for _, tags in new),
            "digests": digests(missing),
            "persons": numbers(person_of(tags) for _, tags in new),
        }
        connection.execute(text(_MAKE), values)
        # Read again, because somebody else may have made them meanwhile.
        found |= _find(connection, bucket_id, missing)
    return {wanted[digest]: number for digest, number in found.items()}


def _find(connection: Connection, bucket_id: int, wanted: Collection[bytes]) -> dict[bytes, int]:
    rows = connection.execute(text(_FIND), {"bucket_id": bucket_id, "digests": digests(wanted)})
    return {bytes(row.digest): row.id for row in rows}


def find_series(
    connection: Connection,
    bucket_id: int,
    measurement: str | None,
    tags: Mapping[str, str],
    person: int | None,
    *,
    after: int,
    limit: int,
) -> list[Series]:
    """Up to `limit` series with a number above `after`, by number."""
    values = {
        "bucket_id": bucket_id,
        "measurement": measurement,
        "tags": json.dumps(dict(tags)),
        "person": person,
        "after": after,
        "limit": limit,
    }
    rows = connection.execute(text(_PAGE), values)
    return [Series(row.id, row.measurement, tuple(sorted(row.tags.items()))) for row in rows]


def find_groups(
    connection: Connection, selection: Selection, group_by: Sequence[str] | None, limit: int | None = None
) -> list[Group]:
    """The series of a selection, together where they share the tags of `group_by`, in the order of those tags.

    Not more than `limit` series, where one is given.
    """
    values = {
        "bucket_id": selection.bucket_id,
        "measurement": selection.measurement,
        "tags": json.dumps(dict(selection.tags)),
        "person": selection.person,
        "limit": limit,
    }
    members: dict[Tags, list[int]] = {}
    for row in connection.execute(text(_SELECT), values):
        shared = row.tags if group_by is None else {name: row.tags[name] for name in group_by if name in row.tags}
        members.setdefault(tuple(sorted(shared.items())), []).append(row.id)
    return [Group(tags, tuple(sorted(members[tags]))) for tags in sorted(members)]
