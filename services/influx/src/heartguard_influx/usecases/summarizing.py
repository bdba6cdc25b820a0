"""The summary of a person's heart rate on one day."""

from dataclasses import dataclass
from datetime import date

from heartguard_common.core.errors import UNPROCESSABLE, ServiceError, Violation
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import SummaryRequest
from heartguard_influx.domain.point import EARLIEST_NS, LATEST_NS, PERSON_TAG
from heartguard_influx.domain.query import BUDGET, Budget, Selection, require_zone
from heartguard_influx.domain.summary import DEFAULT_MAXIMUM, Sample, Summary, one_per_instant, summarize
from heartguard_influx.domain.windows import day_of
from heartguard_influx.usecases.access import find_bucket, only_person, record_disclosure, require_own
from heartguard_influx.usecases.dependencies import PointStream, Stores, groups_of

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

    def __init__(self, stores: Stores, budget: Budget = BUDGET) -> None:
        self._s = stores
        self._budget = budget

    def day(self, principal: Principal, document: SummaryRequest) -> Day:
        """What a SummaryRequest asks for; a day that is not over ends now.

        Raises TS_001, TS_005, TS_006 for a day of more points than a stream holds, and GEN_422 for a day or a time
        zone that is none, a day that nanoseconds can't count, and one that has not begun.
        """
        user_id = document.get("user_id", principal.user_id or 0)
        with self._s.transaction():
            bucket = find_bucket(self._s.buckets, principal, document["bucket"])
            require_own({PERSON_TAG: str(user_id)}, only_person(principal))
            zone = document.get("time_zone") or bucket.time_zone
            require_zone(zone)
            start_ns, stop_ns = _range(document["day"], zone)
            now = self._s.clock.now_ns()
            if start_ns >= now:
                raise ServiceError(UNPROCESSABLE, details=(Violation("/day", "has not begun"),))
            stop_ns = min(stop_ns, now)
            selection = Selection(bucket.id or 0, MEASUREMENT, start_ns, stop_ns, {PERSON_TAG: str(user_id)})
            samples = one_per_instant(self._samples(selection))
        record_disclosure(self._s.audit, principal, "timeseries.summary", (user_id,), bucket.name)
        maximum = document.get("maximum_heart_rate", DEFAULT_MAXIMUM)
        return Day(user_id, zone, summarize(samples, start_ns, stop_ns, maximum))

    def _samples(self, selection: Selection) -> list[Sample]:
        known = self._s.types.of(selection.bucket_id, MEASUREMENT)
        fields = [field for field in known if field.name in FIELDS and field.type == "float"]
        groups = groups_of(self._s.points, selection, None, self._budget.series)
        whole = PointStream(self._s.points, selection, groups, fields, budget=self._budget)
        self._budget.require_summable(whole.count())
        samples: list[Sample] = []
        for row in whole:
            rate = next((row.values[name] for name in FIELDS if name in row.values), None)
            if isinstance(rate, float):
                samples.append((row.time_ns, rate))
        return samples


def _range(day: str, zone: str) -> tuple[int, int]:
    try:
        start_ns, stop_ns = day_of(date.fromisoformat(day), zone)
    except (ValueError, OverflowError) as error:
        raise ServiceError(UNPROCESSABLE, details=(Violation("/day", "is not a day of the calendar"),)) from error
    if start_ns < EARLIEST_NS or stop_ns > LATEST_NS:
        raise ServiceError(
            UNPROCESSABLE, details=(Violation("/day", "is outside the years that nanoseconds can count"),)
        )
    return start_ns, stop_ns
