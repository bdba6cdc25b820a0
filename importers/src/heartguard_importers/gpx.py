"""GPX, the GPS Exchange Format, with a heart rate in the extensions of its points.

Sources: gpx.xsd 1.1 (topografix.com/GPX/1/1) and TrackPointExtensionv1.xsd (www8.garmin.com/xmlschemas).

- The heart rate is `hr` in `TrackPointExtension`, or `hr` or `heartrate` directly in `extensions` (Cluetrust,
  Amazfit), whatever the namespace. Without one a point gives nothing.
- `time` is an xsd:dateTime in UTC. Without an offset it is local, and needs the person's time zone.
- `creator` of the file is the device, or the program that wrote it.
"""

from collections.abc import Iterator

from heartguard_importers import track_points
from heartguard_importers.files import Stream
from heartguard_importers.records import Options, Record, Report


def read(stream: Stream, options: Options, report: Report) -> Iterator[Record]:
    """The records of a GPX file. Raises InvalidFileError."""
    points = track_points.TrackPoints(report, options, "GPX", "trkpt", "time", _is_rate)
    return track_points.read(stream, points, report)


def _is_rate(name: str, around: str) -> bool:
    return name in ("hr", "heartrate") and around in ("TrackPointExtension", "extensions")
