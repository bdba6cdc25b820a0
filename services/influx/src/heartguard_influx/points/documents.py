"""The answer to a write, as a document of the contract."""

from collections.abc import Sequence

from heartguard_common.messages import (
    PointResultDocument,
    WriteResult,
)
from heartguard_influx.points.domain.point import Verdict


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
