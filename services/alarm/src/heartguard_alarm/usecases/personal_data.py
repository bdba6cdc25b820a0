"""The parts of exports and deletions that this service has."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from heartguard_alarm.domain.alarms import Alarm, Filter
from heartguard_alarm.ports import AlarmAnnouncer, Alarms, Channels, Episodes, Messages, Policies, Rules, Silences
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.transactions import Transaction
from heartguard_common.http.exports import Record
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority


class Notified(NamedTuple):
    """The stores of who is notified."""

    channels: Channels
    policies: Policies
    silences: Silences
    messages: Messages


class PersonalData:
    """What is stored of a person or an organization."""

    def __init__(
        self,
        rules: Rules,
        episodes: Episodes,
        alarms: Alarms,
        notified: Notified,
        *,
        live: AlarmAnnouncer,
        authority: Authority,
        audit: AuditTrail,
        transaction: Transaction,
    ) -> None:
        self._rules = rules
        self._episodes = episodes
        self._alarms = alarms
        self._live = live
        self._notified = notified
        self._authority = authority
        self._audit = audit
        self._transaction = transaction

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> int:
        """Remove what is stored of an organization, or of one member; returns how many rows. Repeatable."""
        with self._transaction():
            self._authority.wait_for_writers(org_id, user_id)
            self._notified.messages.erase(org_id, user_id)
            removed = self._episodes.erase(org_id, user_id)
            if removed:
                self._live.erased(org_id)
            removed += self._notified.silences.erase(org_id, user_id)
            if user_id is None:
                removed += self._notified.policies.erase(org_id)
            else:
                self._notified.policies.forget_channels(org_id, user_id)
            removed += self._notified.channels.erase(org_id, user_id)
            removed += self._rules.erase(org_id) if user_id is None else self._rules.forget(org_id, user_id)
            if removed:
                resource = f"organization:{org_id}" if user_id is None else f"user:{user_id}"
                self._audit.changed(principal, "alarm.erase", resource, org_id=org_id, payload={"removed": removed})
        return removed

    def export(self, org_id: int, person: int) -> Iterator[Record]:
        """The alarms of a person with their history, and the rules that name them, with what applies to them."""
        before: str | None = None
        everything = Filter(person=person, withdrawn=True)
        while alarms := self._alarms.list(org_id, everything, before, 100):
            for alarm in alarms:
                yield "alarm", self._exported(alarm)
            before = alarms[-1].id
        after: str | None = None
        while rules := self._rules.list(org_id, after, 100):
            for rule in rules:
                settings = rule.current.settings
                own = [it for it in settings.get("overrides", ()) if it["user_id"] == person]
                if own or person in settings.get("people", ()):
                    yield "alarm_rule", {"id": rule.id, "name": settings["name"], "override": own[0] if own else None}
            after = rules[-1].id
        for silence in self._notified.silences.of_person(org_id, person):
            times = {"starts_at": rfc3339(silence.starts_ns), "ends_at": rfc3339(silence.ends_ns)}
            yield "alarm_silence", {"id": silence.id, "reason": silence.reason, "by": silence.created_by, **times}
        for channel in self._notified.channels.of_person(org_id, person):
            named = {"id": channel.id, "name": channel.name, "service": channel.service}
            yield "alarm_channel", {**named, "created_at": rfc3339(channel.created_ns), "by": channel.created_by}

    def _exported(self, alarm: Alarm) -> Mapping[str, object]:
        entries = self._alarms.history(alarm.org_id, alarm.id, 1_000)
        return {
            "id": alarm.id,
            "rule": {"id": alarm.rule_id, "version": alarm.version, "name": alarm.settings["name"]},
            "severity": alarm.severity,
            "start": rfc3339(alarm.start_ns),
            "end": None if alarm.end_ns is None else rfc3339(alarm.end_ns),
            "withdrawn": alarm.withdrawn,
            "notifications": [
                {"step": it.step, "service": it.service, "status": it.status, "at": rfc3339(it.at_ns)}
                for it in self._notified.messages.list(alarm.org_id, alarm.id, None, 1_000)
            ],
            "history": [
                {"kind": it.kind, "at": rfc3339(it.at_ns), "actor": it.actor, "note": it.note} for it in entries
            ],
        }
