"""TCX, Garmin's Training Center XML.

Source: the schema TrainingCenterDatabasev2.xsd (www8.garmin.com/xmlschemas).

- A heart rate is `HeartRateBpm/Value` of a `Trackpoint`, a number from 1 to 255; `Time` is an xsd:dateTime, which
  devices write in UTC. Without an offset it is local, and needs the person's time zone.
- Points without a position have a heart rate as well (indoors). `AverageHeartRateBpm` and `MaximumHeartRateBpm` of a
  lap are sums of others and left out.
- The name of the device (`Creator`) stands behind its points, where a reader that keeps nothing in memory can't use it.
"""

from collections.abc import Iterator

from heartguard_importers import track_points
from heartguard_importers.files import Stream
from heartguard_importers.records import Options, Record, Report


def read(stream: Stream, options: Options, report: Report) -> Iterator[Record]:
    """The records of a TCX file. Raises InvalidFileError."""
    points = track_points.TrackPoints(report, options, "TCX", "Trackpoint", "Time", _is_rate)
    return track_points.read(stream, points, report)


def _is_rate(name: str, around: str) -> bool:
    return name == "Value" and around == "HeartRateBpm"
