"""The summary of a person's heart rate on one day."""

from dataclasses import dataclass
from datetime import date

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import SummaryRequest
from heartguard_influx.buckets.access import find_bucket, only_person, record_disclosure, require_own
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.queries.domain.query import BUDGET, Budget, require_zone
from heartguard_influx.queries.domain.windows import date_of, day_of
from heartguard_influx.queries.ports import PointReader
from heartguard_influx.queries.usecases.stream import PointStream, groups_of
from heartguard_influx.series.domain import EARLIEST_NS, LATEST_NS, PERSON_TAG, Selection
from heartguard_influx.summaries.domain import DEFAULT_MAXIMUM, Sample, Summary, one_per_instant, summarize

MEASUREMENT = "heart_rate"
FIELDS = ("bpm", "value")


@dataclass(frozen=True)
class Day:
    """The summary of a person's day in a time zone."""

    user_id: int
    day: date
    time_zone: str
    summary: Summary


class Summarizing:
    """Computes a day's summary from stored points."""

    def __init__(
        self,
        buckets: Buckets,
        types: FieldTypes,
        points: PointReader,
        *,
        transaction: Transaction,
        audit: AuditTrail,
        clock: Clock,
        budget: Budget = BUDGET,
    ) -> None:
        self._buckets = buckets
        self._types = types
        self._points = points
        self._transaction = transaction
        self._audit = audit
        self._clock = clock
        self._budget = budget

    def day(self, principal: Principal, document: SummaryRequest) -> Day:
        """The result of a SummaryRequest, of today in the time zone without `day`; today is summarized up to now.

        Raises TS_001, TS_005, TS_006 for a day of more points than a stream holds, and GEN_422 for an invalid day or
        time zone, a day that int64 nanoseconds can't represent, and one that has not begun.
        """
        user_id = document.get("user_id", principal.user_id or 0)
        with self._transaction():
            bucket = find_bucket(self._buckets, principal, document["bucket"])
            require_own({PERSON_TAG: str(user_id)}, only_person(principal))
            zone = document.get("time_zone") or bucket.time_zone
            require_zone(zone)
            now = self._clock.now_ns()
            day = _day(document["day"]) if "day" in document else date_of(now, zone)
            start_ns, stop_ns = _range(day, zone)
            if start_ns >= now:
                raise ServiceError(UNPROCESSABLE, details=(Violation("/day", "has not begun"),))
            stop_ns = min(stop_ns, now)
            selection = Selection(bucket.id or 0, MEASUREMENT, start_ns, stop_ns, {PERSON_TAG: str(user_id)})
            samples = one_per_instant(self._samples(selection))
        record_disclosure(self._audit, principal, "timeseries.summary", (user_id,), bucket.name)
        maximum = document.get("maximum_heart_rate", DEFAULT_MAXIMUM)
        return Day(user_id, day, zone, summarize(samples, start_ns, stop_ns, maximum))

    def _samples(self, selection: Selection) -> list[Sample]:
        known = self._types.of(selection.bucket_id, MEASUREMENT)
        fields = [field for field in known if field.name in FIELDS and field.type == "float"]
        groups = groups_of(self._points, selection, None, self._budget.series)
        whole = PointStream(self._points, selection, groups, fields, budget=self._budget)
        self._budget.require_summable(whole.count())
        samples: list[Sample] = []
        for row in whole:
            rate = next((row.values[name] for name in FIELDS if name in row.values), None)
            if isinstance(rate, float):
                samples.append((row.time_ns, rate))
        return samples


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise _no_day() from error


def _no_day() -> ServiceError:
    return ServiceError(UNPROCESSABLE, details=(Violation("/day", "is not a day of the calendar"),))


def _range(day: date, zone: str) -> tuple[int, int]:
    try:
        start_ns, stop_ns = day_of(day, zone)
    except OverflowError as error:
        raise _no_day() from error
    if start_ns < EARLIEST_NS or stop_ns > LATEST_NS:
        raise ServiceError(
            UNPROCESSABLE, details=(Violation("/day", "is outside the years that nanoseconds can count"),)
        )
    return start_ns, stop_ns
