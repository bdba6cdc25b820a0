"""Everything that is kept of a person, for their archive."""

from collections.abc import Iterator, Mapping
from typing import Any

from heartguard_common.clock import rfc3339
from heartguard_influx.domain import query as queries
from heartguard_influx.domain.point import EARLIEST_NS, LATEST_NS
from heartguard_influx.domain.query import Selection
from heartguard_influx.ports import Buckets, FieldTypes, TimeSeriesStore

BUCKETS_AT_ONCE = 100


class Exporting:
    """All points of one person, whatever store they are in; no more than a page of them is held."""

    def __init__(self, buckets: Buckets, types: FieldTypes, store: TimeSeriesStore) -> None:
        self._buckets = buckets
        self._types = types
        self._store = store

    def export(self, org_id: int, person: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each point that carries the person's tag, by bucket, measurement and time."""
        after = ""
        while buckets := self._buckets.list(org_id, after, BUCKETS_AT_ONCE):
            for bucket in buckets:
                if bucket.id is not None:
                    for measurement in self._types.measurements(bucket.id):
                        everything = Selection(bucket.id, measurement, EARLIEST_NS, LATEST_NS, {}, person)
                        for point in self._points(everything):
                            yield "point", {"bucket": bucket.name, "measurement": measurement, **point}
            after = buckets[-1].name

    def _points(self, selection: Selection) -> Iterator[dict[str, Any]]:
        groups = self._store.groups(selection, None)
        fields = self._types.of(selection.bucket_id, selection.measurement)
        limit, position = queries.page_points(None, len(fields)), None
        while groups:
            rows, position = self._store.points(
                selection, groups, fields, after=position, limit=limit, descending=False
            )
            for row in rows:
                tags, values = dict(groups[row.group].tags), dict(row.values)
                yield {"tags": tags, "time": rfc3339(row.time_ns), "fields": values}
            if position is None:
                return
