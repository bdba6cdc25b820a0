"""All points of one person, for the archive of their data."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from heartguard_common.core.clock import rfc3339
from heartguard_common.http.exports import Record
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.queries.ports import PointReader
from heartguard_influx.queries.usecases.stream import PointStream
from heartguard_influx.series.domain import EARLIEST_NS, LATEST_NS, Selection

BUCKETS_AT_ONCE = 100


class Exporting:
    """Reads all points of one person; at most one page of them is in memory."""

    def __init__(
        self,
        buckets: Buckets,
        types: FieldTypes,
        points: PointReader,
        others: Callable[[int, int], Iterable[Record]] = lambda *_: (),
    ) -> None:
        """`others` are the other records that the service keeps of a person."""
        self._others = others
        self._buckets = buckets
        self._types = types
        self._points = points

    def export(self, org_id: int, person: int) -> Iterator[Record]:
        """The points with the person's tag, by bucket, measurement and time, and the other records."""
        yield from self._others(org_id, person)
        after = ""
        while buckets := self._buckets.list(org_id, after, BUCKETS_AT_ONCE):
            for bucket in buckets:
                if bucket.id is not None:
                    for measurement in self._types.measurements(bucket.id):
                        everything = Selection(bucket.id, measurement, EARLIEST_NS, LATEST_NS, {}, person)
                        for point in self._of(everything):
                            yield "point", {"bucket": bucket.name, "measurement": measurement, **point}
            after = buckets[-1].name

    def _of(self, selection: Selection) -> Iterator[Mapping[str, object]]:
        groups = self._points.groups(selection, None)
        fields = self._types.of(selection.bucket_id, selection.measurement)
        for row in PointStream(self._points, selection, groups, fields):
            tags, values = dict(groups[row.group].tags), dict(row.values)
            yield {"tags": tags, "time": rfc3339(row.time_ns), "fields": values}
