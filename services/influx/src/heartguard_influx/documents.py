"""The messages that answers are: what the use cases found, as documents of the contract."""

from collections.abc import Sequence

from heartguard_common import messages
from heartguard_common.core.clock import NANOSECONDS, rfc3339
from heartguard_common.messages import (
    CatalogueEntryDocument,
    HeartRateSummary,
    LatestPointDocument,
    PointResultDocument,
    SummaryRequest,
    TypedFieldDocument,
    WriteResult,
)
from heartguard_influx.domain.bucket import Bucket
from heartguard_influx.domain.catalogue import NUMBERS, Measurement, out_of_range
from heartguard_influx.domain.point import Verdict
from heartguard_influx.domain.query import TypedField
from heartguard_influx.usecases import Day, Latest


def written(verdicts: Sequence[Verdict]) -> WriteResult:
    """The WriteResult of the verdicts on a batch."""
    made = {verdict: _verdict(verdict) for verdict in set(verdicts)}
    results = [made[verdict] for verdict in verdicts]
    inserted = sum(verdict.status != "rejected" for verdict in verdicts)
    return {"success": inserted == len(verdicts), "inserted": inserted, "results": results}


def _verdict(verdict: Verdict) -> PointResultDocument:
    if verdict.reason is None:
        return {"status": verdict.status}
    return {"status": verdict.status, "reason": verdict.reason}


def bucket(found: Bucket) -> messages.Bucket:
    """The message Bucket."""
    return {"bucket": found.name, "retention_days": found.retention_days, "created_at": found.created_at}


def typed_field(field: TypedField) -> TypedFieldDocument:
    """A field of a FieldList."""
    fixed = (field.measurement, field.name) in NUMBERS
    return {"measurement": field.measurement, "field": field.name, "type": field.type, "fixed": fixed}


def measurement(entry: Measurement) -> CatalogueEntryDocument:
    """An entry of the MeasurementList."""
    return {
        "name": entry.name,
        "unit": entry.unit,
        "minimum": entry.minimum,
        "maximum": entry.maximum,
        "description": entry.description,
        "fields": list(entry.fields),
    }


def latest_point(found: Latest, now_ns: int) -> LatestPointDocument:
    """A point of a LatestResult; its age counts up to `now_ns`."""
    point: LatestPointDocument = {
        "measurement": found.measurement,
        "tags": dict(found.tags),
        "fields": {name: value for name, value in found.row.values.items() if value is not None},
        "time": rfc3339(found.row.time_ns),
        # A device's clock may be ahead of ours by a little.
        "age_seconds": max(0.0, (now_ns - found.row.time_ns) / NANOSECONDS),
    }
    if names := out_of_range(found.measurement, found.row.values):
        point["out_of_range"] = names
    return point


def summary(asked: SummaryRequest, found: Day) -> HeartRateSummary:
    """The HeartRateSummary of what was asked for."""
    summary = found.summary
    return {
        "bucket": asked["bucket"],
        "user_id": found.user_id,
        "day": asked["day"],
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
