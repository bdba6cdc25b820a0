"""Making, reading and changing rules. Each change is a new version."""

from collections.abc import Callable, Sequence

from heartguard_alarm.domain.defaults import DEFAULTS
from heartguard_alarm.domain.rules import Rule, Version, violations, with_changes
from heartguard_alarm.errors import CONTRADICTORY, NO_RULE
from heartguard_alarm.ports import Policies, Rules
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import FORBIDDEN, ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import Limits, require
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import AlarmRuleRequest, AlarmRuleUpdate, Payload

LIMIT = "alarm_rules"
CHANGES = "alarm_rule_versions_per_day"


class RuleUseCases:
    """The rules of the organization of `principal`."""

    def __init__(
        self,
        rules: Rules,
        policies: Policies,
        *,
        authority: Authority,
        limits: Limits,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._policies = policies
        self._authority = authority
        self._limits = limits
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def list(self, principal: Principal, after: str | None, limit: int) -> Sequence[Rule]:
        """Up to `limit` rules behind the id `after`, oldest first."""
        return self._rules.list(_own(principal), after, limit)

    def read(self, principal: Principal, rule_id: str) -> Rule:
        """A rule with its versions. Raises ALARM_001."""
        return _existing(self._rules.find(_own(principal), rule_id))

    def create(self, principal: Principal, settings: AlarmRuleRequest) -> Rule:
        """A new rule. Raises ALARM_002 for a contradiction, GEN_409_LIMIT when the organization has no room for it."""
        _require_sound(settings)
        with self._transaction():
            self._authority.require_actor(principal)
            self._require_policy(_own(principal), settings)
            self._require_room(_own(principal), 1)
            return self._add(principal, settings)

    def add_defaults(self, principal: Principal) -> Sequence[Rule]:
        """Add the default rules that the organization does not have, all of them off; returns those that it has now."""
        org_id = _own(principal)
        with self._transaction():
            self._authority.require_actor(principal)
            held = self._require_room(org_id, 0)
            missing = DEFAULTS.keys() - self._rules.made_from(org_id)
            require(self._limits, org_id, LIMIT, held, len(missing))
            for name in DEFAULTS:
                if name in missing:
                    self._add(principal, DEFAULTS[name][0], name)
            return [it for it in self._rules.list(org_id, None, held + len(missing)) if it.made_from is not None]

    def update(
        self, principal: Principal, rule_id: str, changes: AlarmRuleUpdate, check: Callable[[Rule], None]
    ) -> Rule:
        """Change a rule by a new version, after calling `check` with the current state.

        Raises ALARM_001, ALARM_002, GEN_429_LIMIT after too many changes in a day, and what `check` raises.
        """
        with self._transaction():
            self._authority.require_actor(principal)
            rule = _existing(self._rules.find(_own(principal), rule_id, lock=True))
            check(rule)
            settings = with_changes(rule.current.settings, changes)
            _require_sound(settings)
            if settings.get("policy_id") != rule.current.settings.get("policy_id"):
                self._require_policy(rule.org_id, settings)
            if settings == rule.current.settings:
                return rule
            changed = self._rules.add_version(rule, self._next(principal, rule, settings))
            before, after = rule.current.settings, settings
            names = sorted(name for name in changes if before.get(name) != after.get(name))
            payload: Payload = {"version": changed.current.number, "changed": ",".join(names)}
            payload["enabled"] = changed.current.enabled
            self._audit.changed(principal, "alarm.update_rule", f"alarm_rule:{rule.id}", payload=payload)
            return changed

    def delete(self, principal: Principal, rule_id: str) -> None:
        """Delete a rule: its open alarms end now, and all of its alarms stay. Raises ALARM_001."""
        with self._transaction():
            self._authority.require_actor(principal)
            rule = _existing(self._rules.find(_own(principal), rule_id, lock=True))
            off = rule.current.settings.copy()
            off["enabled"] = False
            version = self._next(principal, rule, off)
            self._rules.delete(self._rules.add_version(rule, version), version.from_ns)
            self._audit.changed(principal, "alarm.delete_rule", f"alarm_rule:{rule.id}")

    def _add(self, principal: Principal, settings: AlarmRuleRequest, made_from: str | None = None) -> Rule:
        self._limits.take(_own(principal), CHANGES)
        first = Version(1, self._clock.now_ns(), principal.actor, settings)
        rule = self._rules.add(_own(principal), uuid7(self._clock), first, made_from)
        action = "alarm.create_rule" if made_from is None else "alarm.add_default_rules"
        payload: Payload = {"measurement": settings["measurement"], "enabled": first.enabled}
        self._audit.changed(principal, action, f"alarm_rule:{rule.id}", payload=payload)
        return rule

    def _next(self, principal: Principal, rule: Rule, settings: AlarmRuleRequest) -> Version:
        self._limits.take(rule.org_id, CHANGES)
        from_ns = max(self._clock.now_ns(), rule.current.from_ns + 1)
        return Version(rule.current.number + 1, from_ns, principal.actor, settings)

    def _require_policy(self, org_id: int, settings: AlarmRuleRequest) -> None:
        """Raises ALARM_002 where the notification policy does not exist; it is not deleted during the transaction."""
        policy_id = settings.get("policy_id")
        if policy_id is not None and self._policies.find(org_id, policy_id, lock=True) is None:
            violation = Violation("/policy_id", "is no notification policy of the organization")
            raise ServiceError(CONTRADICTORY, details=(violation,))

    def _require_room(self, org_id: int, wanted: int) -> int:
        """How many rules there are; nobody else adds one until the transaction ends. Raises GEN_409_LIMIT."""
        self._limits.lock(org_id, LIMIT)
        held = self._rules.count(org_id)
        if wanted:
            require(self._limits, org_id, LIMIT, held, wanted)
        return held


def _require_sound(settings: AlarmRuleRequest) -> None:
    found = violations(settings)
    if found:
        raise ServiceError(CONTRADICTORY, details=found)


def _own(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(FORBIDDEN)
    return principal.org_id


def _existing(rule: Rule | None) -> Rule:
    if rule is None:
        raise ServiceError(NO_RULE)
    return rule
