"""The endpoint of a day's summary."""

from typing import Protocol

from heartguard_common.core.clock import rfc3339
from heartguard_common.http.routing import Answer, Call, NoQuery, Route
from heartguard_common.messages import HeartRateSummary, SummaryRequest
from heartguard_influx.deadlines import ANSWER_SECONDS
from heartguard_influx.errors import NO_AGGREGATE, NO_BUCKET, NOT_YOURS, OVER_BUDGET
from heartguard_influx.summaries.usecases import Day, Summarizing

_NO_STORE = {"Cache-Control": "no-store"}


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def summarizing(self) -> Summarizing:
        """Summarizes a day."""


def summarize_day(usecases: UseCases, call: Call[SummaryRequest, NoQuery]) -> Answer[HeartRateSummary]:
    """Summarize a day of heart rate.

    Lowest, highest, mean and resting rate, time in each zone, coverage and gaps; of today where no day is named.
    """
    found = usecases.summarizing.day(call.person, call.document)
    return Answer(_document(call.document, found), headers=_NO_STORE)


def _document(asked: SummaryRequest, found: Day) -> HeartRateSummary:
    """The HeartRateSummary of what was asked for."""
    summary = found.summary
    return {
        "bucket": asked["bucket"],
        "user_id": found.user_id,
        "day": found.day.isoformat(),
        "time_zone": found.time_zone,
        "samples": summary.samples,
        "minimum": summary.minimum,
        "maximum": summary.maximum,
        "mean": summary.mean,
        "resting_heart_rate": summary.resting_heart_rate,
        "interval_seconds": summary.interval_seconds,
        "coverage": summary.coverage,
        "zones": [
            {"minimum": zone.minimum, "maximum": zone.maximum, "seconds": zone.seconds} for zone in summary.zones
        ],
        "gaps": [{"start": rfc3339(gap.start_ns), "stop": rfc3339(gap.stop_ns)} for gap in summary.gaps],
    }


ROUTES = (
    Route(
        "POST",
        "/timeseries/summary",
        summarize_day,
        expensive=True,
        seconds=ANSWER_SECONDS,
        raises=(NO_BUCKET, NOT_YOURS, OVER_BUDGET, NO_AGGREGATE),
    ),
)
