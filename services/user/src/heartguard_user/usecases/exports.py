"""Export of all data of a person as one archive: requested here, made by a background thread."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NotRequired, TypedDict, cast

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import LimitError, Limits
from heartguard_common.http.exports import FileRecord, Record, VerifiedStream, lines, read
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.jobs.engine import Job, JobError, Jobs
from heartguard_user.domain import PARTS, path_in_archive
from heartguard_user.errors import NO_JOB, NO_USER
from heartguard_user.ports import PersonalData, Users

EXPORT = "user.export"
WAIT_SECONDS = 60  # about how long an export takes
Entry = tuple[str, Iterable[bytes]]
Pack = Callable[[Iterable[Entry]], Iterator[bytes]]
"""Returns the bytes of an archive of files, given by path, as a stream."""


class Exports:
    """Exports of persons, as jobs that only the person can read."""

    def __init__(
        self,
        jobs: Jobs,
        personal_data: PersonalData,
        authority: Authority,
        limits: Limits,
        audit: AuditTrail,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._jobs = jobs
        self._authority = authority
        self._personal_data = personal_data
        self._limits = limits
        self._audit = audit
        self._clock = clock
        self._wake = wake

    def request(self, principal: Principal) -> Job:
        """Request an archive of all data of the caller; while one is being made, that job is returned.

        Raises GEN_429_LIMIT when the daily limit of the caller, or the limit of open exports, is used up.
        """
        org_id, user_id = principal.org_id or 0, principal.user_id
        wanted = Job(uuid7(self._clock), EXPORT, org_id, principal.actor, self._clock.now_ns(), user_id)
        with self._jobs.transaction():
            self._authority.require_writer(principal)
            job, new = self._jobs.request(wanted)
            if new:
                self._limits.take(org_id, "exports_per_member_per_day", str(user_id))
                self._require_few(org_id)
                self._audit.changed(principal, "user.request_export", f"user:{user_id}", payload={"job": job.id})
        if new:
            self._wake()
        return job

    def _require_few(self, org_id: int) -> None:
        """Raises `LimitError` where too many exports of an organization are open, this one included."""
        self._limits.lock(org_id, "open_exports")
        most = self._limits.value(org_id, "open_exports")
        if self._jobs.count_open(EXPORT, org_id) > most:
            raise LimitError("open_exports", most, wait_seconds=WAIT_SECONDS)

    def read(self, principal: Principal, job_id: str) -> tuple[Job, str | None]:
        """An export of the caller, and the signed URL of its archive while it is kept. Raises USER_003, GEN_502."""
        job = self._jobs.find(EXPORT, job_id)
        if job is None or job.user_id != principal.user_id or job.org_id != principal.org_id:
            raise ServiceError(NO_JOB)
        if job.status != "done" or job.result is None:
            return job, None
        return job, self._personal_data.url(job.result, job.org_id, job.user_id or 0)


class _PackedDocument(TypedDict):
    """The entry of a file in the manifest of an archive."""

    path: str
    source: str
    bytes: int
    sha256: str
    records: NotRequired[int]


@dataclass
class _Packed:
    """A file of the archive: iterating yields its bytes, and counts its records (None: has none), size and SHA-256."""

    path: str
    source: str
    blocks: Iterable[bytes]
    records: int | None = None
    size: int = 0
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks:
            self.size += len(block)
            self.hash.update(block)
            yield block
        self.records = self.blocks.records if isinstance(self.blocks, VerifiedStream) else None

    def document(self) -> _PackedDocument:
        document: _PackedDocument = {
            "path": self.path,
            "source": self.source,
            "bytes": self.size,
            "sha256": self.hash.hexdigest(),
        }
        if self.records is not None:
            document["records"] = self.records
        return document


class Exporting:
    """The work of an export job: one step that streams everything into one archive, without keeping it in memory."""

    def __init__(self, users: Users, jobs: Jobs, personal_data: PersonalData, pack: Pack, clock: Clock) -> None:
        self._users = users
        self._jobs = jobs
        self._personal_data = personal_data
        self._pack = pack
        self._clock = clock

    def __call__(self, job: Job) -> Job:
        """The job after its archive was stored. Raises `JobError`, a permanent one for a person who was deleted."""
        org_id, user_id = job.org_id, job.user_id or 0
        place = ["user"]
        try:
            self._require_person(org_id, user_id)
            archive = self._personal_data.keep(org_id, user_id, self._pack(self._entries(job, place)))
            try:
                self._require_person(org_id, user_id)
            except JobError:
                # Deleted meanwhile, perhaps after media had removed the person's files and archives.
                self._personal_data.forget(org_id, user_id)
                raise
        except ServiceError as error:
            raise JobError.of(place[0], error) from error
        return job.advanced(100, archive)

    def _require_person(self, org_id: int, user_id: int) -> None:
        if self._users.find(org_id, user_id) is None:
            raise JobError(f"user: {NO_USER.code}", permanent=True)

    def _entries(self, job: Job, place: list[str]) -> Iterator[Entry]:
        packed: list[_PackedDocument] = []
        missing: list[str] = []
        for source, path, progress in PARTS:
            place[0] = source
            part = _Packed(path, source, VerifiedStream(self._part(source, job)))
            yield path, part
            packed.append(part.document())
            self._jobs.save(replace(job, status="running", progress=progress))
        for kind, item in read(self._part("media", job)):
            if kind == "file":
                yield from self._file(job, cast("FileRecord", item), packed, missing)
        place[0] = "media"
        yield "manifest.json", [self._manifest(job, packed, missing)]

    def _part(self, source: str, job: Job) -> Iterable[bytes]:
        org_id, user_id = job.org_id, job.user_id or 0
        return (
            lines(self._profile(org_id, user_id))
            if source == "user"
            else self._personal_data.part(source, org_id, user_id)
        )

    def _profile(self, org_id: int, user_id: int) -> Iterator[Record]:
        user = self._users.find(org_id, user_id)
        if user is not None:
            yield "profile", {"id": user.id, "full_name": user.full_name, "preferences": dict(user.preferences)}

    def _file(self, job: Job, item: FileRecord, packed: list[_PackedDocument], missing: list[str]) -> Iterator[Entry]:
        path = path_in_archive(item["id"], item["file_name"])
        blocks = self._personal_data.content(item["id"], job.org_id, job.user_id or 0)
        if blocks is None:
            missing.append(item["id"])  # removed since it was listed
            return
        part = _Packed(path, "media", blocks)
        yield path, part
        if (part.size, part.hash.hexdigest()) != (item["size"], item["sha256"]):
            raise JobError("media: the bytes are not those that were stored", permanent=False)
        packed.append(part.document())

    def _manifest(self, job: Job, packed: list[_PackedDocument], missing: list[str]) -> bytes:
        document = {
            "format": 1,
            "made_at": rfc3339(self._clock.now_ns()),
            "job": job.id,
            "org_id": job.org_id,
            "user_id": job.user_id,
            "files": packed,
            "removed_meanwhile": missing,
        }
        return json.dumps(document, indent=1).encode()
