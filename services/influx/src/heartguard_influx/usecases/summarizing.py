"""A day of somebody's heart rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from heartguard_common.errors import UNPROCESSABLE, Fault, ServiceError
from heartguard_common.identity import Principal
from heartguard_influx.domain.point import PERSON_TAG
from heartguard_influx.domain.query import Selection, require_zone
from heartguard_influx.domain.summary import DEFAULT_MAXIMUM, Sample, Summary, one_per_instant, summarize
from heartguard_influx.domain.windows import day_of
from heartguard_influx.usecases.access import find_bucket, only_person, require_own, tell
from heartguard_influx.usecases.parts import Stores, Whole

MEASUREMENT = "heart_rate"
FIELDS = ("bpm", "value")


@dataclass(frozen=True)
class Day:
    """A summary, and of whose day where."""

    user_id: int
    time_zone: str
    summary: Summary


class Summarizing:
    """Computes a day's summary from stored points."""

    def __init__(self, stores: Stores) -> None:
        self._s = stores

    def day(self, principal: Principal, document: Mapping[str, Any]) -> Day:
        """What a SummaryRequest asks for; a day that is not over ends now.

        Raises TS_001, TS_005, and GEN_422 for a day or a time zone that is none, and a day that has not begun.
        """
        user_id = document.get("user_id", principal.user_id)
        with self._s.transaction():
            bucket = find_bucket(self._s.buckets, principal, document["bucket"])
            require_own({PERSON_TAG: str(user_id)}, only_person(principal))
            zone = document.get("time_zone") or bucket.time_zone
            require_zone(zone)
            start_ns, stop_ns = _range(document["day"], zone)
            now = self._s.clock.now_ns()
            if start_ns >= now:
                raise ServiceError(UNPROCESSABLE, details=(Fault("/day", "has not begun"),))
            stop_ns = min(stop_ns, now)
            selection = Selection(bucket.id or 0, MEASUREMENT, start_ns, stop_ns, {PERSON_TAG: str(user_id)})
            samples = one_per_instant(self._samples(selection))
        tell(self._s.audit, principal, "timeseries.summary", (user_id,), bucket.name)
        maximum = document.get("maximum_heart_rate", DEFAULT_MAXIMUM)
        return Day(user_id, zone, summarize(samples, start_ns, stop_ns, maximum))

    def _samples(self, selection: Selection) -> list[Sample]:
        known = self._s.types.of(selection.bucket_id, MEASUREMENT)
        fields = [field for field in known if field.name in FIELDS and field.type == "float"]
        groups = self._s.points.groups(selection, None)
        samples: list[Sample] = []
        for row in Whole(self._s.points, selection, groups, fields):
            rate = next((row.values[name] for name in FIELDS if name in row.values), None)
            if isinstance(rate, float):
                samples.append((row.time_ns, rate))
        return samples


def _range(day: str, zone: str) -> tuple[int, int]:
    try:
        return day_of(date.fromisoformat(day), zone)
    except (ValueError, OverflowError) as error:
        raise ServiceError(UNPROCESSABLE, details=(Fault("/day", "is not a day of the calendar"),)) from error
