"""Modes, plans, and the use of limits: what the operator decides, and what time does."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock, parse_rfc3339, rfc3339
from heartguard_common.core.errors import ServiceError, Violation
from heartguard_common.core.limit_table import TABLE
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.modes import ACTIVE
from heartguard_common.messages import Mode, OrganizationPlanUpdate, Payload
from heartguard_organization.domain import Organization
from heartguard_organization.errors import NO_ORGANIZATION, NO_PLAN
from heartguard_organization.ports import LimitValues, Organizations
from heartguard_organization.states.domain import DAY_NS, Plan, PlanTerm, State, Use, crossings, warning
from heartguard_organization.states.ports import States

STEP_SECONDS = 2.0
CHECK_NS = 20 * 1_000_000_000
"""How long ago use was looked at before it is looked at again."""
AT_ONCE = 20
RESTING = 9
"""Counting takes a tenth of the time at most: after a step, so many times as long as it took is waited."""
SYSTEM = Principal(kind="service", role="service", name="organization")
# Requests vary within a minute, and each answer says how many are left.
WATCHED = tuple(limit.name for limit in TABLE if limit.scope == "organization" and limit.name != "requests_per_minute")


class ModeUseCases:
    """The modes of organizations."""

    def __init__(
        self, organizations: Organizations, states: States, audit: AuditTrail, transaction: Transaction
    ) -> None:
        self._organizations = organizations
        self._states = states
        self._audit = audit
        self._transaction = transaction

    def choose(self, principal: Principal, org_id: int, mode: Mode) -> Organization:
        """Set the mode of an organization; it counts within a second. Raises ORG_001."""
        with self._transaction():
            require_locked(self._organizations, org_id)
            before = self._states.lock(org_id)
            self._states.save(org_id, replace(before, mode=mode, mode_chosen=True))
            record_mode(self._audit, principal, org_id, before.mode, mode)
        self._states.publish(org_id)
        return require_locked(self._organizations, org_id)


class PlanUseCases:
    """Plans: the operator gives them, `LimitValues` has their numbers."""

    def __init__(
        self,
        plans: Mapping[str, Plan],
        organizations: Organizations,
        states: States,
        values: LimitValues,
        watch: "StateWatch",
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._plans = plans
        self._watch = watch
        self._organizations = organizations
        self._states = states
        self._values = values
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def give(self, principal: Principal, org_id: int, update: OrganizationPlanUpdate) -> Organization:
        """Give an organization a plan from now on, or none. Raises ORG_001, ORG_006 for an unknown plan.

        An organization that became read-only with the end of its plan is active again.
        """
        name = update["plan"]
        if name is not None and name not in self._plans:
            raise ServiceError(NO_PLAN, details=(Violation("/plan", f"must be one of {', '.join(self._plans)}"),))
        plan = None if name is None else self._plans[name]
        with self._transaction():
            require_locked(self._organizations, org_id)
            before = self._states.lock(org_id)
            self._values.apply_plan(org_id, plan.limits if plan else {})
            after = replace(before, plan=None if plan is None else self._term(plan, update))
            if before.mode == "read_only" and not before.mode_chosen:
                after = replace(after, mode=ACTIVE)
            elif before.mode == ACTIVE:
                after = replace(after, mode_chosen=False)
            self._states.save(org_id, after)
            self._states.touch(org_id)
            payload = _payload(before.plan, after.plan)
            resource = f"organization:{org_id}"
            self._audit.changed(principal, "organization.update_plan", resource, org_id=org_id, payload=payload)
            record_mode(self._audit, principal, org_id, before.mode, after.mode)
        self._watch.end_plan(org_id)  # the end may be in the past
        return require_locked(self._organizations, org_id)

    def _term(self, plan: Plan, update: OrganizationPlanUpdate) -> PlanTerm:
        until = parse_rfc3339(update["until"]) if "until" in update else None
        if until is None and plan.days is not None:
            until = self._clock.now_ns() + plan.days * DAY_NS
        return PlanTerm(plan.name, until, update.get("grace_days", plan.grace_days))


class Uses(Protocol):
    """Counts what an organization uses."""

    def uses(self, org_id: int) -> Sequence[Use]:
        """The use of each limit of an organization, in the order of the table."""


class StateWatch:
    """What time does: ends plans, and looks at the use of limits."""

    def __init__(
        self,
        states: States,
        uses: Uses,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._states = states
        self._uses = uses
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def step(self) -> float:
        """End the plans that are due, and look at organizations not looked at lately; the seconds until the next step.

        Raises GEN_503 without PostgreSQL.
        """
        began = time.monotonic()
        for org_id in self._states.with_ended_plan(self._clock.now_ns(), AT_ONCE):
            self.end_plan(org_id)
        for org_id in self._states.to_check(self._clock.now_ns() - CHECK_NS, AT_ONCE):
            self.check(org_id)
        return max(STEP_SECONDS, RESTING * (time.monotonic() - began))

    def end_plan(self, org_id: int) -> None:
        """Bring the stage of an organization's plan up to date; after the grace it becomes read-only."""
        with self._transaction():
            before = self._states.lock(org_id)
            if before.plan is not None:
                self._advance(org_id, before, before.plan)
        self.check(org_id)
        self._states.publish(org_id)

    def _advance(self, org_id: int, before: State, plan: PlanTerm) -> None:
        after = replace(before, plan=replace(plan, stage=plan.stage_at(self._clock.now_ns())))
        if after.plan == plan:
            return
        if after.plan is not None and after.plan.stage == "ended" and before.mode == ACTIVE and not before.mode_chosen:
            after = replace(after, mode="read_only")
        payload = _payload(plan, after.plan)
        self._audit.changed(SYSTEM, "organization.plan_stage", f"organization:{org_id}", org_id=org_id, payload=payload)
        record_mode(self._audit, SYSTEM, org_id, before.mode, after.mode)
        self._states.save(org_id, after)

    def check(self, org_id: int) -> None:
        """Look at the use of an organization's limits: report what reached 80 or 100 percent, and update the header."""
        uses = [use for use in self._uses.uses(org_id) if use.name in WATCHED]
        with self._transaction():
            before = self._states.lock(org_id)
            levels, reached = crossings(before.levels, uses)
            after: State = replace(before, levels=levels, near=warning(uses, before.plan))
            for use, level in reached:
                action = "organization.limit_near" if level < 100 else "organization.limit_reached"
                payload: Payload = {"limit": use.name, "used": use.used, "value": use.value, "percent": level}
                resource = f"organization:{org_id}"
                self._audit.changed(SYSTEM, action, resource, org_id=org_id, payload=payload)
            if after != before:
                self._states.save(org_id, after)
            self._states.checked(org_id, self._clock.now_ns())
        if after.near != before.near:
            self._states.publish(org_id)


def require_locked(organizations: Organizations, org_id: int) -> Organization:
    """The organization, whose row is locked in a surrounding transaction. Raises ORG_001."""
    found = organizations.change(org_id, lambda current: current)
    if found is None:
        raise ServiceError(NO_ORGANIZATION)
    return found[1]


def record_mode(audit: AuditTrail, actor: Principal, org_id: int, before: Mode, after: Mode) -> None:
    """Record a change of mode, if it is one."""
    if before != after:
        payload: Payload = {"mode_before": before, "mode_after": after}
        audit.changed(actor, "organization.update_mode", f"organization:{org_id}", org_id=org_id, payload=payload)


def _payload(before: PlanTerm | None, after: PlanTerm | None) -> Payload:
    payload: Payload = {
        "plan_before": before.name if before else None,
        "plan_after": after.name if after else None,
        "stage_before": before.stage if before else None,
        "stage_after": after.stage if after else None,
    }
    if after is not None and after.until is not None and after.read_only_from is not None:
        payload["until"], payload["read_only_from"] = rfc3339(after.until), rfc3339(after.read_only_from)
    return payload
