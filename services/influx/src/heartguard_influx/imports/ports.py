"""What imports need from outside: their table, the files that people send, and a process that parses one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from heartguard_common.messages.imports import ImportStatus
from heartguard_influx.imports.domain import Counts, FileReport, Import, Problem, Request


@dataclass(frozen=True)
class Ticket:
    """How to send the bytes of the import `id`: one PUT to `url` with these headers, before `expires_at` (RFC 3339)."""

    id: str
    url: str
    headers: Mapping[str, str]
    expires_at: str


@dataclass(frozen=True)
class Record:
    """One value of a file; `time_ns` counts from 1970-01-01T00:00:00Z."""

    measurement: str
    fields: Mapping[str, float]
    time_ns: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Batch:
    """What a parser has said: records, in the order of the file, and the report; without records only that it works."""

    records: Sequence[Record] = ()
    report: FileReport | None = None


class ParserError(Exception):
    """The file can't be read, or no further; what was read before is valid. `report` is the last one."""

    def __init__(self, problem: Problem, report: FileReport | None = None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.report = report


class NotUploadedError(Exception):
    """The bytes of an import did not come in time, or are not there any more."""


class ImportFiles(Protocol):
    """The bytes that people send."""

    def announce(self, request: Request, *, direct: bool) -> Ticket:
        """Reserve room for the bytes of a file. Raises `ServiceError`.

        With `direct` the ticket may lead straight to a bucket, otherwise always to this HeartGuard.
        """

    def arrived(self, found: Import) -> bool:
        """Whether the bytes of an import are there. Raises `NotUploadedError`; `ServiceError` where nobody knows."""

    def fetched(self, found: Import) -> AbstractContextManager[Path]:
        """The file of an import, alone in a directory of its own that is removed afterwards.

        Raises `NotUploadedError`; `ServiceError` where it could be there but can't be read now; OSError.
        """

    def remove(self, found: Import) -> None:
        """Remove the bytes; no error when there are none. Raises `ServiceError`."""


class Parser(Protocol):
    """Reads a file in a process of its own."""

    def read(self, file: Path, request: Request, skip: int) -> Iterator[Batch]:
        """The batches of a file behind its first `skip` records; closing the iterator ends the process.

        Raises `ParserError` after the last batch, and OSError where this machine is to blame.
        """


class Imports(Protocol):
    """The imports, in the database."""

    def add(self, found: Import) -> None:
        """Keep a new import. Part of the surrounding transaction. Raises `LimitError` for too many."""

    def find(self, org_id: int, import_id: str) -> Import | None:
        """An import of an organization."""

    def of_job(self, job_id: str) -> Import | None:
        """The import of a job."""

    def list(self, org_id: int, user_id: int | None, before: str | None, limit: int) -> Sequence[Import]:
        """Up to `limit` imports of an organization, or of one member, newest first, older than `before`."""

    def advance(self, found: Import, counts: Counts, state: ImportStatus, problem: Problem | None = None) -> bool:
        """Keep how far an import has come; False where it was cancelled or erased, and then nothing is kept."""

    def may_store(self, org_id: int) -> bool:
        """Whether the mode of an organization lets points be stored."""

    def wake(self, found: Import) -> None:
        """Have the job of an import continue at once."""

    def wake_next(self, org_id: int) -> None:
        """Have the job of the oldest import of an organization that waits for its turn continue at once."""

    def turn(self, org_id: int) -> AbstractContextManager[bool]:
        """Whether no other import of an organization is being read; if so, none begins until the block ends."""

    def erase(self, org_id: int, user_id: int | None) -> int:
        """Remove the imports of an organization or a member; returns how many."""
