"""Everything that is kept of a person, for their archive."""

from collections.abc import Iterator, Mapping

from heartguard_common.core.clock import rfc3339
from heartguard_common.http.exports import Record
from heartguard_influx.domain.point import EARLIEST_NS, LATEST_NS
from heartguard_influx.domain.query import Selection
from heartguard_influx.usecases.dependencies import PointStream, Stores

BUCKETS_AT_ONCE = 100


class Exporting:
    """All points of one person, whatever store they are in; no more than a page of them is held."""

    def __init__(self, stores: Stores) -> None:
        self._s = stores

    def export(self, org_id: int, person: int) -> Iterator[Record]:
        """Each point that carries the person's tag, by bucket, measurement and time."""
        after = ""
        while buckets := self._s.buckets.list(org_id, after, BUCKETS_AT_ONCE):
            for bucket in buckets:
                if bucket.id is not None:
                    for measurement in self._s.types.measurements(bucket.id):
                        everything = Selection(bucket.id, measurement, EARLIEST_NS, LATEST_NS, {}, person)
                        for point in self._points(everything):
                            yield "point", {"bucket": bucket.name, "measurement": measurement, **point}
            after = buckets[-1].name

    def _points(self, selection: Selection) -> Iterator[Mapping[str, object]]:
        groups = self._s.points.groups(selection, None)
        fields = self._s.types.of(selection.bucket_id, selection.measurement)
        for row in PointStream(self._s.points, selection, groups, fields):
            tags, values = dict(groups[row.group].tags), dict(row.values)
            yield {"tags": tags, "time": rfc3339(row.time_ns), "fields": values}
