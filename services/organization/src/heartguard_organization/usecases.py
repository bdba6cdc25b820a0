"""The use cases of the organization service."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock, is_time_zone
from heartguard_common.core.errors import ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limit_table import BY_NAME, TABLE
from heartguard_common.core.transactions import Transaction
from heartguard_common.http.exports import Record
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.identity.organization_state import REQUESTS
from heartguard_common.jobs.engine import Job, Jobs
from heartguard_common.messages import LimitSettingDocument, OrganizationPoliciesUpdate, OrganizationUpdate, Payload
from heartguard_organization.domain import EffectiveLimit, Organization, difference
from heartguard_organization.errors import NO_JOB, NO_LIMIT, NO_ORGANIZATION, UNKNOWN_TIME_ZONE, WRONG_NAME
from heartguard_organization.ports import LimitValues, Organizations
from heartguard_organization.states.domain import Use
from heartguard_organization.states.ports import States
from heartguard_organization.states.usecases import ModeUseCases, PlanUseCases

DELETION = "organization.delete"
T = TypeVar("T")
Check: TypeAlias = Callable[[Organization], None]
Changes: TypeAlias = OrganizationUpdate | OrganizationPoliciesUpdate


class OrganizationUseCases:
    """Reading, changing and deleting the organization of `principal`."""

    def __init__(
        self,
        organizations: Organizations,
        jobs: Jobs,
        authority: Authority,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._organizations = organizations
        self._jobs = jobs
        self._authority = authority
        self._audit = audit
        self._transaction = transaction
        self._clock = clock
        self._wake = wake

    def read(self, principal: Principal) -> Organization:
        """The caller's organization. Raises ORG_001."""
        return _existing(self._organizations.find(_own(principal)))

    def find(self, org_id: int) -> Organization:
        """Any organization. Raises ORG_001."""
        return _existing(self._organizations.find(org_id))

    def list(self, part: str | None, after_id: int, limit: int) -> Sequence[Organization]:
        """Up to `limit` organizations with an id above `after_id`, by id; with `part`, those whose name has it."""
        return self._organizations.list(part, after_id, limit)

    def update(self, principal: Principal, action: str, changes: Changes, check: Check) -> Organization:
        """Change members of the organization, after calling `check` with its current state.

        Raises ORG_001, ORG_003 for an unknown time zone, and what `check` raises.
        """
        zone = changes.get("time_zone")
        if isinstance(zone, str) and not is_time_zone(zone):
            violation = Violation("/time_zone", "is not a name of the IANA time zone database")
            raise ServiceError(UNKNOWN_TIME_ZONE, details=(violation,))

        def decide(current: Organization) -> Organization:
            check(current)
            return current.with_changes(changes)

        with self._transaction():
            _existing(self._organizations.find(_own(principal)))
            self._authority.require_actor(principal)
            before, after = _existing(self._organizations.change(_own(principal), decide))
            payload = difference(before, after)
            if payload:
                self._audit.changed(principal, action, f"organization:{after.id}", payload=payload)
        return after

    def export(self, org_id: int) -> Iterator[Record]:
        """The part of a person's export that this service has: the id and the name of the organization."""
        organization = self._organizations.find(org_id)
        if organization is not None:
            yield "organization", {"id": organization.id, "name": organization.name}

    def delete(self, principal: Principal, name: str) -> Job:
        """Request the deletion of the organization; a second request returns the same job.

        Raises ORG_001, and ORG_002 when `name` is not the organization's name.
        """
        org_id = _own(principal)
        if _existing(self._organizations.find(org_id)).name != name:
            raise ServiceError(WRONG_NAME, details=(Violation("/name", "must be the name of the organization"),))
        wanted = Job(uuid7(self._clock), DELETION, org_id, principal.actor, self._clock.now_ns())
        with self._transaction():
            self._authority.require_actor(principal, closed=True)
            self._organizations.close(org_id)
            deletion, new = self._jobs.request(wanted)
            if new:
                payload = {"job": deletion.id}
                self._audit.changed(principal, "organization.delete", f"organization:{org_id}", payload=payload)
        if new:
            self._wake()
        return deletion

    def deletion(self, principal: Principal, job_id: str) -> Job:
        """The deletion of the caller's organization, or for the operator of any organization. Raises ORG_004."""
        job = self._jobs.find(DELETION, job_id)
        if job is None or (principal.kind != "operator" and job.org_id != principal.org_id):
            raise ServiceError(NO_JOB)
        return job


class LimitUseCases:
    """Limits: an admin reads those of their organization, the operator reads and sets those of any."""

    def __init__(
        self,
        organizations: Organizations,
        values: LimitValues,
        states: States,
        audit: AuditTrail,
        transaction: Transaction,
    ) -> None:
        self._organizations = organizations
        self._values = values
        self._states = states
        self._audit = audit
        self._transaction = transaction

    def read_own(self, principal: Principal) -> Sequence[EffectiveLimit]:
        """Every limit of the caller's organization. Raises ORG_001."""
        return self.read(_own(principal))

    def read(self, org_id: int) -> Sequence[EffectiveLimit]:
        """Every limit of an organization, in the order of the table. Raises ORG_001."""
        _existing(self._organizations.find(org_id))
        return self._effective(org_id)

    def usage(self, principal: Principal) -> tuple[Organization, Sequence[EffectiveLimit]]:
        """The caller's organization, and its limits with what is used. Raises ORG_001."""
        organization = _existing(self._organizations.find(_own(principal)))
        return organization, [it for it in self._effective(organization.id) if it.used is not None]

    def uses(self, org_id: int) -> Sequence[Use]:
        """The use of each limit of an organization, in the order of the table."""
        found = self._effective(org_id)
        return [Use(it.limit.name, max(0, it.used), it.value) for it in found if it.used is not None]

    def _effective(self, org_id: int) -> Sequence[EffectiveLimit]:
        known, defaults = self._values.set_values(org_id), self._values.defaults
        used = dict(self._values.used(org_id))
        if REQUESTS in known:
            used[REQUESTS] = self._states.requests(org_id, known[REQUESTS].value)
        return [
            EffectiveLimit(
                limit=limit,
                value=known[limit.name].value if limit.name in known else defaults[limit.name],
                default=defaults[limit.name],
                # A limit of which nothing was used has no row.
                used=used.get(limit.name, 0) if limit.adjustable else None,
                source=known[limit.name].source if limit.name in known else "default",
            )
            for limit in TABLE
        ]

    def update(
        self, principal: Principal, org_id: int, settings: Sequence[LimitSettingDocument]
    ) -> Sequence[EffectiveLimit]:
        """Set own values of an organization. Raises ORG_001, ORG_005 for limits that can't be set for one."""
        violations = [
            Violation(f"/limits/{place}/name", "is not a limit that can be set for one organization")
            for place, it in enumerate(settings)
            if it["name"] not in BY_NAME or not BY_NAME[it["name"]].adjustable
        ]
        if violations:
            raise ServiceError(NO_LIMIT, details=violations)
        wanted = {it["name"]: it["value"] for it in settings}
        with self._transaction():
            _existing(self._organizations.change(org_id, lambda current: current))  # locks the row
            before = {name: it.value for name, it in self._values.set_values(org_id).items() if it.own}
            self._values.set(org_id, wanted)
            changed = {name: value for name, value in wanted.items() if before.get(name) != value}
            if changed:
                self._states.touch(org_id)
                self._states.checked(org_id, 0)  # so that its use is looked at next
                payload: Payload = {f"{name}_before": before.get(name) for name in changed}
                payload |= {f"{name}_after": value for name, value in changed.items()}
                resource = f"organization:{org_id}"
                self._audit.changed(principal, "organization.update_limits", resource, org_id=org_id, payload=payload)
        if changed:
            self._states.publish(org_id)
        return self.read(org_id)


@dataclass(frozen=True)
class UseCases:
    """The use cases that the routes call, by subject."""

    organizations: OrganizationUseCases
    limits: LimitUseCases
    modes: ModeUseCases
    plans: PlanUseCases


def _own(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(NO_ORGANIZATION)
    return principal.org_id


def _existing(found: T | None) -> T:
    if found is None:
        raise ServiceError(NO_ORGANIZATION)
    return found
