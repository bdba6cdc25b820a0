"""Asking for imports, looking at them, and cancelling one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock, is_time_zone, rfc3339
from heartguard_common.core.errors import NOT_FOUND, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.limits import Limits
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.jobs.engine import Job
from heartguard_common.messages import ImportRequest, Payload
from heartguard_influx.buckets.access import find_bucket, only_person, organization_of
from heartguard_influx.buckets.domain import own_name
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.errors import IMPORT_ENDED, NO_IMPORT, NOT_YOURS, TOO_LARGE_TO_IMPORT
from heartguard_influx.imports.domain import JOB_KIND, Counts, Import, Request
from heartguard_influx.imports.ports import ImportFiles, Imports, Ticket
from heartguard_influx.series.domain import PERSON_TAG

PER_DAY = "imports_per_day_per_member"


class Importing:
    """The imports of an organization: those of themselves for members, of everybody for admins and managers."""

    def __init__(
        self,
        imports: Imports,
        files: ImportFiles,
        buckets: Buckets,
        *,
        transaction: Transaction,
        authority: Authority,
        audit: AuditTrail,
        clock: Clock,
        limits: Limits,
        max_bytes: int,
    ) -> None:
        """`wake` has the job of a new import look at once."""
        self._imports = imports
        self._files = files
        self._buckets = buckets
        self._transaction = transaction
        self._authority = authority
        self._audit = audit
        self._clock = clock
        self._limits = limits
        self._max_bytes = max_bytes
        self.wake: Callable[[], object] = lambda: None

    def announce(self, principal: Principal, document: ImportRequest) -> Ticket:
        """Ask for an import; returns how to send the bytes of its file.

        Raises GEN_422, TS_001, TS_005, TS_042, TS_043 where there is no room for the file, GEN_404 for a person who is
        not a member, GEN_409_LIMIT and GEN_429_LIMIT.
        """
        request = self._request(principal, document)
        ticket = self._files.announce(request, direct=document.get("direct", True))
        now = self._clock.now_ns()
        job = Job(ticket.id, JOB_KIND, organization_of(principal), principal.actor, now, user_id=request.user_id)
        moment = rfc3339(now)
        made = Import(ticket.id, request, "awaiting_upload", Counts(), job, moment, moment)
        try:
            self._add(principal, made)
        except BaseException:
            self._files.remove(made)
            raise
        self.wake()
        return ticket

    def _add(self, principal: Principal, made: Import) -> None:
        request = made.request
        with self._transaction():
            if self._authority.require_writer(principal, (request.user_id,)):
                raise ServiceError(NOT_FOUND, "There is no such person")
            self._limits.take(made.org_id, PER_DAY, str(principal.user_id or 0))
            self._imports.add(made)
            payload: Payload = {"user_id": request.user_id, "size": request.size, "kind": request.kind or "auto"}
            self._audit.changed(principal, "imports.create", f"import:{made.id}", payload=payload)

    def _request(self, principal: Principal, document: ImportRequest) -> Request:
        org_id, person = organization_of(principal), only_person(principal)
        user_id = document.get("user_id", principal.user_id)
        if user_id is None:
            violation = Violation("/user_id", "is missing: the key of an organization is nobody's")
            raise ServiceError(UNPROCESSABLE, details=(violation,))
        if person is not None and user_id != person:
            raise ServiceError(NOT_YOURS)
        bucket = find_bucket(self._buckets, principal, document.get("bucket", own_name(org_id)))
        _require_readable(document)
        if document["size"] > self._max_bytes:
            raise ServiceError(TOO_LARGE_TO_IMPORT, f"A file that is imported may have {self._max_bytes} bytes at most")
        return Request(
            principal=replace(principal, token_id=None, session_id=None, key_id=None, issued_at=0, expires_at=0),
            user_id=user_id,
            bucket=bucket.name,
            file_name=document["file_name"],
            size=document["size"],
            kind=document.get("kind"),
            time_zone=document.get("time_zone", bucket.time_zone),
            csv=document.get("csv"),
        )

    def list(self, principal: Principal, user_id: int | None, before: str | None, limit: int) -> Sequence[Import]:
        """Up to `limit` imports that the caller may see, newest first, older than the import `before`."""
        person = only_person(principal)
        if person is not None and user_id not in (None, person):
            raise ServiceError(NOT_YOURS)
        return self._imports.list(organization_of(principal), person or user_id, before, limit)

    def find(self, principal: Principal, import_id: str) -> Import:
        """An import. Raises TS_040 for one that the caller may not see."""
        found = self._imports.find(organization_of(principal), import_id)
        if found is None or only_person(principal) not in (None, found.request.user_id):
            raise ServiceError(NO_IMPORT)
        return found

    def cancel(self, principal: Principal, import_id: str) -> None:
        """End an import; what it has stored stays. Repeatable. Raises TS_040, TS_041 for one that has ended."""
        with self._transaction():
            self._authority.require_writer(principal)
            found = self.find(principal, import_id)
            if found.status == "cancelled":
                return
            if found.ended or not self._imports.advance(found, found.counts, "cancelled"):
                raise ServiceError(IMPORT_ENDED)
            self._audit.changed(principal, "imports.cancel", f"import:{found.id}")
            self._imports.wake(found)
        self.wake()

    def records(self, org_id: int, user_id: int) -> Iterator[Import]:
        """All imports of a person, newest first, for the archive of their data."""
        before = None
        while found := self._imports.list(org_id, user_id, before, 100):
            yield from found
            before = found[-1].id


def _require_readable(document: ImportRequest) -> None:
    """Raises GEN_422 for an empty file, an unknown time zone, and columns that can't be told apart."""
    violations = []
    zone, columns = document.get("time_zone"), document.get("csv")
    if not document["size"]:
        violations.append(Violation("/size", "must be more than 0"))
    if zone is not None and not is_time_zone(zone):
        violations.append(Violation("/time_zone", "is not a name of the IANA time zone database"))
    if columns is not None:
        if document.get("kind", "csv") != "csv":
            violations.append(Violation("/csv", "belongs to files of the kind csv"))
        if any(it["tag"] == PERSON_TAG for it in columns.get("tag_columns", ())):
            violations.append(Violation("/csv/tag_columns", "has user_id, but the whole file belongs to one person"))
        for name, items in (
            ("value_columns", columns["value_columns"]),
            ("tag_columns", columns.get("tag_columns", ())),
        ):
            if len({it["column"] for it in items}) < len(items):
                violations.append(Violation(f"/csv/{name}", "names a column twice"))
    if violations:
        raise ServiceError(UNPROCESSABLE, details=violations)
