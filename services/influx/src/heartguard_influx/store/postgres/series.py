"""Series in PostgreSQL: a measurement and its tags, with an id."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from heartguard_common.core.limits import Limits, sentence
from heartguard_common.stores.arrays import digests, numbers, texts
from heartguard_common.stores.database import Connection, prepared, text
from heartguard_influx.points.ports import TooManySeries
from heartguard_influx.series.domain import Group, Selection, Series, Tags, person_of, series_digest
from heartguard_influx.store.postgres.known_keys import KnownKeys

_FIND = prepared(
    "SELECT digest, id FROM heartguard_core.series WHERE bucket_id = :bucket_id AND digest = ANY (:digests)",
    bucket_id="bigint",
    digests="bytea[]",
)
_INSERT = """
INSERT INTO heartguard_core.series (bucket_id, measurement, tags, digest, user_id)
SELECT :bucket_id, new.measurement, cast(new.tags AS jsonb), new.digest, new.user_id
FROM unnest(cast(:measurements AS text[]), cast(:tags AS text[]), cast(:digests AS bytea[]),
    cast(:persons AS bigint[])) AS new (measurement, tags, digest, user_id)
ORDER BY new.digest
ON CONFLICT DO NOTHING
"""
_ORGANIZATION = "SELECT org_id FROM heartguard_core.buckets WHERE id = :bucket_id"
_COUNT = """
SELECT s.user_id, count(*) AS number FROM heartguard_core.series AS s
JOIN heartguard_core.buckets AS b ON b.id = s.bucket_id WHERE b.org_id = :org_id GROUP BY s.user_id
"""
_EMPTY = """
DELETE FROM heartguard_core.series AS s WHERE s.id = ANY (cast(:ids AS bigint[]))
    AND NOT EXISTS (SELECT FROM heartguard_core.points AS p WHERE p.series_id = s.id)
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
    connection: Connection,
    bucket_id: int,
    series: Collection[tuple[str, Tags]],
    limits: Limits | None = None,
    known: KnownKeys | None = None,
) -> dict[tuple[str, Tags], int]:
    """The ids of series; creates those that are new. Raises `TooManySeries` without creating any.

    Those that were stored before are made known; the transaction of a new one may still fail.
    """
    wanted = {series_digest(measurement, tags): (measurement, tags) for measurement, tags in series}
    found = _find(connection, bucket_id, wanted)
    if known is not None:
        known.saw_series(bucket_id, found)
    missing = [digest for digest in wanted if digest not in found]
    if missing and limits is not None:
        found |= _require_capacity(connection, bucket_id, {digest: wanted[digest] for digest in missing}, limits)
        missing = [digest for digest in missing if digest not in found]
    if missing:
        new = [wanted[digest] for digest in missing]
        values = {
            "bucket_id": bucket_id,
            "measurements": texts(measurement for measurement, _ in new),
            "tags": texts(json.dumps(dict(tags)) for _, tags in new),
            "digests": digests(missing),
            "persons": numbers(person_of(tags) for _, tags in new),
        }
        connection.execute(text(_INSERT), values)
        # Read again, because a concurrent request may have created them.
        found |= _find(connection, bucket_id, missing)
    return {wanted[digest]: number for digest, number in found.items()}


def _require_capacity(
    connection: Connection, bucket_id: int, new: Mapping[bytes, tuple[str, Tags]], limits: Limits
) -> dict[bytes, int]:
    """The ids of series that a concurrent request has created. Raises `TooManySeries` for series beyond a limit."""
    org_id = connection.execute(text(_ORGANIZATION), {"bucket_id": bucket_id}).scalar()
    if org_id is None:
        return {}  # the bucket was deleted: creating a series in it will fail
    limits.lock(org_id, "series")
    found = _find(connection, bucket_id, new)
    of_person = Counter({row.user_id: row.number for row in connection.execute(text(_COUNT), {"org_id": org_id})})
    together, most, each = of_person.total(), limits.value(org_id, "series"), limits.value(org_id, "series_per_member")
    full: dict[tuple[str, Tags], str] = {}
    for digest in new.keys() - found.keys():
        person = person_of(new[digest][1])
        if together >= most:
            full[new[digest]] = "series"
        elif person is not None and of_person[person] >= each:
            full[new[digest]] = "series_per_member"
        else:
            together += 1
            of_person[person] += 1
    for name in sorted(set(full.values())):
        limits.refused(name)
    if full:
        reasons = {"series": sentence("series", most), "series_per_member": sentence("series_per_member", each)}
        raise TooManySeries({series: reasons[name] for series, name in full.items()})
    return found


def remove_empty(connection: Connection, series: str) -> int:
    """Remove the series without points among some (a literal of their ids); returns how many.

    The caller holds the lock on the bucket's row, so that there is no concurrent write.
    """
    return connection.execute(text(_EMPTY), {"ids": series}).rowcount


def _find(connection: Connection, bucket_id: int, wanted: Collection[bytes]) -> dict[bytes, int]:
    rows = connection.execute(_FIND, {"bucket_id": bucket_id, "digests": digests(wanted)})
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
    """Up to `limit` series with an id above `after`, by id."""
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
    """The series of a selection in groups that share the tags of `group_by`, ordered by those tags.

    At most `limit` series are read, where one is given.
    """
    values = {
        "bucket_id": selection.bucket_id,
        "measurement": selection.measurement,
        "tags": json.dumps(dict(selection.tags)),
        "person": selection.person,
        "limit": limit,
    }
    return groups_by(connection.execute(text(_SELECT), values).tuples(), group_by)


def groups_by(series: Iterable[Sequence[Any]], group_by: Sequence[str] | None) -> list[Group]:
    """Series, each an id and tags, in groups that share the tags of `group_by`, ordered by those tags."""
    members: dict[Tags, list[int]] = {}
    for number, tags in series:
        shared = tags if group_by is None else {name: tags[name] for name in group_by if name in tags}
        members.setdefault(tuple(sorted(shared.items())), []).append(number)
    return [Group(tags, tuple(sorted(members[tags]))) for tags in sorted(members)]
