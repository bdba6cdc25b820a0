"""Notification policies: making, changing and deleting them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from heartguard_alarm.domain.policies import Policy, violations, with_changes
from heartguard_alarm.errors import IN_USE, NO_POLICY, UNSOUND
from heartguard_alarm.ports import Channels, Policies
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import FORBIDDEN, ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import Limits, require
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import AlarmPolicyRequest, AlarmPolicyUpdate, Payload

LIMIT = "alarm_policies"


class PolicyUseCases:
    """The notification policies of the organization of `principal`."""

    def __init__(
        self,
        policies: Policies,
        channels: Channels,
        *,
        authority: Authority,
        limits: Limits,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._policies = policies
        self._channels = channels
        self._authority = authority
        self._limits = limits
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def list(self, principal: Principal, after: str | None, limit: int) -> Sequence[Policy]:
        """Up to `limit` policies behind the id `after`, oldest first."""
        return self._policies.list(_own(principal), after, limit)

    def read(self, principal: Principal, policy_id: str) -> Policy:
        """A policy. Raises ALARM_011."""
        return _existing(self._policies.find(_own(principal), policy_id))

    def create(self, principal: Principal, settings: AlarmPolicyRequest) -> Policy:
        """A new policy. Raises ALARM_014, and GEN_409_LIMIT when the organization has no room for it."""
        org_id, now_ns = _own(principal), self._clock.now_ns()
        with self._transaction():
            self._authority.require_actor(principal)
            self._require_sound(org_id, settings)
            self._limits.lock(org_id, LIMIT)
            require(self._limits, org_id, LIMIT, self._policies.count(org_id))
            policy = Policy(org_id, uuid7(self._clock), settings, now_ns, now_ns)
            self._policies.store(policy)
            self._record(principal, "alarm.create_policy", policy)
        return policy

    def update(
        self, principal: Principal, policy_id: str, changes: AlarmPolicyUpdate, check: Callable[[Policy], None]
    ) -> Policy:
        """Change a policy, after calling `check` with the present state. Raises ALARM_011, ALARM_014.

        Alarms that are being notified go on with the steps that the policy has then.
        """
        org_id = _own(principal)
        with self._transaction():
            self._authority.require_actor(principal)
            policy = _existing(self._policies.find(org_id, policy_id, lock=True))
            check(policy)
            settings = with_changes(policy.settings, changes)
            self._require_sound(org_id, settings)
            if settings == policy.settings:
                return policy
            changed = replace(policy, settings=settings, changed_ns=self._clock.now_ns())
            self._policies.store(changed)
            self._record(principal, "alarm.update_policy", changed)
        return changed

    def delete(self, principal: Principal, policy_id: str) -> None:
        """Delete a policy. Raises ALARM_011, ALARM_013 while a rule names it."""
        with self._transaction():
            self._authority.require_actor(principal)
            policy = _existing(self._policies.find(_own(principal), policy_id, lock=True))
            if self._policies.used(policy):
                raise ServiceError(IN_USE)
            self._policies.delete(policy)
            self._record(principal, "alarm.delete_policy", policy)

    def _require_sound(self, org_id: int, settings: AlarmPolicyRequest) -> None:
        """Raises ALARM_014. The channels are not deleted before the transaction ends."""
        found = [*violations(settings), *self._unusable(org_id, settings)]
        if found:
            raise ServiceError(UNSOUND, details=found)

    def _unusable(self, org_id: int, settings: AlarmPolicyRequest) -> Iterator[Violation]:
        ids = sorted({it for step in settings["steps"] for it in step["channels"]})
        channels = {it: self._channels.find(org_id, it, lock=True) for it in ids}
        for number, step in enumerate(settings["steps"]):
            for place, it in enumerate(step["channels"]):
                channel, path = channels[it], f"/steps/{number}/channels/{place}"
                if channel is None:
                    yield Violation(path, "is no channel of the organization")
                elif channel.verified_ns is None:
                    yield Violation(path, "is a channel whose address is not verified")

    def _record(self, principal: Principal, action: str, policy: Policy) -> None:
        payload: Payload = {"steps": len(policy.settings["steps"]), "default": policy.is_default}
        self._audit.changed(principal, action, f"alarm_policy:{policy.id}", payload=payload)


def _own(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(FORBIDDEN)
    return principal.org_id


def _existing(policy: Policy | None) -> Policy:
    if policy is None:
        raise ServiceError(NO_POLICY)
    return policy
