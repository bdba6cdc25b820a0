"""Which steps of notification policies are due, and which messages they make."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from heartguard_alarm.domain.alarms import HistoryEntry
from heartguard_alarm.domain.local_times import NANOSECONDS
from heartguard_alarm.domain.notifications import DueGroup, Escalation
from heartguard_alarm.domain.policies import Policy
from heartguard_alarm.domain.rules import Rule
from heartguard_alarm.ports import AlarmAnnouncer, Alarms, Channels, Escalations, Messages, Policies, Silences
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.limits import Limits
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import Payload

IDLE_SECONDS = 0.5
HOUR_NS = 3600 * NANOSECONDS
# After so long it is looked again whether the limit has room, and what has failed is tried again.
LATER_NS = 60 * NANOSECONDS
LIMIT = "alarm_messages_per_hour"
_log = logging.getLogger("heartguard.alarm")


class NotificationStores(NamedTuple):
    """What is stored of notifications."""

    channels: Channels
    policies: Policies
    silences: Silences
    escalations: Escalations
    messages: Messages
    alarms: Alarms


class Escalating:
    """Begins to notify episodes, and makes the messages of each step that is due."""

    def __init__(
        self,
        stores: NotificationStores,
        *,
        live: AlarmAnnouncer,
        authority: Authority,
        limits: Limits,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._live = live
        self._authority = authority
        self._limits = limits
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def raised(self, rule: Rule, episode_id: str) -> None:
        """Have an episode notified, as part of the transaction that stores it; nothing where no policy applies."""
        policy = self._stores.policies.applying(rule.org_id, rule.current.settings.get("policy_id"))
        if policy is not None:
            due = policy.due(0, 0)
            self._stores.escalations.begin(rule.org_id, episode_id, policy, due, due.seconds, self._clock.now_ns())

    def reopened(self, rule: Rule, episode_id: str) -> None:
        """Have an episode notified that had ended and is active again, because points came late.

        It goes on with the step after the last one that was notified: its escalation had ended with it, and so has that
        of an episode that was merged into it.
        """
        policy = self._stores.policies.applying(rule.org_id, rule.current.settings.get("policy_id"))
        told = self._stores.messages.last_place(rule.org_id, episode_id)
        if policy is None or told is None:
            self.raised(rule, episode_id)
            return
        following = policy.following(*told)
        if following is not None:
            wait_seconds = max(1, following.seconds - policy.due(*told).seconds)
            now_ns = self._clock.now_ns()
            self._stores.escalations.begin(rule.org_id, episode_id, policy, following, wait_seconds, now_ns)

    def step(self) -> float:
        """Make the messages of the steps that are due for one policy; returns the seconds until the next call.

        What fails is due again in a minute, and does not stop what other policies have.
        """
        group = self._stores.escalations.due(self._clock.now_ns())
        if group is None:
            return IDLE_SECONDS
        try:
            return self._step(group)
        except ServiceError:  # PostgreSQL is unavailable
            raise
        except Exception:
            now_ns = self._clock.now_ns()
            self._stores.escalations.postpone(group, now_ns, now_ns + LATER_NS)
            raise

    def _step(self, group: DueGroup) -> float:
        with self._transaction():
            # The locks of people come before those of rows, as everywhere.
            admitted = frozenset(it for it in group.persons if self._authority.admits(group.org_id, it))
            for person in group.persons - admitted:
                self._stores.escalations.abandon(group.org_id, person)
            claimed = self._stores.escalations.claim(group._replace(persons=admitted), self._clock.now_ns())
            if claimed:
                self._notify(group, claimed)
        return 0.0 if claimed or admitted != group.persons else IDLE_SECONDS

    def _notify(self, group: DueGroup, claimed: Sequence[Escalation]) -> None:
        policy, now_ns = self._stores.policies.find(group.org_id, group.policy_id), self._clock.now_ns()
        due = []
        for it in claimed:
            if policy is None or it.ended is not None or not policy.channels_of(it.step):
                self._stores.escalations.end(it)
            elif not self._held_back(it, policy, now_ns):
                due.append(it)
        if policy is None or not due:
            return
        if self._over_limit(policy, due, now_ns):
            for it in due:
                self._stores.escalations.move(it, None, now_ns + LATER_NS)
            return
        self._write(policy, due, now_ns)
        for it in due:
            self._advance(policy, it, now_ns)

    def _held_back(self, it: Escalation, policy: Policy, now_ns: int) -> bool:
        """Whether a silence or the quiet hours hold a step back; then it is due again when they end."""
        silent_ns = self._stores.silences.until(it.org_id, it.person, it.rule_id, now_ns)
        if silent_ns is not None:
            for channel_id in policy.channels_of(it.step):
                channel = self._stores.channels.find(it.org_id, channel_id)
                if channel is not None:
                    self._stores.messages.silence(it, channel, now_ns)
            self._stores.escalations.move(it, None, silent_ns)
            return True
        loud_ns = now_ns if it.severity == "critical" else policy.loud_at(now_ns)
        if loud_ns > now_ns:
            self._stores.escalations.move(it, None, loud_ns)
        return loud_ns > now_ns

    def _over_limit(self, policy: Policy, due: Sequence[Escalation], now_ns: int) -> bool:
        self._limits.lock(policy.org_id, LIMIT)
        wanted = len({channel for it in due for channel in policy.channels_of(it.step)})
        made = self._stores.messages.created_since(policy.org_id, now_ns - HOUR_NS)
        if made + wanted <= self._limits.value(policy.org_id, LIMIT):
            return False
        self._limits.refused(LIMIT)
        _log.warning("organization:%s has used up %s: messages wait", policy.org_id, LIMIT)
        return True

    def _write(self, policy: Policy, due: Sequence[Escalation], now_ns: int) -> None:
        """One message for each channel, about all alarms that are due for it."""
        for channel_id in policy.channels:
            theirs = [it for it in due if channel_id in policy.channels_of(it.step)]
            channel = self._stores.channels.find(policy.org_id, channel_id) if theirs else None
            if channel is not None:
                self._stores.messages.add(theirs, policy, channel, now_ns)

    def _advance(self, policy: Policy, it: Escalation, now_ns: int) -> None:
        """Go on to the step that follows, as long after this one as the policy says."""
        if it.step > 0:
            alarm = self._stores.alarms.find(it.org_id, it.episode_id)
            if alarm is not None:
                self._stores.alarms.record(alarm, HistoryEntry("escalated", now_ns, None, None))
                self._live.happened(it.org_id, {it.episode_id: 1})
            payload: Payload = {"user": it.person, "rule": it.rule_id, "step": it.step, "repeat": it.repeat}
            self._audit.changed(None, "alarm.escalated", f"alarm:{it.episode_id}", org_id=it.org_id, payload=payload)
        following = policy.following(it.step, it.repeat)
        if following is None:
            self._stores.escalations.end(it)
            return
        wait_seconds = following.seconds - policy.due(it.step, it.repeat).seconds
        self._stores.escalations.move(it, following, now_ns + max(1, wait_seconds) * NANOSECONDS)
