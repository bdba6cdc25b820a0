"""What can be done with an organization."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from heartguard_common.audit import AuditTrail
from heartguard_common.clock import Clock
from heartguard_common.errors import Fault, ServiceError
from heartguard_common.identity import Principal
from heartguard_common.ids import uuid7
from heartguard_common.trace import REQUEST_ID
from heartguard_organization.domain import Deletion, Organization, difference, is_time_zone
from heartguard_organization.errors import NO_ORGANIZATION, UNKNOWN_TIME_ZONE, WRONG_NAME
from heartguard_organization.ports import Deletions, Organizations, Sisters

# A deletion asked for in this process is begun at once; this is how soon another process's is found.
LOOK_SECONDS = 5.0
SELF = Principal(kind="service", role="service", name="organization")
T = TypeVar("T")
_log = logging.getLogger("heartguard.organization")
Check = Callable[[Organization], None]


class OrganizationUseCases:
    """The verbs of the organization service; `principal` is always a person, acting in the own organization."""

    def __init__(
        self,
        organizations: Organizations,
        deletions: Deletions,
        audit: AuditTrail,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._organizations = organizations
        self._deletions = deletions
        self._audit = audit
        self._clock = clock
        self._wake = wake

    def read(self, principal: Principal) -> Organization:
        """The caller's organization. Raises ORG_001."""
        return _existing(self._organizations.find(_own(principal)))

    def update(self, principal: Principal, action: str, changes: Mapping[str, Any], check: Check) -> Organization:
        """Change some members of the organization, if `check` agrees with the state they stand on.

        Raises ORG_001, ORG_003 for a time zone that is none, and what `check` raises.
        """
        if "time_zone" in changes and not is_time_zone(changes["time_zone"]):
            fault = Fault("/time_zone", "is not a name of the IANA time zone database")
            raise ServiceError(UNKNOWN_TIME_ZONE, details=(fault,))

        def decide(current: Organization) -> Organization:
            check(current)
            return current.with_changes(changes)

        before, after = _existing(self._organizations.change(_own(principal), decide))
        payload = difference(before, after)
        if payload:
            self._audit.changed(principal, action, f"organization:{after.id}", payload=payload)
        return after

    def delete(self, principal: Principal, name: str) -> Deletion:
        """Ask for the end of the organization, whose name must be repeated; asked twice, it is one deletion.

        Raises ORG_001, and ORG_002 for another name.
        """
        org_id = _own(principal)
        wanted = Deletion(uuid7(self._clock), org_id, "queued", 0, principal.actor)

        def confirm(current: Organization) -> None:
            if current.name != name:
                fault = Fault("/name", "must be the name of the organization")
                raise ServiceError(WRONG_NAME, details=(fault,))

        deletion, new = _existing(self._deletions.request(wanted, confirm))
        if new:
            payload = {"job": deletion.id}
            self._audit.changed(principal, "organization.delete", f"organization:{org_id}", payload=payload)
            self._wake()
        return deletion


class DeletionWork:
    """What is done about deletions, beside the requests."""

    def __init__(self, deletions: Deletions, sisters: Sisters, audit: AuditTrail) -> None:
        self._deletions = deletions
        self._sisters = sisters
        self._audit = audit

    def run(self) -> float:
        """Take due deletions as far as they go; returns the seconds until it is worth looking again."""
        failed: set[str] = set()
        while (deletion := self._deletions.advance(self._step, failed)) is not None:
            if deletion.error is not None:
                # Whatever the clocks say, none is tried twice without a rest in between.
                failed.add(deletion.id)
            if deletion.status == "done":
                self._audit.changed(
                    SELF,
                    "organization.deleted",
                    f"organization:{deletion.org_id}",
                    org_id=deletion.org_id,
                    payload={"job": deletion.id, "requested_by": deletion.requested_by},
                )
        return LOOK_SECONDS

    def _step(self, deletion: Deletion) -> Deletion:
        # What the sisters log and audit is found by the number of the job.
        REQUEST_ID.set(deletion.id)
        step = deletion.next_step
        try:
            if step.keeper != "organization":
                self._sisters.erase(step.keeper, deletion.org_id)
        except ServiceError as error:
            _log.warning("deletion %s waits for %s: %s", deletion.id, step.keeper, error.row.code)
            return deletion.failed(f"{step.keeper}: {error.row.code}")
        return deletion.after(step)


def _own(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(NO_ORGANIZATION)
    return principal.org_id


def _existing(found: T | None) -> T:
    if found is None:
        raise ServiceError(NO_ORGANIZATION)
    return found
