"""An import: what was asked for, how far it has come, and what became of the values of its file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from heartguard_common.identity.authentication import Principal
from heartguard_common.jobs.engine import Job
from heartguard_common.messages.imports import CsvColumnsDocument, ImportKind, ImportStatus
from heartguard_influx.points.domain.point import Verdict

JOB_KIND = "timeseries.import"
Reason: TypeAlias = Literal[
    "invalid_file", "too_costly", "not_uploaded", "not_permitted", "no_bucket", "no_room", "given_up"
]
MOST_REASONS = 90
"""So many different reasons of verdicts are counted apart; an import whose file has more is a strange one."""
OTHER = "other"


@dataclass(frozen=True)
class Request:
    """What was asked for. `principal` is the caller, without their token: an import lasts longer than a session."""

    principal: Principal
    user_id: int
    bucket: str
    file_name: str
    size: int
    kind: ImportKind | None = None
    time_zone: str = "UTC"
    csv: CsvColumnsDocument | None = None


@dataclass(frozen=True)
class Problem:
    """Why an import has failed, and where in its file."""

    reason: Reason
    message: str
    place: str = ""


@dataclass(frozen=True)
class FileReport:
    """What a parser has found so far: `examples` has reasons with places, `progress` is a fraction of the file."""

    kind: ImportKind
    seen: int
    rejected: Mapping[str, int]
    examples: Sequence[tuple[str, str]]
    skipped: Mapping[str, int]
    progress: float


@dataclass(frozen=True)
class Counts:
    """What became of the records of a file. `position` is how many the parser has given, `report` its own counts."""

    position: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    report: FileReport | None = None

    @property
    def percent(self) -> int:
        """How much of the file is read, in percent; 100 only at its end, which this does not know."""
        return 0 if self.report is None else min(99, int(self.report.progress * 100))

    def plus(self, verdicts: Sequence[Verdict], report: FileReport) -> "Counts":
        """The counts after a batch."""
        statuses = Counter(verdict.status for verdict in verdicts)
        rejected = Counter(self.rejected)
        for verdict in verdicts:
            if verdict.status == "rejected":
                reason = verdict.reason or OTHER
                rejected[reason if reason in rejected or len(rejected) < MOST_REASONS else OTHER] += 1
        return Counts(
            position=self.position + len(verdicts),
            stored=self.stored + statuses["stored"] + statuses["created"] + statuses["updated"],
            duplicates=self.duplicates + statuses["duplicate"],
            rejected=dict(rejected),
            report=report,
        )


@dataclass(frozen=True)
class Import:
    """An import; times are RFC 3339 text. `state` is what people see, `job` what the engine of jobs knows."""

    id: str
    request: Request
    state: ImportStatus
    counts: Counts
    job: Job
    created_at: str
    updated_at: str
    problem: Problem | None = None

    @property
    def org_id(self) -> int:
        """The organization that the person belongs to."""
        return self.job.org_id

    @property
    def status(self) -> ImportStatus:
        """The state, also of an import that the engine or the operator has given up."""
        return "failed" if self.job.status == "failed" and not self.ended else self.state

    @property
    def ended(self) -> bool:
        """Whether nothing more of its file is read."""
        return self.state in ("done", "failed", "cancelled")

    def after(self, counts: Counts, state: ImportStatus | None = None, problem: Problem | None = None) -> "Import":
        """The import with other counts."""
        return replace(self, counts=counts, state=state or self.state, problem=problem)
