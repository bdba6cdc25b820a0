"""Reading alarms, and what people do with them."""

from collections.abc import Sequence

from heartguard_alarm.domain.alarms import Alarm, Filter, HistoryEntry
from heartguard_alarm.domain.changes import Kind
from heartguard_alarm.domain.notifications import Notification
from heartguard_alarm.domain.samples import Sample
from heartguard_alarm.errors import NO_ALARM, WITHDRAWN
from heartguard_alarm.ports import AlarmAnnouncer, Alarms, Changes, Messages
from heartguard_common.audit.events import AuditTrail, disclosed
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import FORBIDDEN, ServiceError
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import Payload

HISTORY = 200
VALUES = 1000
ACTIONS = {"acknowledged": "alarm.acknowledge", "noted": "alarm.note", "closed": "alarm.close"}


class AlarmUseCases:
    """The alarms of the organization of `principal`; a member with the role user sees their own."""

    def __init__(
        self,
        alarms: Alarms,
        points: Changes,
        messages: Messages,
        *,
        live: AlarmAnnouncer,
        authority: Authority,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._alarms = alarms
        self._points = points
        self._live = live
        self._messages = messages
        self._authority = authority
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def list(self, principal: Principal, wanted: Filter, before: str | None, limit: int) -> Sequence[Alarm]:
        """Up to `limit` alarms with an id below `before`, those that were found last first."""
        own = _only(principal)
        if own is not None:
            if wanted.person not in (None, own):
                return ()
            wanted = wanted._replace(person=own)
        return self._alarms.list(_organization(principal), wanted, before, limit)

    def read(self, principal: Principal, alarm_id: str) -> tuple[Alarm, Sequence[HistoryEntry], Sequence[Sample]]:
        """An alarm with its history and the values behind it. Raises ALARM_003, GEN_502 without the service of points.

        The values are a disclosure, which is recorded.
        """
        alarm = self._find(principal, alarm_id)
        values = self._values(alarm)
        payload: Payload = {"alarm": alarm.id, "points": len(values)}
        disclosed(self._audit, principal, "alarm.read", alarm.person, payload)
        return alarm, self._alarms.history(alarm.org_id, alarm.id, HISTORY), values

    def acknowledge(self, principal: Principal, alarm_id: str, note: str | None) -> Alarm:
        """Record that somebody takes care of an alarm. Who acknowledges it again changes nothing.

        Raises ALARM_003, ALARM_004.
        """
        return self._record(principal, alarm_id, "acknowledged", note)

    def note(self, principal: Principal, alarm_id: str, note: str) -> Alarm:
        """Add a note to the history. Raises ALARM_003, ALARM_004."""
        return self._record(principal, alarm_id, "noted", note)

    def close(self, principal: Principal, alarm_id: str, reason: str) -> Alarm:
        """Close an alarm; its interval stays. A second time changes nothing. Raises ALARM_003, ALARM_004."""
        return self._record(principal, alarm_id, "closed", reason)

    def notifications(
        self, principal: Principal, alarm_id: str, after: Sequence[int | str] | None, limit: int
    ) -> Sequence[Notification]:
        """Up to `limit` messages about an alarm, behind a position. Raises ALARM_003."""
        alarm = self._find(principal, alarm_id)
        return self._messages.list(alarm.org_id, alarm.id, after, limit)

    def _record(self, principal: Principal, alarm_id: str, kind: Kind, note: str | None) -> Alarm:
        found = self._find(principal, alarm_id)
        with self._transaction():
            self._authority.require_actor(principal, others=(found.person,))
            alarm = self._alarms.find(found.org_id, found.id, lock=True)
            if alarm is None or not self._authority.admits(found.org_id, found.person):
                raise ServiceError(NO_ALARM)
            if alarm.withdrawn:
                raise ServiceError(WITHDRAWN)
            done = {"acknowledged": alarm.acknowledged_ns, "closed": alarm.closed_ns}.get(kind)
            if done is not None:
                return alarm
            entry = HistoryEntry(kind, self._clock.now_ns(), principal.actor, note)
            self._alarms.record(alarm, entry)
            self._audit.changed(principal, ACTIONS[kind], f"alarm:{alarm.id}", payload={"user": alarm.person})
            self._live.happened(alarm.org_id, {alarm.id: 1})
            return self._alarms.find(alarm.org_id, alarm.id) or alarm

    def _find(self, principal: Principal, alarm_id: str) -> Alarm:
        alarm = self._alarms.find(_organization(principal), alarm_id)
        if alarm is None or _only(principal) not in (None, alarm.person):
            raise ServiceError(NO_ALARM)
        return alarm

    def _values(self, alarm: Alarm) -> Sequence[Sample]:
        stop_ns = alarm.end_ns if alarm.end_ns is not None else self._clock.now_ns()
        name, found = alarm.settings["field"], list[Sample]()
        bounds = alarm.start_ns, max(stop_ns, alarm.raised_ns) + 1
        for page in self._points.readings(alarm.org_id, alarm.person, alarm.settings["measurement"], *bounds):
            found += [Sample(it.time_ns, it.values[name]) for it in page if name in it.values]
            if len(found) >= VALUES:
                break
        return found[:VALUES]


def _only(principal: Principal) -> int | None:
    """The person whose alarms the caller may see; None for all of the organization."""
    return principal.user_id if principal.role == "user" else None


def _organization(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(FORBIDDEN)
    return principal.org_id
