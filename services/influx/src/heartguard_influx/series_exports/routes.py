"""The endpoints that export series."""

from typing import Protocol

from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.core.errors import LIMIT_FOR_NOW, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import Job, SeriesExportRequest
from heartguard_influx.errors import EXPORT_OPEN, NO_BUCKET, NO_EXPORT, NO_PARQUET, NOT_YOURS
from heartguard_influx.series.domain import EARLIEST_NS, LATEST_NS
from heartguard_influx.series_exports.domain import Wanted
from heartguard_influx.series_exports.usecases import SeriesExports

_NO_STORE = {"Cache-Control": "no-store"}


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def series_exports(self) -> SeriesExports:
        """Exports series as files."""


def request_series_export(usecases: UseCases, call: Call[SeriesExportRequest, NoQuery]) -> Answer[Job]:
    """Request the points of a period as a CSV or Parquet file.

    Of a person, or of the organization without `user_id`; a member with the role user gets their own. The file is made
    after the answer: `Location` is the URL of its job. It is kept for a day, and replaces the caller's former one.
    """
    job = usecases.series_exports.request(call.person, _wanted(call.document))
    return Answer(job.document(), headers={"Location": f"/timeseries/exports/{job.id}", **_NO_STORE})


def read_series_export(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """Read how far a requested file of points is.

    When the job is done, `result_url` is the URL of the file.
    """
    job, url = usecases.series_exports.read(call.person, call.params["job_id"])
    return Answer(job.document(url), headers=_NO_STORE)


def _wanted(document: SeriesExportRequest) -> Wanted:
    """Raises GEN_422 where the range ends before it begins."""
    start, stop = parse_rfc3339(document["range_start"]), parse_rfc3339(document["range_stop"])
    if start >= stop:
        raise ServiceError(UNPROCESSABLE, details=(Violation("/range_stop", "must be after range_start"),))
    return Wanted(
        bucket=document["bucket"],
        measurement=document.get("measurement"),
        about=document.get("user_id"),
        start_ns=max(start, EARLIEST_NS),
        stop_ns=max(min(stop, LATEST_NS), EARLIEST_NS),
        format=document.get("format", "csv"),
    )


ROUTES = (
    Route(
        "POST",
        "/timeseries/exports",
        request_series_export,
        status=202,
        idempotent=True,
        raises=(NO_BUCKET, NOT_YOURS, EXPORT_OPEN, NO_PARQUET, LIMIT_FOR_NOW),
        headers=("Location",),
    ),
    Route("GET", "/timeseries/exports/{job_id}", read_series_export, raises=(NO_EXPORT, NOT_YOURS)),
)
