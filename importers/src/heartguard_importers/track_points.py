"""What TCX and GPX have in common: points of a track, each with a time and a heart rate in an element of its own."""

from collections.abc import Callable, Iterator

from heartguard_importers import measurements, xml_events
from heartguard_importers.files import Stream
from heartguard_importers.records import Options, Reason, Record, Report, plain
from heartguard_importers.times import LocalClock, SkippedTimeError, of_text


class TrackPoints:
    """Collects a record for each point with a heart rate.

    `point` and `time` are names of elements. `is_rate` says of the name of an element in a point, and that of the
    element around it, whether its text is the heart rate.
    """

    def __init__(
        self, report: Report, options: Options, source: str, point: str, time: str, is_rate: Callable[[str, str], bool]
    ) -> None:
        self.found: list[Record] = []
        self.tags = {"source": source}
        self._report = report
        self._clock = LocalClock(options.time_zone) if options.time_zone else None
        self._point = point
        self._time = time
        self._is_rate = is_rate
        self._path: list[str] = []
        self._inside = 0
        self._moment: str | None = None
        self._rate: str | None = None

    def start(self, name: str, attributes: dict[str, str], depth: int) -> None:
        """A point begins, or an element in it."""
        self._path.append(name)
        if depth == 1:
            creator = plain(attributes.get("creator", ""))
            self.tags |= {"device": creator} if creator else {}
        if name == self._point and not self._inside:
            self._inside = depth
            self._moment = self._rate = None

    def end(self, name: str, text: str, depth: int) -> None:
        """Take time and heart rate from the elements in a point, and give its record at its end."""
        self._path.pop()
        if not self._inside:
            return
        if depth == self._inside:
            self._inside = 0
            if self._rate is not None:
                self._give()
        elif name == self._time and depth == self._inside + 1:
            self._moment = text
        elif self._is_rate(name, self._path[-1]):
            self._rate = text

    def _give(self) -> None:
        try:
            time = of_text(self._moment, self._clock) if self._moment else None
        except SkippedTimeError:
            self._report.reject(Reason.TIME_SKIPPED)
            return
        except (ValueError, OverflowError):
            time = None
        record = self._report.accept(measurements.HEART_RATE, self._rate, time, self.tags)
        if record is not None:
            self.found.append(record)


def read(stream: Stream, points: TrackPoints, report: Report) -> Iterator[Record]:
    """The records of a file. Raises InvalidFileError."""
    for _ in xml_events.read(stream, points, report):
        yield from points.found
        points.found.clear()
