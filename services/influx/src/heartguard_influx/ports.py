"""The port that a store of points implements: those of all subjects together."""

from typing import Protocol

from heartguard_influx.deletion.ports import PointRemover
from heartguard_influx.fields.ports import FieldUse
from heartguard_influx.points.ports import PointWriter
from heartguard_influx.queries.ports import PointReader


class TimeSeriesStore(PointWriter, PointReader, PointRemover, FieldUse, Protocol):
    """Writes, reads and removes points: `PostgresStore` or `InfluxStore`."""
